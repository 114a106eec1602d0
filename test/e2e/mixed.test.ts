// What real repositories are like: several refs, storage remotes, projects, clones and people at the same time.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import {
  addExperiment,
  createTeam,
  damagedIn,
  insides,
  localConfig,
  strangersIn,
  type Team,
  trackAndCommit,
} from './team.ts';

let world: World;
let team: Team;
let serial = 0;
before(() => {
  world = openWorld();
});
after(() => world.remove());
beforeEach(() => {
  team = createTeam(world, `team${serial++}`);
  trackAndCommit(team, 'model.bin', 'first model');
});

const cacheOf = (member: string): string => team.path(member, '.dvc', 'cache');
const stored = (folder = 'storage'): string[] => [...objectsIn(team.path(folder)).keys()];
const oid = (cwd: string, ref: string): string => world.git(cwd, 'rev-parse', ref);
function succeeded(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr);
  assert.doesNotMatch(ran.stderr, insides);
  return ran;
}

test('one batch: a branch, a tag, a deletion, a forced one, one without its data, one refused, one internal', async () => {
  succeeded(await team.push('main', 'main:old', 'main:forced'));
  const baseline = oid(team.alice, 'main');
  trackAndCommit(team, 'model.bin', 'second model');
  const lost = addExperiment(world, team, 'lost', () => track(team.alice, 'model.bin', 'lost model'));
  rmSync(join(cacheOf('alice'), keyOf('lost model')));
  world.git(team.alice, 'tag', '-a', 'v1', '-m', 'first', 'main');
  world.git(team.alice, 'checkout', '-q', '--orphan', 'other');
  trackAndCommit(team, 'model.bin', 'other model');
  world.git(team.alice, 'update-ref', 'refs/exps/exec/EXEC_HEAD', 'HEAD');
  writeFileSync(join(team.bare, 'hooks', 'update'), '#!/bin/sh\ntest "$1" != refs/heads/locked\n', { mode: 0o755 });

  const pushed = await team.push(
    ...['main', 'v1', ':old', '+other:forced', 'other:locked', `${lost}:${lost}`],
    ...['refs/exps/exec/EXEC_HEAD:refs/exps/exec/EXEC_HEAD', 'main~1:refs/heads/main-before'],
  );
  assert.equal(pushed.code, 1);
  assert.doesNotMatch(pushed.stderr, insides);
  for (const line of [
    /^ {3}[0-9a-f]+\.\.[0-9a-f]+ +main -> main$/m,
    /^ \* \[new tag\] +v1 -> v1$/m,
    /^ - \[deleted\] +old$/m,
    /^ \+ [0-9a-f]+\.{3}[0-9a-f]+ other -> forced \(forced update\)$/m,
    /^ ! \[remote rejected\] other -> locked \(hook declined\)$/m,
    /^ ! \[remote rejected\] .*lost -> .*lost \(dvc: 1 object missing in cache and storage\)$/m,
    /^ ! \[remote rejected\] .*EXEC_HEAD -> .*EXEC_HEAD \(dvc: internal to a clone, not shared\)$/m,
    /^ \* \[new branch\] +main~1 -> main-before$/m,
  ])
    assert.match(pushed.stderr, line);
  assert.equal(
    team.refs(),
    [
      `refs/heads/forced ${oid(team.alice, 'other')}`,
      `refs/heads/main ${oid(team.alice, 'main')}`,
      `refs/heads/main-before ${baseline}`,
      `refs/tags/v1 ${oid(team.alice, 'v1')}`,
    ].join('\n'),
  );
  assert.deepEqual(stored(), [keyOf('first model'), keyOf('other model'), keyOf('second model')].sort());
});

const keyOf = (content: string): string => {
  const name = createHash('md5').update(content).digest('hex');
  return join('files', 'md5', name.slice(0, 2), name.slice(2));
};

test('a push that is not fast-forward is refused by Git before its data moves', async () => {
  succeeded(await team.push('main'));
  world.git(team.alice, 'commit', '-q', '--amend', '-m', 'rewritten');
  trackAndCommit(team, 'model.bin', 'second model');
  const refused = await team.push('main');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /! \[rejected\] +main -> main \(non-fast-forward\)/);
  assert.equal(stored().length, 1);
  const forced = succeeded(await team.push('--force', 'main'));
  assert.match(forced.stderr, /forced update/);
  assert.equal(stored().length, 2);
});

test('outputs go to the storage remote they name, and come from there', async () => {
  team.write('.dvc/config', `${localConfig}['remote "second"']\n    url = ../../second\n`);
  track(team.alice, 'secret.bin', 'for the second remote');
  const file = join(team.alice, 'secret.bin.dvc');
  writeFileSync(
    file,
    `outs:\n- md5: ${md5('for the second remote')}\n  hash: md5\n  path: secret.bin\n  remote: SECOND\n`,
  );
  team.commit();
  const pushed = succeeded(await team.push('main'));
  assert.match(pushed.stderr, /uploaded 1 object, .*storage\n(?:.*\n)?dvcexp: uploaded 1 object, .*second\n/);
  assert.deepEqual(stored(), [keyOf('first model')]);
  assert.deepEqual(stored('second'), [keyOf('for the second remote')]);
  succeeded(await team.clone('bob'));
  assert.deepEqual(objectsIn(cacheOf('bob')), objectsIn(cacheOf('alice')));

  const elsewhere = trackAndCommit(team, 'model.bin', 'third model');
  succeeded(await team.push('-o', 'dvcexp.remote=second', 'main'));
  assert.ok(stored('second').some((key) => key.replaceAll('/', '').endsWith(elsewhere)));
});
const md5 = (content: string): string => createHash('md5').update(content).digest('hex');

test('two projects in one repository, each with its own cache and storage', async () => {
  const nested = join(team.alice, 'vision', 'deep');
  mkdirSync(join(nested, '.dvc'), { recursive: true });
  writeFileSync(join(nested, '.dvc', 'config'), localConfig.replace('../../storage', '../../../../vision-storage'));
  writeFileSync(join(nested, '.dvc', '.gitignore'), '/cache\n/tmp\n/config.local\n');
  track(nested, 'images', { '1.png': 'one', '2.png': 'two' });
  team.commit();
  succeeded(await team.push('main'));
  assert.deepEqual(stored(), [keyOf('first model')]);
  assert.deepEqual(objectsIn(team.path('vision-storage')), objectsIn(join(nested, '.dvc', 'cache')));
  succeeded(await team.clone('bob'));
  assert.deepEqual(objectsIn(cacheOf('bob')), objectsIn(cacheOf('alice')));
  const theirs = team.path('bob', 'vision', 'deep', '.dvc', 'cache');
  assert.deepEqual(objectsIn(theirs), objectsIn(join(nested, '.dvc', 'cache')));
});

test("DVC 2's layout beside DVC 3's", async () => {
  // A text file with CRLF: DVC 2 took its name from the bytes with LF.
  const legacy = md5('a\nb\n');
  const inCache = join(cacheOf('alice'), legacy.slice(0, 2), legacy.slice(2));
  mkdirSync(dirname(inCache), { recursive: true });
  writeFileSync(inCache, 'a\r\nb\r\n');
  chmodSync(inCache, 0o444);
  team.write('old.txt.dvc', `outs:\n- md5: ${legacy}\n  size: 6\n  path: old.txt\n`);
  const listing = `[{"md5": "${legacy}", "relpath": "a.txt"}]`;
  const name = md5(listing);
  mkdirSync(join(cacheOf('alice'), name.slice(0, 2)), { recursive: true });
  writeFileSync(join(cacheOf('alice'), name.slice(0, 2), `${name.slice(2)}.dir`), listing);
  team.write('folder.dvc', `outs:\n- md5: ${name}.dir\n  size: 6\n  nfiles: 1\n  path: folder\n`);
  team.commit();
  succeeded(await team.push('main'));
  const expected = [
    `${legacy.slice(0, 2)}/${legacy.slice(2)}`,
    `${name.slice(0, 2)}/${name.slice(2)}.dir`,
    keyOf('first model'),
  ];
  assert.deepEqual(stored(), expected.sort());
  succeeded(await team.clone('bob'));
  assert.deepEqual(objectsIn(cacheOf('bob')), objectsIn(cacheOf('alice')));
});

test('annotated tags, tags of tags and of trees bring the data of the commit they lead to', async () => {
  world.git(team.alice, 'tag', '-a', 'v1', '-m', 'one');
  world.git(team.alice, 'tag', '-a', 'v2', '-m', 'two', 'v1');
  world.git(team.alice, 'tag', '-a', 'tree', '-m', 'a tree', 'HEAD^{tree}');
  succeeded(await team.push('v2'));
  assert.deepEqual(stored(), [keyOf('first model')]);
  succeeded(await team.push('tree'));
  world.git(team.directory, 'init', '-q', 'bob');
  const bob = team.path('bob');
  world.git(bob, 'remote', 'add', 'origin', team.bare);
  world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
  succeeded(await team.git(bob, ['-c', 'dvcexp.fetchData=all', 'fetch', 'origin', 'tag', 'v2', 'tag', 'tree']));
  assert.deepEqual([...objectsIn(cacheOf('bob')).keys()], [keyOf('first model')]);
});

test('a linked worktree, a detached HEAD, an unborn branch', async () => {
  succeeded(await team.push('main'));
  world.git(team.alice, 'worktree', 'add', '-q', '--detach', team.path('linked'), 'main');
  track(team.path('linked'), 'more', 'made here');
  writeFileSync(team.path('linked', '.gitignore'), '/more\n');
  world.git(team.path('linked'), 'add', '-A');
  world.git(team.path('linked'), 'commit', '-qm', 'more');
  succeeded(await team.git(team.path('linked'), ['push', 'origin', 'HEAD:refs/heads/detached']));
  assert.deepEqual(stored(), [keyOf('first model'), keyOf('made here')].sort());
  world.git(team.directory, 'init', '-q', 'bob');
  const bob = team.path('bob');
  world.git(bob, 'remote', 'add', 'origin', team.bare);
  world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
  succeeded(await team.git(bob, ['pull', 'origin', 'detached']));
});

test('two clones push the same data at the same time', async () => {
  succeeded(await team.push('main'));
  succeeded(await team.clone('bob'));
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`${at}.txt`, `content ${at}`.repeat(2000)]));
  const bob = team.path('bob');
  trackAndCommit(team, 'data', files);
  track(bob, 'data', files);
  writeFileSync(join(bob, '.gitignore'), '/data\n');
  world.git(bob, 'add', '-A');
  world.git(bob, 'commit', '-qm', 'the same');
  const [one, other] = await Promise.all([team.push('main:one'), team.git(bob, ['push', 'origin', 'main:other'])]);
  succeeded(one);
  succeeded(other);
  assert.deepEqual(objectsIn(team.storage), objectsIn(cacheOf('alice')));
  assert.deepEqual([...damagedIn(team.storage), ...strangersIn(team.storage)], []);
  assert.match(team.refs(), /heads\/one .*\nrefs\/heads\/other /);
});

test('two fetches at the same time in one clone', async () => {
  succeeded(await team.push('main'));
  succeeded(await team.clone('bob'));
  const bob = team.path('bob');
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`${at}.txt`, `content ${at}`.repeat(2000)]));
  const experiment = addExperiment(world, team, 'quare-zips', () => track(team.alice, 'data', files));
  succeeded(await team.push(`${experiment}:${experiment}`));
  const fetch = (to: string): Promise<Ran> =>
    team.git(bob, ['fetch', '--no-write-fetch-head', 'origin', `${experiment}:${to}`]);
  const both = await Promise.all([fetch('refs/exps/one'), fetch('refs/exps/two')]);
  for (const ran of both) succeeded(ran);
  assert.deepEqual(objectsIn(cacheOf('bob')), objectsIn(cacheOf('alice')));
  assert.deepEqual([...damagedIn(cacheOf('bob')), ...strangersIn(cacheOf('bob'))], []);
  assert.equal(world.git(bob, 'for-each-ref', '--format=%(refname)', 'refs/exps'), 'refs/exps/one\nrefs/exps/two');
});
