// `git dvcexp status`: what is missing where, and what the exit code says.
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { addExperiment, copyTeam, createTeam, insides, snapshot, type Team, trackAndCommit } from '../e2e/team.ts';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let template: Team;
let team: Team;
let cnn: string;
let zips: string;
let copies = 0;

before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'data', { 'a.txt': 'aaaa', 'sub/b.txt': 'bb' });
  [cnn, zips] = ['cnn-32', 'quare-zips'].map((name) =>
    addExperiment(world, template, name, () => track(template.alice, 'model.bin', `model of ${name}`)),
  ) as [string, string];
  assert.equal((await template.push('main', `${cnn}:${cnn}`)).code, 0);
});
after(() => world.remove());
beforeEach(() => {
  copies += 1;
  team = copyTeam(world, template, `team-${copies}`);
});

const id = (ref: string): string => world.git(team.alice, 'rev-parse', ref);
const short = (ref: string): string => id(ref).slice(0, 7);
async function status(...args: readonly string[]): Promise<Ran> {
  const before = snapshot(team.directory, []);
  const ran = await companion(world, team.alice, ['status', ...args]);
  assert.doesNotMatch(ran.stdout + ran.stderr, insides);
  assert.deepEqual(snapshot(team.directory, []), before, 'nothing is changed');
  return ran;
}
/** Key of the file's or directory's object in a commit. */
const keyOf = (ref: string, file: string): string => {
  const [, name = ''] = /md5: ([0-9a-f]{32}(?:\.dir)?)/.exec(world.git(team.alice, 'show', `${ref}:${file}`)) ?? [];
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
};
const listing = (): string => keyOf('HEAD', 'data.dvc');
const leafA = 'files/md5/74/b87337454200d4d33f80c4663dc5e5';
const cache = (key: string): string => `${team.alice}/.dvc/cache/${key}`;
const storage = (key: string): string => `${team.storage}/${key}`;

describe('the exit code is', () => {
  test('0 when all is in storage, whatever the cache has', async () => {
    const whole = await status();
    assert.deepEqual(whole, { code: 0, stderr: '', stdout: `HEAD (${short('HEAD')}): shared; 3 objects\n` });
    rmSync(`${team.alice}/.dvc/cache`, { recursive: true });
    const empty = await status('main');
    assert.equal(empty.code, 0);
    assert.match(
      empty.stdout,
      /^main \(\w{7}\): shared; 3 objects, 3 not in the cache\n {4}a fetch would bring 3 objects, \d+ bytes\n/,
    );
    assert.match(
      empty.stdout,
      / {8}not in cache {4}data\/sub\/b\.txt \(files\/md5\/21\/ad0bd836b90d08f4cf640b4c298e7c, 2 bytes\)\n/,
    );
  });

  test('1 when something is not there: in storage, in neither place', async () => {
    const ran = await status('cnn-32', 'quare-zips');
    assert.equal(ran.code, 1);
    assert.match(
      ran.stdout,
      /^cnn-32 \(\w+\): shared; 4 objects\nquare-zips \(\w+\): not shared; 4 objects, 1 not in storage\n {4}a push would send 1 object, 19 bytes\n {8}not in storage {2}model\.bin \(.*, 19 bytes\)\n/,
    );
    assert.match(ran.stdout, /\nin all, a push would send 1 object, 19 bytes\n$/);
    rmSync(cache(leafA));
    rmSync(storage(leafA));
    const lost = await status();
    assert.equal(lost.code, 1);
    assert.match(
      lost.stdout,
      /not shared; 3 objects, 1 not in storage, 1 not in the cache, 1 of them nowhere\n {8}nowhere {9}data\/a\.txt \(files\/md5\/\S+\)\n$/,
    );
  });

  test('1 when it cannot be told: storage away, a listing nowhere, no storage remote', async () => {
    renameSync(team.storage, `${team.storage}.away`);
    const away = await status();
    assert.equal(away.code, 1);
    assert.match(
      away.stdout,
      /^HEAD \(\w+\): not known to be shared; 3 objects\n {4}storage directory '.*' does not exist\n$/,
    );
    renameSync(`${team.storage}.away`, team.storage);
    rmSync(cache(listing()));
    assert.equal((await status()).code, 0, 'read from storage');
    rmSync(storage(listing()));
    const blind = await status();
    assert.equal(blind.code, 1);
    assert.match(blind.stdout, /files of 'data' are unknown: its listing is nowhere at hand\n/);
    writeFileSync(`${team.alice}/.dvc/config`, '');
    team.commit('no storage');
    const none = await status();
    assert.equal(none.code, 1);
    assert.match(none.stdout, /not known to be shared; no data\n {4}no storage remote is configured for 'data'\n/);
  });
});

test('commits are named as Git names them, and experiments as everywhere', async () => {
  world.git(team.alice, 'tag', 'v1');
  for (const word of ['main', 'v1', 'HEAD', 'HEAD~0', short('HEAD'), cnn, 'cnn-32', short(cnn)]) {
    const { stdout, code } = await status(word);
    assert.equal(code, 0, word);
    assert.match(
      stdout,
      new RegExp(`: shared; ${/exps|cnn/.test(word) || word === short(cnn) ? 4 : 3} objects\n$`),
      word,
    );
  }
  assert.equal((await status('-A', '--json')).code, 1);
  assert.match((await status('--rev', 'HEAD')).stdout, /^cnn-32 .*\nquare-zips /);
  world.git(world.directory, 'init', '-q', 'empty');
  assert.deepEqual(await companion(world, world.path('empty'), ['status']), { code: 0, stdout: '', stderr: '' });
});

test('a Git remote is asked as well', async () => {
  const there = await status('-g', 'origin', 'cnn-32', 'main');
  assert.equal(there.code, 0, there.stdout);
  world.git(team.bare, 'update-ref', '-d', cnn);
  const gone = await status('-g', 'origin', 'cnn-32');
  assert.deepEqual(
    [gone.code, gone.stdout],
    [1, `cnn-32 (${short(cnn)}): not shared; 4 objects\n    on 'origin': not there\n`],
  );
  world.git(team.bare, 'update-ref', cnn, 'main');
  assert.match((await status('-g', 'origin', cnn)).stdout, /on 'origin': another one is there \(\w{7}\)\n/);
  world.git(team.alice, 'commit', '-q', '--allow-empty', '-m', 'ahead');
  assert.match((await status('-g', team.bare)).stdout, /team\.git': not there\n/);
});

test('as JSON', async () => {
  rmSync(cache(leafA));
  const { stdout, code } = await status('--json', '-g', 'origin', 'quare-zips');
  assert.equal(code, 1);
  const toPush = { objects: 1, bytes: 19 };
  const toFetch = { objects: 1, bytes: 4 };
  assert.deepEqual(JSON.parse(stdout), {
    gitRemote: 'origin',
    shared: false,
    toPush,
    toFetch,
    commits: [
      {
        name: 'quare-zips',
        id: id(zips),
        ref: zips,
        shared: false,
        onGitRemote: false,
        data: {
          objects: 4,
          missingInCache: 1,
          missingInStorage: 1,
          missingInBoth: 0,
          toPush,
          toFetch,
          unknownDirectories: [],
          problems: [],
        },
        missing: [
          { path: 'data/a.txt', object: leafA, inCache: false, inStorage: true, bytes: 4, storage: team.storage },
          {
            path: 'model.bin',
            object: keyOf(zips, 'model.bin.dvc'),
            inCache: true,
            inStorage: false,
            bytes: 19,
            storage: team.storage,
          },
        ],
      },
    ],
  });
});

test('of all branches and all tags, each by its name', async () => {
  trackAndCommit(team, 'later', 'later data');
  world.git(team.alice, 'branch', 'side');
  world.git(team.alice, 'tag', '-a', '-m', 'first', 'v1', 'HEAD');
  const names = async (...args: string[]): Promise<string[]> =>
    JSON.parse((await status('--json', ...args)).stdout).commits.map(({ name }: { name: string }) => name);
  assert.deepEqual(await names('-a'), ['main', 'side']);
  assert.deepEqual(await names('-T'), ['v1']);
  assert.deepEqual(await names('-a', '-T', 'HEAD'), ['HEAD', 'main', 'side', 'v1']);
  // A branch and a tag of one name that are not the same commit.
  world.git(team.alice, 'tag', 'side', 'HEAD~');
  await team.push('main');
  const [branch, tag] = JSON.parse((await status('--json', '-a', '-T', '-g', 'origin')).stdout)
    .commits.filter(({ name }: { name: string }) => name === 'side')
    .map(({ id, onGitRemote }: { id: string; onGitRemote: boolean }) => [id, onGitRemote]);
  assert.deepEqual(
    [branch, tag],
    [
      [world.git(team.alice, 'rev-parse', 'main'), true],
      [world.git(team.alice, 'rev-parse', 'HEAD~'), true],
    ],
  );
});

test('a long list is cut, and whole with -v', async () => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, `content ${index}`]));
  trackAndCommit(team, 'many', files);
  const cut = await status();
  assert.match(cut.stdout, /\n {8}\.\.\. and 21 more \(-v shows all\)\n$/);
  assert.equal((await status('-v')).stdout.match(/not in storage {2}many/g)?.length, 31);
});

test('another storage remote', async () => {
  writeFileSync(`${team.alice}/.dvc/config.local`, `['remote "other"']\n    url = ${team.path('other')}\n`);
  assert.match((await status('-r', 'other')).stdout, /storage directory '.*other' does not exist/);
});

describe('what cannot be', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['cnn-23'], 129, /there is no commit or experiment 'cnn-23' here\nhint: did you mean 'cnn-32'\?/],
    [['-g', 'nosuch'], 129, /there is no Git remote 'nosuch'/],
    [['--rev', 'nosuch'], 129, /'nosuch' names no commit/],
    [['-g'], 129, /'-g' needs a value/],
  ];
  for (const [args, code, says] of cases) {
    test(args.join(' '), async () => {
      const ran = await status(...args);
      assert.match(ran.stderr, says);
      assert.deepEqual([ran.code, ran.stdout], [code, '']);
    });
  }
});
