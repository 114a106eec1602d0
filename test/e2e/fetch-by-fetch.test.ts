// The second way to fetch, for systems on which the end of a pack cannot be told from a pipe: `list` and `fetch`.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { type GitServer, startHttpServer, writeHook } from '../kit/git-servers.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { addExperiment, copyTeam, createTeam, insides, type Team, trackAndCommit } from './team.ts';

const timeout = 60_000;
let world: World;
let template: Team;
let team: Team;
let experiment: string;
let serial = 0;

before(async () => {
  world = openWorld({ DVCEXP_FETCH_BY: 'fetch' });
  template = createTeam(world, 'template');
  trackAndCommit(template, 'model.bin', 'first model');
  world.git(template.alice, 'tag', '-am', 'one', 'v1');
  trackAndCommit(template, 'more.bin', 'more');
  experiment = addExperiment(world, template, 'quare-zips', () =>
    track(template.alice, 'data', { a: 'a', 'b/c': 'c' }),
  );
  const pushed = await template.push('main', 'v1', `${experiment}:${experiment}`);
  assert.equal(pushed.code, 0, pushed.stderr);
});
after(() => world.remove());
beforeEach(() => {
  team = copyTeam(world, template, `team${serial++}`);
});

const cached = (clone: string): string[] => [...objectsIn(team.path(clone, '.dvc', 'cache')).keys()];
const locks = (clone: string): string[] =>
  readdirSync(team.path(clone, '.git', 'objects', 'pack')).filter((name) => name.endsWith('.keep'));
const refOf = (clone: string): string =>
  world.git(team.path(clone), 'for-each-ref', '--format=%(objectname)', experiment);
const fetchIt = (clone: string, ...more: string[]): Promise<Ran> =>
  team.git(team.path(clone), ['-c', 'fetch.unpackLimit=1', 'fetch', ...more, 'origin', `${experiment}:${experiment}`]);

test('clone and fetch bring Git objects and data, and data is there before the ref', { timeout }, async () => {
  const cloned = await team.clone('bob');
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(cached('bob').length, 2);
  const bob = team.path('bob');
  writeHook(
    join(bob, '.git'),
    'reference-transaction',
    `test "$1" = prepared && find '${bob}/.dvc/cache' -type f | wc -l >>'${team.path('seen')}'; exit 0`,
  );
  const fetched = await fetchIt('bob', '-q');
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(fetched.stderr, '');
  assert.equal(refOf('bob'), world.git(team.alice, 'rev-parse', experiment));
  const seen = world.run(team.directory, 'cat', ['seen']).stdout.trim().split(/\s+/);
  assert.ok(seen.length > 0 && seen.every((count) => count === '5'), seen.join());
  assert.deepEqual(locks('bob'), []);
});

test('a clone that copies a local repository gets its data', { timeout }, async () => {
  const cloned = await team.git(team.directory, ['clone', '-q', '-c', 'remote.origin.vcs=dvcexp', team.bare, 'bob']);
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(cached('bob').length, 2);
});

test('options of a fetch are honoured', { timeout }, async () => {
  assert.equal((await team.clone('shallow', ['--depth=1'])).code, 0);
  const shallow = team.path('shallow');
  const count = (): string => world.git(shallow, 'rev-list', '--count', 'HEAD');
  assert.equal(count(), '1');
  assert.equal((await team.git(shallow, ['fetch', '-q', '--unshallow'])).code, 0);
  assert.equal(count(), '2');

  world.git(team.bare, 'config', 'uploadpack.allowFilter', 'true');
  world.git(team.bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  const partial = await team.clone('partial', ['--filter=blob:none', '--no-checkout']);
  assert.equal(partial.code, 0, partial.stderr);
  assert.match(world.git(team.path('partial'), 'rev-list', '--objects', '--all', '--missing=print'), /^\?/m);
  assert.match(world.git(team.path('partial'), 'show', 'HEAD:model.bin.dvc'), /md5/);

  const tags = await team.clone('tags', ['--single-branch']);
  assert.equal(tags.code, 0);
  assert.equal(world.git(team.path('tags'), 'tag'), 'v1');
});

test('storage that is down fails the fetch, leaves no lock behind, and is tried again', { timeout }, async () => {
  assert.equal((await team.clone('bob', ['-q'])).code, 0);
  renameSync(team.storage, team.path('away'));
  const failed = await fetchIt('bob');
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /no ref was moved/);
  assert.doesNotMatch(failed.stderr, insides);
  assert.equal(refOf('bob'), '');
  assert.deepEqual(locks('bob'), []);
  // Git has the commits now, and would move the ref without a word.
  assert.notEqual((await fetchIt('bob')).code, 0);
  assert.equal(refOf('bob'), '');
  renameSync(team.path('away'), team.storage);
  assert.equal((await fetchIt('bob')).code, 0);
  assert.equal(cached('bob').length, 5);
});

test('a Git remote that is not there is told in the words of Git', { timeout }, async () => {
  const url = `file://${team.path('nowhere.git')}`;
  const { code, stderr } = await team.git(team.directory, ['clone', '-c', 'remote.origin.vcs=dvcexp', url, 'bob']);
  assert.equal(code, 128);
  assert.match(stderr, /Could not read from remote repository/);
  assert.ok(!existsSync(team.path('bob')));
});

test('over http the nested helper fetches', { timeout }, async () => {
  let server: GitServer | undefined;
  try {
    mkdirSync(team.path('served'));
    renameSync(team.bare, team.path('served', 'team.git'));
    server = await startHttpServer(team.path('served'));
    const bob = ['clone', '-q', '-c', 'remote.origin.vcs=dvcexp', server.url('team.git'), 'bob'];
    const cloned = await team.git(team.directory, bob);
    assert.equal(cloned.code, 0, cloned.stderr);
    const fetched = await fetchIt('bob');
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.equal(cached('bob').length, 5);
    assert.deepEqual(locks('bob'), []);
  } finally {
    await server?.stop();
  }
});
