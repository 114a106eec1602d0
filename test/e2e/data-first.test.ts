// Whatever goes wrong on the way, no ref arrives before its data, nothing half is anywhere, and the same command
// again, once the cause is gone, ends where an undisturbed one would have. Storage is a directory here.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { objectsIn, openWorld, track, type World } from '../kit/world.ts';
import { startGit, until } from './interrupted.ts';
import { fullDisk, withSmallDisk } from './small-disk.ts';
import {
  addExperiment,
  copyTeam,
  createTeam,
  damagedIn,
  insides,
  isPartial,
  strangersIn,
  type Team,
  trackAndCommit,
} from './team.ts';

// Long enough on its way to be shot at, and no disk of 1 MiB holds it.
// Long enough on its way to be met there by a test process that is not alone on the machine.
const big = 'x'.repeat(128 << 20);
const md5 = (content: string): string => createHash('md5').update(content).digest('hex');
const bigOnes = new Set([big, 'first model'].map(md5));
let world: World;
let template: Team;
let committed: string;
let team: Team;
let experiment: string;
let bob: string;
let serial = 0;

/** Alice has pushed main; her experiment, with a directory and a big file, is hers alone. Bob has cloned. */
before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'model.bin', 'first model');
  committed = addExperiment(world, template, 'quare-zips', () => {
    track(template.alice, 'model.bin', 'second model');
    track(template.alice, 'data', { 'a.txt': 'a', 'sub/b.txt': 'b'.repeat(3 << 20) });
  });
  assert.equal((await template.push('main')).code, 0);
  assert.equal((await template.clone('bob', ['-q'])).code, 0);
  // Named relatively, so that the team can be copied.
  world.git(template.path('bob'), 'config', 'remote.origin.url', '../team.git');
});
after(() => world.remove());
beforeEach(() => {
  team = copyTeam(world, template, `team${serial++}`);
  bob = team.path('bob');
  experiment = committed;
});

const keyOf = (content: string): string => {
  const name = md5(content);
  return join('files', 'md5', name.slice(0, 2), name.slice(2));
};
const cacheOf = (member: string): string => team.path(member, '.dvc', 'cache');
const pushIt = (...options: string[]): string[] => ['push', ...options, 'origin', `${experiment}:${experiment}`];
const fetchIt = (): string[] => ['fetch', 'origin', `${experiment}:${experiment}`];
const experimentOf = (cwd: string): string => world.git(cwd, 'for-each-ref', '--format=%(objectname)', 'refs/exps');

/** After a failed push, temporary files of a killed program aside. */
function nothingPushed(options: { readonly killed?: boolean } = {}): void {
  assert.equal(experimentOf(team.bare), '', 'no ref without its data');
  assert.deepEqual(damagedIn(team.storage), []);
  if (options.killed !== true) assert.deepEqual(strangersIn(team.storage), []);
}

/** What Alice has that main and the experiment need: all, but for the tests that make an experiment of their own. */
const needed = (): Map<string, string> =>
  new Map([...objectsIn(cacheOf('alice'))].filter(([, name]) => experiment === committed || bigOnes.has(name)));

async function pushesNow(): Promise<void> {
  const again = await team.git(team.alice, pushIt());
  assert.equal(again.code, 0, again.stderr);
  assert.equal(experimentOf(team.bare), world.git(team.alice, 'rev-parse', experiment));
  assert.deepEqual(objectsIn(team.storage), needed(), 'as after an undisturbed push');
}

function nothingFetched(options: { readonly killed?: boolean } = {}): void {
  assert.equal(experimentOf(bob), '', 'no ref without its data');
  assert.deepEqual(damagedIn(cacheOf('bob')), []);
  const strangers = strangersIn(cacheOf('bob')).filter((path) => !isPartial(path));
  if (options.killed !== true) assert.deepEqual(strangers, []);
}

async function fetchesNow(): Promise<void> {
  const again = await team.git(bob, fetchIt());
  assert.equal(again.code, 0, again.stderr);
  assert.equal(experimentOf(bob), world.git(team.alice, 'rev-parse', experiment));
  assert.deepEqual(objectsIn(cacheOf('bob')), needed(), 'as after an undisturbed fetch');
}

test('push: storage is a link to a share that is not mounted', async () => {
  renameSync(team.storage, team.path('gone'));
  symlinkSync('/nonexistent/share', team.storage);
  const pushed = await team.git(team.alice, pushIt());
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /^error: .*storage/m);
  assert.doesNotMatch(pushed.stderr, insides);
  assert.equal(experimentOf(team.bare), '');
  rmSync(team.storage);
  renameSync(team.path('gone'), team.storage);
  await pushesNow();
});

test('push: the disk of storage is full', async () => {
  const pushed = await withSmallDisk(world, team.storage, team.alice, pushIt());
  assert.equal(pushed.code, 1, pushed.stderr);
  assert.match(pushed.stderr, fullDisk);
  assert.match(pushed.stderr, /! \[remote rejected\] .*quare-zips \(dvc: /);
  assert.doesNotMatch(pushed.stderr, insides);
  nothingPushed();
  await pushesNow();
});

test('fetch: the disk of the cache is full', async () => {
  await pushesNow();
  const fetched = await withSmallDisk(world, cacheOf('bob'), bob, fetchIt());
  assert.notEqual(fetched.code, 0);
  assert.match(fetched.stderr, fullDisk);
  assert.match(fetched.stderr, /^hint: free some space on the disk of '/m);
  assert.match(fetched.stderr, /data of 'quare-zips' is not here, so no ref was moved/);
  assert.doesNotMatch(fetched.stderr, insides);
  nothingFetched();
  await fetchesNow();
});

test('push: one file of a directory is nowhere; it is named, and its listing stays here', async () => {
  const path = join(cacheOf('alice'), keyOf('a'));
  renameSync(path, team.path('lost'));
  world.git(team.alice, 'branch', 'fine');
  const pushed = await team.git(team.alice, [...pushIt(), 'fine']);
  assert.equal(pushed.code, 1);
  assert.match(
    pushed.stderr,
    /^error: 1 object is neither in the cache nor in .*storage:\n {4}data\/a\.txt \(md5 0cc175b9/m,
  );
  assert.match(
    pushed.stderr,
    /^hint: get the data with 'dvc fetch' or make it again with 'dvc repro', then push again/m,
  );
  assert.match(team.refs(), /refs\/heads\/fine/, 'the others are not held up');
  assert.ok(![...objectsIn(team.storage).keys()].some((key) => key.endsWith('.dir')));
  nothingPushed();
  renameSync(team.path('lost'), path);
  await pushesNow();
});

test('fetch: one file of a directory is not in storage; it is named, and all else arrives', async () => {
  await pushesNow();
  const path = join(team.storage, keyOf('a'));
  renameSync(path, team.path('lost'));
  const fetched = await team.git(bob, fetchIt());
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(
    fetched.stderr,
    /^warning: .*storage has not got 1 object of 'quare-zips': .*\n {4}data\/a\.txt \(md5 0cc175b9/m,
  );
  assert.notEqual(experimentOf(bob), '');
  assert.equal(objectsIn(cacheOf('bob')).size, objectsIn(cacheOf('alice')).size - 1);
  const strict = await team.git(bob, ['dvcexp', 'fetch', experiment]);
  assert.notEqual(strict.code, 0, 'who asks for data alone gets a failure');
  renameSync(team.path('lost'), path);
  const later = await team.git(bob, ['dvcexp', 'fetch', experiment]);
  assert.equal(later.code, 0, later.stderr);
  assert.deepEqual(objectsIn(cacheOf('bob')), objectsIn(cacheOf('alice')));
});

test('push: an object that storage holds too short is sent again', async () => {
  await pushesNow();
  const side = addExperiment(world, team, 'again', () => track(team.alice, 'more', { 'b.txt': 'b'.repeat(3 << 20) }));
  const path = join(team.storage, keyOf('b'.repeat(3 << 20)));
  chmodSync(path, 0o644);
  writeFileSync(path, 'bbb');
  rmSync(join(team.alice, '.git', 'dvcexp'), { recursive: true, force: true });
  const pushed = await team.push(`${side}:${side}`);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(
    pushed.stderr,
    /^warning: 'files\/md5\/.*' in .*storage is damaged \(3 bytes instead of 3\.00 MiB\), sending it again/m,
  );
  assert.deepEqual(objectsIn(team.storage), objectsIn(cacheOf('alice')));
});
test('push: a hook of the Git remote refuses; its word is shown, the data stays for the next try', async () => {
  const hook = join(team.bare, 'hooks', 'pre-receive');
  writeFileSync(hook, '#!/bin/sh\necho policy says no >&2\nexit 1\n', { mode: 0o755 });
  const pushed = await team.git(team.alice, pushIt());
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /^remote: policy says no/m);
  assert.match(pushed.stderr, /! \[remote rejected\] .*quare-zips \(pre-receive hook declined\)/);
  nothingPushed();
  rmSync(hook);
  const again = await team.git(team.alice, pushIt());
  assert.equal(again.code, 0, again.stderr);
  assert.doesNotMatch(again.stderr, /uploaded/);
  await pushesNow();
});

const temporaries = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.tmp'))
    : [];

/** Shoots at a push while its big object is on its way. */
async function duringUpload(end: 'interrupt' | 'killHelper'): Promise<void> {
  experiment = addExperiment(world, team, 'big', () => track(team.alice, 'big', big));
  const running = startGit(world, team.alice, pushIt());
  await until(() => temporaries(team.storage).length > 0, 'an object is on its way');
  const pushed = await running[end]();
  assert.notEqual(pushed.code, 0, 'it was over before it could be stopped');
  assert.doesNotMatch(pushed.stderr, insides);
  nothingPushed({ killed: end === 'killHelper' });
  await pushesNow();
}

test('push: Ctrl-C leaves no trace', () => duringUpload('interrupt'));
test('push: kill -9 leaves nothing that could be taken for an object', () => duringUpload('killHelper'));

async function duringDownload(end: 'interrupt' | 'killHelper'): Promise<void> {
  experiment = addExperiment(world, team, 'big', () => track(team.alice, 'big', big));
  await pushesNow();
  const running = startGit(world, bob, fetchIt());
  await until(() => temporaries(cacheOf('bob')).length > 0, 'an object is on its way');
  const fetched = await running[end]();
  assert.notEqual(fetched.code, 0, 'it was over before it could be stopped');
  assert.doesNotMatch(fetched.stderr, insides);
  nothingFetched({ killed: end === 'killHelper' });
  await fetchesNow();
}

test('fetch: Ctrl-C leaves nothing but what the next one goes on with', () => duringDownload('interrupt'));
test('fetch: kill -9 leaves nothing that could be taken for an object', () => duringDownload('killHelper'));
