// What `setup` writes, `--undo` takes back: byte for byte when nobody touched the file, and nothing else when somebody did.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import { companion, useQuickHelper } from './companion.ts';

let world: World;
before(() => {
  world = openWorld();
  useQuickHelper(world);
});
after(() => world.remove());

const url = '/nowhere/team.git';
const core = '[core]\n\trepositoryformatversion = 0\n\tbare = false\n';
const remote = `[remote "origin"]\n\turl = ${url}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`;

let repositories = 0;
function repository(config: string | Buffer, ...init: readonly string[]): { at: string; config: string } {
  repositories += 1;
  const at = world.path(`r${repositories}`);
  world.git(world.directory, 'init', '-q', ...init, at);
  const file = init.includes('--bare') ? join(at, 'config') : join(at, '.git', 'config');
  writeFileSync(file, config);
  return { at, config: file };
}

async function run(at: string, ...args: readonly string[]): Promise<Ran> {
  const ran = await companion(world, at, ['setup', ...args]);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

const vcs = (at: string, name = 'origin'): string =>
  world.run(at, 'git', ['config', `remote.${name}.vcs`]).stdout.trim();
const text = (file: string): string => readFileSync(file, 'utf8');

describe('byte for byte', () => {
  const files: Readonly<Record<string, string>> = {
    ordinary: core + remote,
    CRLF: (core + remote).replaceAll('\n', '\r\n'),
    'no line feed at the end': core + remote.slice(0, -1),
    'no line feed at the end of another section': `${core}${remote}[user]\n\tname = Ada`,
    'CR at the end': `${core}${remote.slice(0, -1)}\r`,
    'comments, odd spacing, a section in pieces':
      `# top\n${core}\n ; x\n[remote "origin"]  \n   url=${url}   # here\n\n[user]\n\tname = Ada\n` +
      '[remote "origin"]\n\n\t fetch  =  +refs/heads/*:refs/remotes/origin/* ; there\n\n\n# end',
    'on the line of its section': `${core}${remote}[remote "origin"] pushurl = x\n[user] name = Ada\n`,
    'a comment behind the header of an empty section': `${core}${remote}[remote "origin"] # none\n`,
    'section in capitals': core + remote.replace('[remote', '[REMOTE'),
    'section with a dot': core + remote.replace(' "origin"', '.origin'),
    'byte order mark': `\ufeff${core}${remote}`,
    'a value over two lines': `${core}${remote}[alias]\n\tx = "a\\\n b"\n[remote "origin"]\n\tpushurl = a\\\nb\n`,
    'lines that look like ours': `${core}[remote "other"]\n\turl = x\n\tvcs = dvcexp\n${remote}#\tvcs = dvcexp\n`,
  };
  for (const [name, content] of Object.entries(files)) {
    test(name, async () => {
      const { at, config } = repository(content);
      await run(at, 'origin', ...(/^(?:ordinary|CRLF|no line feed)/.test(name) ? ['--experiments'] : []));
      assert.equal(vcs(at), 'dvcexp');
      assert.notEqual(text(config), content);
      const undone = await run(at, 'origin', '--undo');
      assert.equal(text(config), content);
      assert.match(undone.stdout, /byte for byte what it was before/);
      assert.ok(!existsSync(join(at, '.git', 'dvcexp')), 'nothing of ours is left');
    });
  }

  test('setup and its options in two steps, and taken back in two', async () => {
    const { at, config } = repository(core + remote);
    await run(at);
    const withVcs = text(config);
    await run(at, '--experiments');
    assert.equal(world.git(at, 'config', '--get-all', 'remote.origin.fetch').split('\n').length, 7);
    const both = text(config);
    await run(at, '--experiments');
    assert.equal(text(config), both, 'a second time changes nothing');
    await run(at, '--undo', '--experiments');
    assert.equal(text(config), withVcs);
    await run(at, '--undo');
    assert.equal(text(config), core + remote);
  });

  test('a remote with quotes, dots and letters of all kinds in its name', async () => {
    const { at, config } = repository(core);
    const name = 'a"b.ü/日本';
    world.git(at, 'remote', 'add', name, url);
    const before = text(config);
    await run(at, name, '--experiments');
    assert.equal(vcs(at, name), 'dvcexp');
    await run(at, name, '--undo');
    assert.equal(text(config), before);
  });

  test('a remote that is only in an included file, which is left alone', async () => {
    const { at, config } = repository(`${core}[include]\n\tpath = ../../shared\n`);
    writeFileSync(world.path('shared'), remote);
    const before = text(config);
    await run(at);
    assert.equal(vcs(at), 'dvcexp');
    assert.equal(text(world.path('shared')), remote);
    await run(at, '--undo');
    assert.equal(text(config), before);
  });

  for (const mode of [0o600, 0o664, 0o444]) {
    test(`mode ${mode.toString(8)}`, async () => {
      const { at, config } = repository(core + remote);
      chmodSync(config, mode);
      await run(at);
      await run(at, '--undo');
      assert.equal(statSync(config).mode & 0o7777, mode);
      assert.equal(text(config), core + remote);
    });
  }

  test('a configuration that is a link', async () => {
    const { at, config } = repository(core + remote);
    renameSync(config, join(at, 'elsewhere'));
    symlinkSync('../elsewhere', config);
    await run(at);
    assert.match(text(join(at, 'elsewhere')), /dvcexp/);
    await run(at, '--undo');
    assert.ok(lstatSync(config).isSymbolicLink());
    assert.equal(text(config), core + remote);
  });

  test('a bare repository', async () => {
    const { at, config } = repository(core.replace('false', 'true') + remote, '--bare');
    const set = await run(at);
    assert.match(set.stderr, /no DVC project/);
    assert.equal(vcs(at), 'dvcexp');
    await run(at, '--undo');
    assert.equal(text(config), core.replace('false', 'true') + remote);
  });

  test('a linked worktree with a configuration of its own', async () => {
    const worktreeConfig = '[extensions]\n\tworktreeConfig = true\n';
    const { at, config } = repository(core.replace(' 0', ' 1') + worktreeConfig + remote);
    world.git(at, 'commit', '-q', '--allow-empty', '-m', 'one');
    world.git(at, 'worktree', 'add', '-q', world.path('linked'));
    const before = text(config);
    const own = join(at, '.git', 'worktrees', 'linked', 'config.worktree');
    writeFileSync(own, '[user]\n\tname = Ada\n');
    mkdirSync(world.path('linked', 'deep'));
    await run(world.path('linked', 'deep'));
    assert.equal(vcs(at), 'dvcexp');
    await run(world.path('linked'), '--undo');
    assert.equal(text(config), before);
    assert.equal(text(own), '[user]\n\tname = Ada\n');
  });

  test('two remotes, taken back in either order', async () => {
    for (const [first, second] of [
      ['origin', 'other'],
      ['other', 'origin'],
    ] as const) {
      const content = `${core}${remote}${remote.replaceAll('origin', 'other')}# end\n`;
      const { at, config } = repository(content);
      await run(at, 'origin');
      await run(at, 'other', '--experiments');
      await run(at, first, '--undo');
      assert.deepEqual([vcs(at, first), vcs(at, second)], ['', 'dvcexp']);
      await run(at, second, '--undo');
      assert.equal(text(config), content);
    }
  });
});

describe('when the file was changed in between', () => {
  const set = async (): Promise<{ at: string; config: string }> => {
    const made = repository(core + remote);
    await run(made.at);
    return made;
  };

  test('what was added stays, also in the section and before our line', async () => {
    const { at, config } = await set();
    world.git(at, 'config', 'remote.origin.tagopt', '--no-tags');
    world.git(at, 'config', 'user.name', 'Ada');
    writeFileSync(config, `# mine\n${text(config)}# too\n`);
    const undone = await run(at, '--undo');
    assert.equal(text(config), `# mine\n${core}${remote}\ttagopt = --no-tags\n[user]\n\tname = Ada\n# too\n`);
    assert.match(undone.stdout, /all else there was left as it is/);
    assert.doesNotMatch(undone.stdout, /byte for byte/);
  });

  test('what was added to a section that setup made stays in its section', async () => {
    writeFileSync(world.path('included'), remote);
    const { at, config } = repository(`${core}[include]\n\tpath = ../../included\n`);
    await run(at);
    world.git(at, 'config', 'remote.origin.tagopt', '--no-tags');
    await run(at, '--undo');
    assert.equal(text(config), `${core}[include]\n\tpath = ../../included\n[remote "origin"]\n\ttagopt = --no-tags\n`);
  });

  test('a line that somebody wrote anew goes by git config --unset', async () => {
    const { at, config } = await set();
    writeFileSync(config, text(config).replace('\tvcs = dvcexp\n', '\tVCS=dvcexp # ours\n'));
    const undone = await run(at, '--undo');
    assert.match(undone.stdout, /removed by git config --unset: remote.origin.vcs = dvcexp .*have been changed/);
    assert.equal(text(config), core + remote);
  });

  test('a line that is gone is told, and is no failure', async () => {
    const { at, config } = await set();
    world.git(at, 'config', '--unset', 'remote.origin.vcs');
    const undone = await run(at, '--undo');
    assert.match(undone.stdout, /gone already: remote.origin.vcs/);
    assert.equal(text(config), core + remote);
    assert.match((await run(at, '--undo')).stdout, /nothing to undo/);
  });

  test('a remote that is gone leaves a record, which can be forgotten', async () => {
    const { at } = await set();
    world.git(at, 'remote', 'remove', 'origin');
    assert.match((await companion(world, at, ['doctor'])).stdout, /'origin', which is no more/);
    await run(at, 'origin', '--undo');
    assert.ok(!existsSync(join(at, '.git', 'dvcexp')));
    assert.equal((await companion(world, at, ['setup', 'origin', '--undo'])).code, 129);
  });

  test('another value in its place is not ours to remove', async () => {
    const { at, config } = await set();
    world.git(at, 'config', 'remote.origin.vcs', 'hg');
    const before = text(config);
    const undone = await companion(world, at, ['setup', '--undo']);
    assert.equal(undone.code, 128);
    assert.match(undone.stderr, /remote\.origin\.vcs is 'hg' in '.*', which setup did not write/);
    assert.equal(text(config), before);
  });
});

describe('without a record', () => {
  test('a value written by hand is removed by git config --unset, and said to be', async () => {
    const { at, config } = repository(core + remote);
    world.git(at, 'config', 'remote.origin.vcs', 'dvcexp');
    assert.match((await run(at)).stdout, /is set up already/);
    const undone = await run(at, '--undo');
    assert.match(undone.stdout, /removed by git config --unset: remote\.origin\.vcs = dvcexp \(not written by setup\)/);
    assert.equal(text(config), core + remote);
  });

  test('a record that was deleted or cannot be read is no record', async () => {
    const { at, config } = repository(core + remote);
    for (const spoil of [(path: string): void => rmSync(path, { recursive: true }), spoilFiles]) {
      await run(at, '--experiments');
      spoil(join(at, '.git', 'dvcexp', 'setup'));
      await run(at, '--undo');
      assert.equal(text(config), core + remote);
    }
  });

  test("a value in the user's own file is not touched, and the command says what to type", async () => {
    const { at, config } = repository(core + remote);
    world.git(at, 'config', '--global', 'remote.origin.vcs', 'dvcexp');
    try {
      const global = join(world.env.HOME ?? '', '.gitconfig');
      const before = text(global);
      assert.match((await run(at)).stdout, /is set up already: remote.origin.vcs = dvcexp in '.*\.gitconfig'/);
      const undone = await companion(world, at, ['setup', '--undo']);
      assert.equal(undone.code, 128);
      assert.match(undone.stdout, /nothing to undo/);
      assert.equal(text(global), before);
      assert.equal(text(config), core + remote);
      const [, command = ''] = /^hint: to remove it: (.*)$/m.exec(undone.stderr) ?? [];
      assert.equal(world.run(at, 'sh', ['-c', command]).code, 0, command);
      assert.equal(vcs(at), '');
    } finally {
      world.run(at, 'git', ['config', '--global', '--unset-all', 'remote.origin.vcs']);
    }
  });
});

test('a configuration that another Git holds is not touched', async () => {
  const { at, config } = repository(core + remote);
  writeFileSync(`${config}.lock`, '');
  const locked = await companion(world, at, ['setup']);
  assert.notEqual(locked.code, 0);
  assert.match(locked.stderr, /could not lock config file/);
  rmSync(`${config}.lock`);
  await run(at);
  const before = text(config);
  writeFileSync(`${config}.lock`, '');
  assert.match(
    (await companion(world, at, ['setup', '--undo'])).stderr,
    /could not lock config file .*File exists\nhint: /,
  );
  assert.equal(text(config), before);
  rmSync(`${config}.lock`);
  await run(at, '--undo');
  assert.equal(text(config), core + remote);
});

function spoilFiles(folder: string): void {
  for (const name of ['x', ...world.run(folder, 'ls', []).stdout.split('\n')])
    if (name !== '') writeFileSync(join(folder, name), '{"format": 1, "remote": "origin", "edits": [{}, 3, null]}');
}
