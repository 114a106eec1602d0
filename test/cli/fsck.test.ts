// `git dvcexp fsck`: what is found in cache and storage, what --repair does about it, and what the exit code says.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { copyTeam, createTeam, snapshot, type Team, trackAndCommit } from '../e2e/team.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let team: Team;

let template: Team;
let copies = 0;
before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'data', { 'a.txt': 'aaaa', 'sub/b.txt': 'bb' });
  assert.equal((await template.push('main')).code, 0);
});
beforeEach(() => {
  copies += 1;
  team = copyTeam(world, template, `team-${copies}`);
});
after(() => world.remove());

const fsck = (...args: readonly string[]): Promise<Ran> => companion(world, team.alice, ['fsck', ...args]);
/** As fsck, and nothing may have changed. */
async function looks(...args: readonly string[]): Promise<Ran> {
  const before = snapshot(team.directory, []);
  const ran = await fsck(...args);
  assert.deepEqual(snapshot(team.directory, []), before, 'nothing is changed');
  return ran;
}
const listing = (): string => {
  const [, name = ''] = /md5: ([0-9a-f]{32}\.dir)/.exec(world.git(team.alice, 'show', 'HEAD:data.dvc')) ?? [];
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
};
const leafA = 'files/md5/74/b87337454200d4d33f80c4663dc5e5';
const leafB = 'files/md5/21/ad0bd836b90d08f4cf640b4c298e7c';
const cache = (key: string): string => `${team.alice}/.dvc/cache/${key}`;
const storage = (key: string): string => `${team.storage}/${key}`;
/** Other bytes of the same length, and the mode that DVC trusts. */
function damage(path: string, bytes = 'AAAA'): void {
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
  chmodSync(path, 0o444);
}
const short = (): string => world.git(team.alice, 'rev-parse', '--short=7', 'HEAD');

describe('all is right', () => {
  test('in the cache', async () => {
    const ran = await looks();
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /^cache .*\.dvc\/cache: 3 objects, 3 read and hashed \(\d+ bytes\)\nall is right\n$/);
    assert.equal((await looks('-q')).stdout, '');
  });

  test('in both, for HEAD and for named commits', async () => {
    const ran = await looks('--storage');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /\nstorage .*storage: 3 objects, 3 read and hashed \(\d+ bytes\)\nall is right\n$/);
    assert.equal((await looks('--storage', 'main', 'HEAD')).code, 0);
    assert.equal((await looks('main')).code, 0);
  });

  test('with an empty cache, where storage has all', async () => {
    rmSync(`${team.alice}/.dvc/cache`, { recursive: true });
    assert.equal((await looks()).code, 0);
    const ran = await looks('--storage');
    assert.equal(ran.code, 0, ran.stdout);
    assert.match(ran.stdout, /3 not here, and need not be/);
    const only = await looks('main');
    assert.equal(only.code, 1, 'asked for a commit whose objects are not here');
  });
});

describe('a damaged object of the cache', () => {
  test('is named by path and commit', async () => {
    damage(cache(leafA));
    for (const args of [[], ['HEAD'], ['--storage']]) {
      const ran = await looks(...args);
      assert.equal(ran.code, 1);
      assert.match(
        ran.stdout,
        /\ndamaged in cache: data\/a\.txt, \S+.* \(files\/md5\/74\/\S+\): its bytes hash to '098890dde069e9abad63f19a0d9e1f32'\n/,
      );
      assert.match(ran.stdout, /1 object is wrong; --repair gets right bytes from the other side\n$/);
    }
    assert.match((await looks()).stdout, new RegExp(`data/a\\.txt, ${short()} `));
  });

  test('is replaced from storage, and only when that is right', async () => {
    damage(cache(leafA));
    damage(storage(leafA), 'BBBB');
    const both = await fsck('--repair');
    assert.equal(both.code, 1);
    assert.match(both.stdout, /\n {4}not repaired: it is damaged in .*storage too\n/);
    assert.equal(readFileSync(cache(leafA), 'utf8'), 'AAAA', 'stays until there is something better');
    damage(storage(leafA), 'aaaa');
    const ran = await fsck('--repair');
    assert.equal(ran.code, 0, ran.stdout);
    assert.match(ran.stdout, /\ndamaged, repaired in cache: data\/a\.txt, .*\n1 object repaired, all is right\n$/);
    assert.equal(readFileSync(cache(leafA), 'utf8'), 'aaaa');
    assert.equal(statSync(cache(leafA)).mode & 0o777, 0o444);
    assert.equal((await looks()).code, 0);
  });

  test('that no commit needs is found too', async () => {
    world.git(team.alice, 'checkout', '-q', '--orphan', 'other');
    world.git(team.alice, 'branch', '-D', 'main');
    world.git(team.alice, 'update-ref', '-d', 'refs/remotes/origin/main');
    world.git(team.alice, 'reflog', 'expire', '--expire=now', '--all');
    damage(cache(leafA));
    const ran = await looks();
    assert.match(ran.stdout, /damaged in cache: needed by no commit \(files\/md5\/74/);
    assert.equal((await fsck('--repair')).code, 0, 'asked of the default storage remote');
  });
});

test('a listing that is damaged or lost, and files lost under one', async () => {
  damage(cache(listing()), '[]');
  const ran = await looks();
  assert.match(ran.stdout, /damaged in cache: data, \w{7} \(files\/md5\/\w\w\/\w+\.dir\): its bytes hash to/);
  assert.equal((await fsck('--repair')).code, 0);
  rmSync(cache(leafB));
  const lost = await looks();
  assert.equal(lost.code, 1);
  assert.match(
    lost.stdout,
    /missing in cache: data\/sub\/b\.txt, \w{7} \(.*\): a listing names it, and it is not there\n/,
  );
  assert.equal((await fsck('--repair')).code, 0);
  assert.equal(readFileSync(cache(leafB), 'utf8'), 'bb');
  rmSync(cache(listing()));
  assert.equal((await looks('main')).code, 1);
  const back = await fsck('--repair', 'main');
  assert.equal(back.code, 0, back.stdout);
  assert.ok(existsSync(cache(listing())));
});

describe('storage', () => {
  test('a lost and a damaged object, under a listing that is there', async () => {
    rmSync(storage(leafA));
    damage(storage(leafB), 'xx');
    const ran = await fsck('--storage');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /missing in storage: data\/a\.txt, HEAD \(\w{7}\) \(.*\): storage has not got it\n/);
    assert.match(ran.stdout, /damaged in storage: data\/sub\/b\.txt, HEAD \(\w{7}\) .*: its bytes hash to/);
    const mended = await fsck('--storage', '--repair');
    assert.equal(mended.code, 0, mended.stdout + mended.stderr);
    assert.equal(readFileSync(storage(leafA), 'utf8'), 'aaaa');
    assert.equal(readFileSync(storage(leafB), 'utf8'), 'bb');
    assert.equal((await looks('--storage')).code, 0);
  });

  test('another size is told without reading, and what the cache has not right is not sent', async () => {
    damage(storage(leafA), 'longer');
    assert.match(
      (await looks('--storage')).stdout,
      /damaged in storage: data\/a\.txt.*: it has 6 bytes there, and 4 in the cache\n/,
    );
    damage(cache(leafA));
    const ran = await fsck('--storage', '--repair');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /damaged in cache: data\/a\.txt.*\n {4}not repaired: it is damaged in .*storage too\n/);
    assert.match(ran.stdout, /damaged in storage: data\/a\.txt.*\n {4}not repaired: it is damaged in the cache too\n/);
    assert.equal(readFileSync(storage(leafA), 'utf8'), 'longer');
  });

  test('what this clone saw there is forgotten, so that a push asks again', async () => {
    rmSync(storage(leafA));
    assert.equal((await fsck('--storage')).code, 1);
    assert.equal((await team.push('main:again')).code, 0);
    const pushed = await companion(world, team.alice, ['status']);
    assert.equal(pushed.code, 1, 'no new object: nothing to bring');
  });

  test('that is away is a problem and not a loss', async () => {
    renameSync(team.storage, `${team.storage}.away`);
    const ran = await fsck('--storage', '--repair');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /storage directory '.*' does not exist\nnot all could be checked\n$/);
    assert.ok(!existsSync(team.storage), 'not made anew');
  });

  test('there is none', async () => {
    writeFileSync(`${team.alice}/.dvc/config`, '');
    team.commit('no storage');
    const ran = await looks('--storage');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /no storage remote is configured for 'data'/);
    assert.equal((await looks('HEAD')).code, 0, 'the cache is right');
  });
});

test('objects that can be written to, and leftovers, are told and no fault', async () => {
  chmodSync(cache(leafA), 0o644);
  writeFileSync(cache('files/md5/74/.something.tmp'), 'half');
  const ran = await looks();
  assert.equal(ran.code, 0);
  assert.match(
    ran.stdout,
    /\n {4}1 file in the cache is no object, 4 bytes\n {4}1 object in the cache can be written to; --repair makes them read-only\n/,
  );
  assert.equal((await fsck('--repair')).code, 0);
  assert.equal(statSync(cache(leafA)).mode & 0o777, 0o444);
  assert.ok(existsSync(cache('files/md5/74/.something.tmp')));
});

test('a sample is the same again with its seed', async () => {
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`f${index}`, `content ${index}`]));
  trackAndCommit(team, 'many', files);
  const ran = await looks('--sample', '50%');
  const [, hashed, seed = ''] = /, (\d+) read and hashed[\s\S]*--seed (\w{8})\n/.exec(ran.stdout) ?? [];
  assert.ok(Number(hashed) > 10 && Number(hashed) < 55, ran.stdout);
  assert.equal((await looks('--sample', '50%', '--seed', seed)).stdout, ran.stdout);
  assert.match((await looks('--sample', '50')).stdout, / 64 objects, /);
});

test('as JSON', async () => {
  rmSync(storage(leafA));
  const { stdout, code } = await fsck('--storage', '--json');
  assert.equal(code, 1);
  const { faults, ...rest } = JSON.parse(stdout);
  const id = world.git(team.alice, 'rev-parse', 'HEAD');
  assert.deepEqual(faults, [
    {
      side: 'storage',
      kind: 'missing',
      object: leafA,
      path: 'data/a.txt',
      commit: { id, name: 'HEAD' },
      place: team.storage,
      bytes: null,
      reason: 'storage has not got it',
      repaired: false,
      obstacle: null,
    },
  ]);
  assert.deepEqual(
    [rest.sound, rest.sample, rest.problems, rest.leftovers, rest.writable, rest.storages[0].objects],
    [false, null, [], { files: 0, bytes: 0 }, 0, 3],
  );
});

describe('what cannot be', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['nosuch'], 129, /there is no commit or experiment 'nosuch' here/],
    [['--sample', '0%'], 129, /'--sample' takes a share of the objects/],
    [['--sample', '101%'], 129, /'--sample' takes a share of the objects/],
    [['--sample', 'few'], 129, /'--sample' takes a share of the objects/],
    [['--seed', 'x'], 129, /'--seed' goes with '--sample'/],
    [['--storage', '-r', 'nosuch'], 1, /nosuch/],
  ];
  for (const [args, code, says] of cases) {
    test(args.join(' '), async () => {
      const ran = await looks(...args);
      assert.match(ran.stderr + ran.stdout, says);
      assert.equal(ran.code, code);
    });
  }

  test('not in a repository, or without a DVC project', async () => {
    const outside = await companion(world, world.directory, ['fsck']);
    assert.deepEqual([outside.code, outside.stdout], [129, '']);
    assert.match(outside.stderr, /not inside a Git repository/);
    world.git(world.directory, 'init', '-q', 'empty');
    const none = await companion(world, world.path('empty'), ['fsck']);
    assert.equal(none.code, 129);
    assert.match(none.stderr, /there is no DVC project in this repository/);
  });

  test('a cache that cannot be read', {
    skip: process.getuid?.() === 0 ? 'root may read everything' : false,
  }, async () => {
    chmodSync(cache('files/md5/74'), 0);
    const ran = await fsck();
    chmodSync(cache('files/md5/74'), 0o755);
    assert.match(ran.stderr, /cannot read '.*' in the cache: permission denied/);
    assert.equal(ran.code, 1);
  });

  test('a metafile that cannot be understood', async () => {
    team.write('broken.dvc', 'outs: [');
    team.commit('broken');
    const ran = await looks('HEAD');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /HEAD: 'broken\.dvc': .*\nnot all could be checked\n$/);
  });
});
