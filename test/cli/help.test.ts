// Usage, the manual page, completion: they name the same verbs and options.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { toRoff } from '../../scripts/man.ts';
import { openWorld, type World } from '../kit/world.ts';
import { companion, program } from './companion.ts';

let world: World;
before(() => {
  world = openWorld();
});
after(() => world.remove());

const help = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await companion(world, world.directory, [...args, '-h']);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
};
const verbs = async (): Promise<string[]> =>
  [...(await help()).matchAll(/^ {2}git dvcexp ([\w-]+)/gm)].map(([, verb = '']) => verb);
/** `--name` of each option that a verb takes. */
const optionsOf = async (verb: string): Promise<string[]> =>
  [...new Set([...(await help(verb)).matchAll(/--([a-z][a-z-]*)/g)].map(([, name = '']) => name))].sort();
const page = readFileSync('docs/man/git-dvcexp.1.md', 'utf8');

test('the manual page describes every verb and option', async () => {
  const found = await verbs();
  assert.ok(found.length >= 11, found.join(' '));
  for (const verb of found) {
    assert.ok(new RegExp(`^git dvcexp ${verb}\\b`, 'm').test(page), `${verb} in the synopsis`);
    assert.ok(new RegExp(`^\\*\\*${verb}\\*\\*`, 'm').test(page), `${verb} among the commands`);
    for (const option of await optionsOf(verb)) {
      assert.ok(new RegExp(`^\\*\\*.*--${option}\\*\\*`, 'm').test(page), `--${option} of ${verb}`);
    }
  }
});

describe('completion offers every verb and option, and no other, in', () => {
  const text = (file: string): string => readFileSync(`completion/${file}`, 'utf8');
  async function each(judge: (verb: string, options: readonly string[]) => void): Promise<void> {
    for (const verb of await verbs()) judge(verb, await optionsOf(verb));
  }

  test('bash', async () => {
    const bash = text('git-dvcexp.bash');
    const variable = (name: string): string => new RegExp(`local ${name}="(.*)"`).exec(bash)?.[1] ?? '';
    assert.deepEqual(variable('verbs').split(' '), [...(await verbs()), 'help']);
    await each((verb, options) => {
      const [, words = ''] = new RegExp(`\\b${verb},--\\*[^)]*\\)\\n\\t+__gitcomp "(.*)"`).exec(bash) ?? [];
      const offered = words.replace('$selecting', variable('selecting')).replace('$moving', variable('moving'));
      const names = offered.split(' ').flatMap((word) => (word === '' ? [] : [word.replace(/^--/, '')]));
      assert.deepEqual(names.sort(), options, verb);
    });
  });

  test('zsh', async () => {
    const zsh = text('_git-dvcexp');
    const array = (name: string): string => new RegExp(`^ {2}${name}=\\(\\n((?: {4}.*\\n)*)`, 'm').exec(zsh)?.[1] ?? '';
    assert.deepEqual(
      [...array('verbs').matchAll(/'([\w-]+):/g)].map(([, verb]) => verb),
      [...(await verbs()), 'help'],
    );
    await each((verb, options) => {
      const [, body = ''] = new RegExp(`^ {8}(?:\\w+\\|)?${verb}(?:\\|\\w+)?\\)([^;]*);;`, 'm').exec(zsh) ?? [];
      const offered = body.replace('$selecting', array('selecting')).replace('$moving', array('moving'));
      const names = new Set(
        [...offered.matchAll(/(?:'\*?|[{,]|'\([a-z -]+\))--([a-z-]+)/g)].map(([, name]) => name ?? ''),
      );
      assert.deepEqual([...names].sort(), options, verb);
    });
  });

  test('fish', async () => {
    const fish = text('git-dvcexp.fish');
    const offered = [...fish.matchAll(/-n "not \$verb \$verbs" -a ([\w-]+)/g)].map(([, verb]) => verb);
    assert.deepEqual(offered, [...(await verbs()), 'help']);
    await each((verb, options) => {
      const names = [...fish.matchAll(/-n "\$verb ([\w -]+)".* -l ([a-z-]+)/g)].flatMap(([, of = '', name = '']) =>
        of.split(' ').includes(verb) ? [name] : [],
      );
      assert.deepEqual(names.sort(), options, verb);
    });
  });

  test('what git dvcexp completion prints', async () => {
    for (const [shell, file] of [
      ['bash', 'git-dvcexp.bash'],
      ['zsh', '_git-dvcexp'],
      ['fish', 'git-dvcexp.fish'],
    ] as const) {
      const ran = await companion(world, world.directory, ['completion', shell]);
      assert.deepEqual(ran, { code: 0, stdout: text(file), stderr: '' });
    }
    const none = await companion(world, world.directory, ['completion', 'tcsh']);
    assert.deepEqual(none, {
      code: 129,
      stdout: '',
      stderr: "error: there is no completion for 'tcsh'\nhint: there is for bash, zsh, fish\n",
    });
  });
});

describe('help', () => {
  test('asks Git for the manual page, with ours where man looks, and is short where there is none', async () => {
    const called = `echo "$MANPATH|$*" >'${world.path('called')}'`;
    for (const [code, args] of [
      [0, ['--help']],
      [0, ['push', '--help']],
      [0, ['help', 'push']],
      [1, ['help', 'push']],
    ] as const) {
      const git = program(world, `git-${code}`, 'git', `${called}; exit ${code}`);
      const ran = await companion(world, world.directory, args, {
        env: { PATH: `${git}:${world.env.PATH}`, MANPATH: '/other' },
      });
      assert.deepEqual([ran.code, ran.stderr], [0, '']);
      assert.match(world.run(world.directory, 'cat', ['called']).stdout, /^\S+\/dist\/man:\/other\|help dvcexp\n$/);
      if (code === 0) assert.equal(ran.stdout, '');
      else assert.match(ran.stdout, /^git dvcexp push \[<git remote>\] \[<experiment>\.\.\]\n/);
    }
  });

  test('a word that is no verb', async () => {
    for (const args of [['statsu'], ['help', 'statsu'], ['statsu', '--help'], ['-C', '.', 'statsu', '-h']]) {
      const ran = await companion(world, world.directory, args);
      assert.deepEqual([ran.code, ran.stdout], [129, '']);
      assert.match(ran.stderr, /^error: there is no command 'statsu'\nhint: did you mean 'status'\?\n/);
    }
    const nothing = await companion(world, world.directory, []);
    assert.deepEqual([nothing.code, nothing.stdout], [129, '']);
    assert.match(nothing.stderr, /^error: say what to do; 'git dvcexp -h' lists the commands\n/);
  });
});

test('a manual page is what man reads, and no word of it is taken for a command of roff', () => {
  const roff = toRoff(
    [
      '# git-x(1)',
      '',
      '## A-B',
      '',
      '.dvc/config and `.git` _here_ are **b**, see <https://x/y> and [z](../z.md),',
      "'quoted' and snake_case \\n … `^a`",
      '',
      '**-o** _n_',
      ': What it',
      'does.',
      '',
      '- one',
      '  two',
      '- three',
      '',
      '```',
      '.code',
      '',
      "'code",
      '```',
    ].join('\n'),
    '1.0-x',
  );
  assert.deepEqual(roff.split('\n'), [
    '.TH "GIT\\-X" "1" "" "git\\-remote\\-dvcexp 1.0\\-x" "Git Manual"',
    '.nh',
    '.ad l',
    '.SH "A\\-B"',
    '.PP',
    '\\&.dvc/config and \\fB\\&.git\\fR \\fIhere\\fR are \\fBb\\fR, see https://x/y and z, \\(aqquoted\\(aq and snake_case \\en \\[u2026] \\fB\\(haa\\fR',
    '.TP',
    '\\fB\\-o\\fR \\fIn\\fR',
    'What it does.',
    '.IP \\(bu 2',
    'one two',
    '.IP \\(bu 2',
    'three',
    '.PP',
    '.RS 4',
    '.nf',
    '\\&.code',
    '',
    '\\(aqcode',
    '.fi',
    '.RE',
    '',
  ]);
  assert.throws(() => toRoff('no title', '1'), /begins with/);
});
