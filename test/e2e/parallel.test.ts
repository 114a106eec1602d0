// Several at once: fetches of many Git remotes, fetches that share a repository or a cache, a fetch while a push runs,
// and fetches that nobody watches.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { objectsIn, openWorld, track, type World } from '../kit/world.ts';
import { startGit, until } from './interrupted.ts';
import { addExperiment, copyTeam, createTeam, damagedIn, strangersIn, type Team, trackAndCommit } from './team.ts';

const timeout = 120_000;
const names = ['one', 'two', 'three', 'four'];
let world: World;
let template: Team;
let experiments: readonly string[];
let team: Team;
let bob: string;
let serial = 0;

/** Alice has pushed main and four experiments; Bob has cloned, and knows her Git remote by four names more. */
before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'model.bin', 'first model');
  experiments = names.map((name) =>
    addExperiment(world, template, name, () => {
      track(template.alice, `${name}.bin`, `${name} `.repeat(200_000));
      // Some data is everybody's: two that bring it at once must not get in each other's way.
      track(template.alice, 'shared', { a: 'a'.repeat(1_000_000), 'sub/b': 'b' });
    }),
  );
  const pushed = await template.push('main', ...experiments.map((ref) => `${ref}:${ref}`));
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal((await template.clone('bob', ['-q'])).code, 0);
  const clone = template.path('bob');
  world.git(clone, 'config', 'remote.origin.url', '../team.git');
  for (const [index, name] of names.entries()) {
    world.git(clone, 'remote', 'add', name, '../team.git');
    world.git(clone, 'config', `remote.${name}.vcs`, 'dvcexp');
    world.git(clone, 'config', `remote.${name}.fetch`, `+${experiments[index]}:refs/remotes/${name}/exp`);
  }
  world.git(clone, 'config', 'remotes.some', 'one three');
});
after(() => world.remove());
beforeEach(() => {
  team = copyTeam(world, template, `team${serial++}`);
  bob = team.path('bob');
});

const cacheOf = (clone: string): string => join(clone, '.dvc', 'cache');
const refspec = (ref: string): string => `${ref}:${ref}`;
const tracked = (clone: string): string[] =>
  world
    .git(clone, 'for-each-ref', '--format=%(refname)', 'refs/remotes/*/exp')
    .split('\n')
    .filter((line) => line !== '');
/** What main and these many experiments consist of: a model, and each a file, with a directory of two that they share. */
const objects = (count: number): number => 1 + count + (count > 0 ? 3 : 0);

function checkCache(directory: string, count: number): void {
  assert.deepEqual(damagedIn(directory), []);
  assert.deepEqual(strangersIn(directory), []);
  assert.equal(objectsIn(directory).size, objects(count));
}

for (const [what, args, count] of [
  ['all Git remotes', ['--all'], 4],
  ['all Git remotes, four at a time', ['--all', '--jobs=4'], 4],
  ['some Git remotes', ['--multiple', '--jobs=2', 'two', 'four'], 2],
  ['a group of Git remotes', ['--jobs=4', 'some'], 2],
] as const) {
  test(`fetch of ${what}`, { timeout }, async () => {
    const { code, stderr } = await team.git(bob, ['fetch', ...args]);
    assert.equal(code, 0, stderr);
    assert.equal(tracked(bob).length, count);
    checkCache(cacheOf(bob), count);
    assert.equal((await team.git(bob, ['fetch', ...args])).code, 0, 'and again');
  });
}

test('of many Git remotes one fails, and the others arrive', { timeout }, async () => {
  world.git(bob, 'config', 'remote.two.url', '../nowhere.git');
  const { code, stderr } = await team.git(bob, ['fetch', '--all', '--jobs=4']);
  assert.notEqual(code, 0);
  assert.match(stderr, /could not fetch 'two'/i);
  assert.deepEqual(tracked(bob), ['refs/remotes/four/exp', 'refs/remotes/one/exp', 'refs/remotes/three/exp']);
  checkCache(cacheOf(bob), 3);
});

test('fetches at once in one repository', { timeout }, async () => {
  const ran = await Promise.all(experiments.map((ref) => team.git(bob, ['fetch', '-q', 'origin', refspec(ref)])));
  for (const { code, stderr } of ran) assert.equal(code, 0, stderr);
  for (const ref of experiments) assert.ok(world.git(bob, 'rev-parse', '--verify', ref));
  checkCache(cacheOf(bob), 4);
});

test('fetches at once of the same experiment into one cache', { timeout }, async () => {
  const clones = names.map((name) => team.path(`clone-${name}`));
  const cache = team.path('shared-cache');
  for (const clone of clones) {
    world.git(team.directory, 'clone', '-q', team.bare, clone);
    world.git(clone, 'config', 'remote.origin.vcs', 'dvcexp');
    appendFileSync(join(clone, '.dvc', 'config.local'), `[cache]\n    dir = ${cache}\n`);
  }
  const [first = ''] = experiments;
  const ran = await Promise.all(clones.map((clone) => team.git(clone, ['fetch', '-q', 'origin', refspec(first)])));
  for (const { code, stderr } of ran) assert.equal(code, 0, stderr);
  assert.deepEqual(damagedIn(cache), []);
  assert.deepEqual(strangersIn(cache), []);
  assert.equal(objectsIn(cache).size, objects(1));
});

test('of two fetches at once one is killed, and takes nothing from the other', { timeout }, async () => {
  const [first = '', second = ''] = experiments;
  const doomed = startGit(world, bob, ['fetch', '-q', 'origin', refspec(first)]);
  const other = team.git(bob, ['fetch', '-q', 'origin', refspec(second)]);
  await until(() => objectsIn(cacheOf(bob)).size > 1, 'data comes');
  await doomed.killHelper();
  const { code, stderr } = await other;
  assert.equal(code, 0, stderr);
  assert.deepEqual(damagedIn(cacheOf(bob)), []);
  assert.equal((await team.git(bob, ['fetch', '-q', 'origin', refspec(first)])).code, 0);
  assert.ok(world.git(bob, 'rev-parse', '--verify', first));
  assert.equal(objectsIn(cacheOf(bob)).size, objects(2));
});

test('a fetch while a push runs', { timeout }, async () => {
  const [first = ''] = experiments;
  track(bob, 'bob.bin', 'bob '.repeat(500_000));
  world.git(bob, 'add', 'bob.bin.dvc');
  world.git(bob, 'commit', '-qm', 'by bob');
  const ref = first.replace(/one$/, 'from-bob');
  world.git(bob, 'update-ref', ref, 'HEAD');
  const [pushed, fetched] = await Promise.all([
    team.git(bob, ['push', '-q', 'origin', refspec(ref)]),
    team.git(bob, ['fetch', '-q', 'origin', refspec(first)]),
  ]);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(team.refs(), /from-bob/);
  assert.deepEqual(damagedIn(team.storage), []);
  assert.deepEqual(strangersIn(team.storage), []);
  checkCache(cacheOf(bob), 2);
});

test('a fetch in the background brings what the next fetch would, and that one finds it', { timeout }, async () => {
  trackAndCommit(team, 'model.bin', 'second model');
  assert.equal((await team.push('main')).code, 0);
  const prefetched = await team.git(bob, ['maintenance', 'run', '--task=prefetch', '--quiet']);
  assert.equal(prefetched.code, 0, prefetched.stderr);
  assert.ok(world.git(bob, 'rev-parse', '--verify', 'refs/prefetch/remotes/origin/main'));
  assert.notEqual(world.git(bob, 'rev-parse', 'origin/main'), world.git(team.alice, 'rev-parse', 'main'));
  const before = objectsIn(cacheOf(bob));
  const fetched = await team.git(bob, ['fetch', 'origin']);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(world.git(bob, 'rev-parse', 'origin/main'), world.git(team.alice, 'rev-parse', 'main'));
  assert.doesNotMatch(fetched.stderr, /downloaded/);
  assert.deepEqual(objectsIn(cacheOf(bob)), before);
  assert.ok([...before.keys()].length >= 2);
});
