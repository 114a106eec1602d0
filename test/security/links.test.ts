// Links that a repository brings, or somebody plants below the cache: nothing is written where they lead.
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createTeam, filesBelow, type Team, trackAndCommit } from '../e2e/team.ts';
import { objectsIn, openWorld, track, type World } from '../kit/world.ts';

let world: World;
let team: Team;
let outside: string;
let serial = 0;
before(() => {
  world = openWorld();
});
after(() => world.remove());
beforeEach(() => {
  team = createTeam(world, `team${serial++}`);
  outside = team.path('outside');
  mkdirSync(outside);
});

const link = (target: string, ...path: string[]): void => {
  const place = join(team.alice, ...path);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(target, place);
};
/** Refs reach the Git remote without the helper, as whoever attacks pushes them. */
const plant = (): void => {
  world.git(team.alice, 'push', '-q', '--force', team.bare, 'main');
  world.git(team.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main');
};

for (const [name, ...way] of [
  ['the cache', '.dvc', 'cache'],
  ['the folder around it', '.dvc'],
] as const) {
  test(`${name} is a link that the repository brings: nothing is written where it leads`, async () => {
    trackAndCommit(team, 'model.bin', 'model');
    assert.equal((await team.push('main')).code, 0);
    const config = readFileSync(join(team.alice, '.dvc', 'config'));
    team.write('.dvc/.gitignore', '');
    if (way.length === 1) writeFileSync(join(outside, 'config'), config);
    link('../'.repeat(way.length).concat('outside'), ...way);
    team.commit('a link');
    plant();
    const before = filesBelow(outside);
    const cloned = await team.clone('victim', ['-c', 'dvcexp.fetchData=none']);
    assert.equal(cloned.code, 0, cloned.stderr);
    const victim = team.path('victim');
    assert.ok(lstatSync(join(victim, ...way)).isSymbolicLink());
    const fetched = await team.git(victim, ['dvcexp', 'fetch', 'HEAD']);
    for (const args of [
      ['-c', 'dvcexp.fetchData=all', 'fetch', 'origin', '+refs/heads/*:refs/copies/*'],
      ['push', 'origin', 'main:other'],
    ])
      await team.git(victim, args);
    assert.deepEqual(filesBelow(outside), before);
    // A commit without `.dvc/config` has no data.
    if (way.length === 1) return;
    assert.equal(fetched.code, 1, fetched.stderr);
    assert.match(fetched.stderr, /comes with the repository and leads to '.*outside': no cache is kept there/);
    assert.match(fetched.stderr, /hint: name a cache on this machine: dvc cache dir --local/);
  });
}

test("a link of the user's own leads the cache to another disk", async () => {
  trackAndCommit(team, 'model.bin', 'model');
  assert.equal((await team.push('main')).code, 0);
  assert.equal((await team.clone('bob', ['-c', 'dvcexp.fetchData=none'])).code, 0);
  rmSync(team.path('bob', '.dvc', 'cache'), { recursive: true, force: true });
  symlinkSync(outside, team.path('bob', '.dvc', 'cache'));
  const fetched = await team.git(team.path('bob'), ['dvcexp', 'fetch', 'HEAD']);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(objectsIn(outside).size, 1);
});

test('a link below the cache is not followed, whoever made it', async () => {
  const name = trackAndCommit(team, 'model.bin', 'model');
  assert.equal((await team.push('main')).code, 0);
  assert.equal((await team.clone('bob', ['-c', 'dvcexp.fetchData=none'])).code, 0);
  const cache = team.path('bob', '.dvc', 'cache');
  for (const [target, ...way] of [
    [outside, 'files', 'md5', name.slice(0, 2)],
    [outside, 'files', 'md5'],
    [outside, 'files'],
    [join(outside, 'precious'), 'files', 'md5', name.slice(0, 2), name.slice(2)],
  ] as const) {
    writeFileSync(join(outside, 'precious'), 'precious');
    rmSync(cache, { recursive: true, force: true });
    mkdirSync(dirname(join(cache, ...way)), { recursive: true });
    symlinkSync(target, join(cache, ...way));
    await team.git(team.path('bob'), ['dvcexp', 'fetch', 'HEAD']);
    assert.deepEqual(filesBelow(outside), ['precious'], way.join('/'));
    assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'precious');
  }
});

test('a storage remote in the work tree is where its links lead', async () => {
  trackAndCommit(team, 'model.bin', 'model');
  assert.equal((await team.push('main')).code, 0, 'the first place');
  team.write('.dvc/config', '[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ../data\n');
  link('../outside', 'data');
  track(team.alice, 'model.bin', 'other');
  team.commit('data is a link');
  const refs = team.refs();
  const pushed = await team.push('main');
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /outside.*, where this clone has not been before: nothing is sent there/);
  assert.deepEqual(filesBelow(outside), []);
  assert.equal(team.refs(), refs);
});
