// Wrong input to each verb: what is said, with which exit code, that nothing is changed by it, and that docs/errors.md has it so.
// After a change of a message: DVCEXP_WRITE_DOCS=1 npx tsx scripts/test.ts unit wrong-input, and read what became of the page.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addExperiment, copyTeam, createTeam, insides, type Team, trackAndCommit } from '../e2e/team.ts';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';
import { type Place, type WrongInput, wrongInputs } from './wrong-input.ts';

const page = 'docs/errors.md';
const rewrite = process.env.DVCEXP_WRITE_DOCS !== undefined;
const said = new Map<WrongInput, string>();
/** Of places as they were before the first command there, which is as they are. */
const fingerprints = new Map<string, readonly string[]>();
let world: World;
let places: Readonly<Record<Place, string>>;

before(() => {
  // IDs are part of what is said.
  const then = '2024-01-01T00:00:00Z';
  world = openWorld({ GIT_AUTHOR_DATE: then, GIT_COMMITTER_DATE: then, AWS_EC2_METADATA_DISABLED: 'true' });
  places = makePlaces();
});
after(() => {
  world.remove();
  if (rewrite) writeFileSync(page, pageOf());
});

function makePlaces(): Readonly<Record<Place, string>> {
  const team = createTeam(world, 'project');
  const add = (name: string, content = name): string =>
    addExperiment(world, team, name, () => track(team.alice, 'model.bin', `model ${content}`));
  trackAndCommit(team, 'data', { 'a.txt': 'a', 'b.txt': 'b' });
  add('twin', 'one');
  trackAndCommit(team, 'more', 'more data');
  add('twin', 'two');
  trackAndCommit(team, 'last', 'last data');
  for (const name of ['cnn-32', 'quare-zips']) add(name);
  world.git(team.alice, 'push', '-q', '../team.git', 'main', 'refs/exps/*:refs/exps/*');
  const copy = (name: Place, change: (copy: Team) => void): string => {
    const made = copyTeam(world, team, name);
    change(made);
    return made.alice;
  };
  const spoil = (name: Place, config: string, further: (copy: Team) => void = () => undefined): string =>
    copy(name, (made) => {
      made.write('.dvc/config', config);
      world.git(made.alice, 'commit', '-qam', 'spoil');
      addExperiment(world, made, 'cnn-32', () => track(made.alice, 'model.bin', 'spoiled'));
      further(made);
    });
  mkdirSync(world.path('nowhere'));
  world.git(world.directory, 'init', '-q', 'empty');
  return {
    project: team.alice,
    nowhere: world.path('nowhere'),
    alone: copy('alone', ({ alice }) => world.git(alice, 'remote', 'remove', 'origin')),
    cacheless: copy('cacheless', ({ alice }) => {
      rmSync(`${alice}/.dvc/cache`, { recursive: true });
      writeFileSync(`${alice}/.dvc/cache`, 'no folder');
    }),
    storageless: copy('storageless', ({ alice, storage }) => {
      rmSync(`${alice}/.dvc/cache`, { recursive: true });
      writeFileSync(storage, 'no folder');
      // Met before: what a first push remembers of storage is no part of this.
      world.git(alice, 'config', 'dvcexp.file:../storage.pin', 'storage');
    }),
    broken: spoil('broken', '[core\n    remote = storage\n'),
    homeless: spoil('homeless', '', ({ alice }) => rmSync(`${alice}/.dvc/cache`, { recursive: true })),
    empty: world.path('empty'),
  };
}

/** Every file with the sum of its bytes: to prove that nothing was written. */
function fingerprint(directory: string): readonly string[] {
  return (
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .sort()
      // Where a transfer says for gc that it is under way, empty again; and what checkout remembers of files.
      .filter((name) => !/\.git\/dvcexp(?:\/live|\/checkout)?$/.test(name))
      .flatMap((name) => {
        const stat = statSync(join(directory, name), { throwIfNoEntry: false });
        if (stat === undefined || !stat.isFile()) return [name];
        const bytes = readFileSync(join(directory, name));
        return [`${name} ${createHash('sha1').update(bytes).digest('hex')}`];
      })
  );
}

for (const [title, inputs] of Object.entries(wrongInputs)) {
  // Commands in one place must not see each other at work.
  describe(title, () => {
    for (const input of inputs) test(input.args.join(' '), () => judge(input));
  });
}

async function judge(input: WrongInput): Promise<void> {
  const cwd = places[input.place];
  const scene = input.place === 'nowhere' || input.place === 'empty' ? cwd : join(cwd, '..');
  const earlier = fingerprints.get(scene) ?? fingerprint(scene);
  fingerprints.set(scene, earlier);
  const ran = await companion(world, cwd, input.args, { env: { MANPATH: '/nowhere' } });
  assert.deepEqual(fingerprint(scene), earlier, 'nothing is written');
  const all = ran.stdout + ran.stderr;
  // A list of what is there is one, whatever it says of it.
  if (!input.args.includes('list')) assert.notEqual(ran.code, 0, all);
  assert.doesNotMatch(all, insides);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  assert.doesNotMatch(all, /[\x00-\x08\x0b-\x1f\x7f]/);
  assert.notEqual(all, '', 'it says why');
  // A wrong command line leaves stdout to those who read it.
  if (ran.code >= 128) assert.equal(ran.stdout, '');
  const line = rowOf(input, ran);
  said.set(input, line);
  if (!rewrite) assert.ok(readFileSync(page, 'utf8').includes(`${line}\n`), `${page} has not\n${line}`);
}

function rowOf({ args }: WrongInput, ran: Ran): string {
  const cell = (text: string): string => `\`${shown(text).replaceAll('|', '\\|')}\``;
  // Of what doctor finds only what is wrong here: the rest tells of the machine.
  const lines = `${ran.stdout}${ran.stderr}`
    .split('\n')
    .filter((text) => text !== '' && (args[0] !== 'doctor' || /^(?:error|hint)/.test(text)));
  const command = ['git dvcexp', ...args].join(' ').replaceAll('\u001b', '\\e').replaceAll('\u0007', '\\a');
  return `| ${cell(command)} | ${ran.code} | ${lines.map(cell).join('<br>')} |`;
}

/** Without what differs from run to run. */
function shown(text: string): string {
  return text
    .replaceAll('\t', '    ')
    .replaceAll(world.directory, '')
    .replaceAll(/\/(?:private\/)?tmp\/dvcexp-world-\w+/g, '')
    .trimEnd();
}

function pageOf(): string {
  const head = [
    '# What is said of wrong input',
    '',
    'Every verb of `git dvcexp` with what people get wrong: the exit code, and the lines they see. None of these commands changes anything.',
    '`test/cli/wrong-input.test.ts` types them all and compares; exit codes are told in [git-dvcexp(1)](man/git-dvcexp.1.md). `project` is a',
    'clone with experiments `cnn-32` and `quare-zips` made from `HEAD`, and two called `twin` made before.',
  ];
  const sections = Object.entries(wrongInputs).flatMap(([title, inputs]) => [
    '',
    `## ${title}`,
    '',
    '| typed | exit | said |',
    '| ----- | ---: | ---- |',
    ...inputs.map((input) => said.get(input) ?? ''),
  ]);
  return `${[...head, ...sections].join('\n')}\n`;
}

test('the page has no other rows', () => {
  if (rewrite) return;
  const rows = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.deepEqual(rows, [...said.values()]);
});
