// Plain Git moves refs and the data behind them: real git, the built helper, a local storage directory.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

let world: World;
let alice: string;
let experiment: string;

beforeEach(() => {
  world = openWorld();
  alice = world.path('alice');
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(world.directory, 'init', '-q', alice);
  world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
  world.git(alice, 'config', 'remote.origin.vcs', 'dvcexp');
  mkdirSync(`${alice}/.dvc`);
  writeFileSync(
    `${alice}/.dvc/config`,
    '[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ../../storage\n',
  );
  writeFileSync(`${alice}/.dvc/.gitignore`, '/config.local\n/tmp\n/cache\n');
  track(alice, 'model.bin', 'first model');
  track(alice, 'data', { 'a.txt': 'a', 'sub/b.txt': 'b' });
  commit(alice, 'baseline');
  const baseline = world.git(alice, 'rev-parse', 'HEAD');
  experiment = `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/quare-zips`;
  track(alice, 'model.bin', 'second model');
  commit(alice, 'dvc: commit experiment');
  world.git(alice, 'update-ref', experiment, 'HEAD');
  world.git(alice, 'reset', '-q', '--hard', 'HEAD~');
});
afterEach(() => world.remove());

function commit(project: string, message: string): void {
  writeFileSync(`${project}/.gitignore`, '/model.bin\n/data\n/other\n');
  world.git(project, 'add', '-A');
  world.git(project, 'commit', '-qm', message);
}
const push = (...args: string[]): Ran => world.run(alice, 'git', ['push', 'origin', ...args]);
const clone = (name: string, ...args: string[]): Ran =>
  world.run(world.directory, 'git', [
    'clone',
    '-c',
    'remote.origin.vcs=dvcexp',
    ...args,
    `file://${world.path('team.git')}`,
    name,
  ]);
const storage = (): Map<string, string> => objectsIn(world.path('storage'));
const cacheOf = (name: string): Map<string, string> => objectsIn(world.path(name, '.dvc', 'cache'));
const remoteRefs = (): string => world.git(world.path('team.git'), 'for-each-ref', '--format=%(refname)');

test('push carries the data along, clone and fetch bring it back', () => {
  const pushed = push('main', `${experiment}:${experiment}`);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /^dvcexp: uploaded 5 objects, \d+ bytes, to /m);
  assert.deepEqual(storage(), cacheOf('alice'));
  assert.equal(pushed.stdout, '');

  const cloned = clone('bob');
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(cacheOf('bob').size, 4, 'the data of the branch, not of the experiment');
  assert.match(cloned.stderr, /dvcexp: downloaded 4 objects/);
  // What a run that was killed left behind goes with a later one, after a day.
  const folder = world.path('bob', '.dvc', 'cache', 'files', 'md5', 'ab');
  mkdirSync(folder, { recursive: true });
  const [old, young] = ['A', 'B'].map((letter) => `${folder}/.${letter.repeat(22)}.dvcexp.tmp`) as [string, string];
  for (const path of [old, young]) writeFileSync(path, 'half');
  utimesSync(old, 0, 0);
  const fetched = world.run(world.path('bob'), 'git', ['fetch', 'origin', `${experiment}:${experiment}`]);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.deepEqual([existsSync(old), existsSync(young)], [false, true]);
  rmSync(young);
  assert.deepEqual(cacheOf('bob'), cacheOf('alice'));
});

test('the prefix form does the same', () => {
  world.git(alice, 'config', '--unset', 'remote.origin.vcs');
  const pushed = world.run(alice, 'git', ['push', `dvcexp::${world.path('team.git')}`, 'main']);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(storage().size, 4);
  const cloned = world.run(world.directory, 'git', ['clone', '-q', `dvcexp::${world.path('team.git')}`, 'bob']);
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(cacheOf('bob').size, 4);
});

test('a push of code alone touches no storage, nor does one with nothing to do', () => {
  push('main');
  renameSync(world.path('storage'), world.path('gone'));
  writeFileSync(`${alice}/code.py`, 'print()\n');
  commit(alice, 'code');
  for (const what of ['code alone', 'nothing to do']) {
    const pushed = push('main');
    assert.equal(pushed.code, 0, `${what}: ${pushed.stderr}`);
    assert.doesNotMatch(pushed.stderr, /^(?:dvcexp|warning|error)/m, what);
  }
  assert.ok(!existsSync(world.path('storage')));
});

test('a new object in neither place fails its ref and no other', () => {
  push('main');
  const before = storage();
  const [second] = [...cacheOf('alice').keys()].filter((key) => !before.has(key));
  rmSync(world.path('alice', '.dvc', 'cache', second ?? ''), { force: true });
  world.git(alice, 'branch', 'fine');
  const pushed = push('fine', `${experiment}:${experiment}`);
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /! \[remote rejected\] .*quare-zips.* \(dvc: 1 object missing in cache and storage\)/);
  assert.match(pushed.stderr, /model\.bin \(md5 [0-9a-f]{32}\)/);
  assert.equal(remoteRefs(), 'refs/heads/fine\nrefs/heads/main');

  const atomic = push('--atomic', 'main:again', `${experiment}:${experiment}`);
  assert.equal(atomic.code, 1);
  assert.equal(remoteRefs(), 'refs/heads/fine\nrefs/heads/main');

  const allowed = push('-o', 'dvcexp.allow-missing', `${experiment}:${experiment}`);
  assert.equal(allowed.code, 0, allowed.stderr);
});

test('refs only: by push option, by configuration, by environment', () => {
  assert.equal(push('-o', 'dvcexp.no-cache', 'main').code, 0);
  assert.equal(world.run(alice, 'git', ['-c', 'dvcexp.noCache=true', 'push', 'origin', 'main:two']).code, 0);
  assert.equal(world.run(alice, 'git', ['push', 'origin', 'main:three'], { env: { DVCEXP_NO_CACHE: '1' } }).code, 0);
  assert.equal(storage().size, 0);
  const wrong = push('-o', 'dvcexp.no-cach', 'main:four');
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /unknown push option 'dvcexp\.no-cach'/);
});

test('a dry run says what it would upload and moves nothing', () => {
  const dry = push('--dry-run', 'main');
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stderr, /dvcexp: would upload 4 objects/);
  assert.equal(storage().size, 0);
  assert.equal(remoteRefs(), '');
});

test('-q is silent, -v names objects nowhere on stdout', () => {
  const quiet = push('-q', 'main');
  assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, '', '']);
  const loud = push('-v', `${experiment}:${experiment}`);
  assert.equal(loud.code, 0);
  assert.equal(loud.stdout, '');
});

test('storage that is broken keeps an experiment from arriving, and the next fetch tries again', () => {
  push('main', `${experiment}:${experiment}`);
  clone('bob', '-q');
  const bob = world.path('bob');
  const [lost] = [...storage().keys()].filter((key) => !cacheOf('bob').has(key));
  const path = world.path('storage', lost ?? '');
  chmodSync(path, 0o644);
  writeFileSync(path, 'wrong bytes');
  for (const attempt of ['first', 'second']) {
    const fetched = world.run(bob, 'git', ['fetch', 'origin', `${experiment}:${experiment}`]);
    assert.notEqual(fetched.code, 0, attempt);
    assert.match(fetched.stderr, /data of 'quare-zips' is not here, so no ref was moved/, attempt);
    assert.equal(world.git(bob, 'for-each-ref', 'refs/exps'), '', attempt);
  }
  assert.ok(existsSync(path), 'nothing is ever deleted from storage');
  writeFileSync(path, 'second model');
  const mended = world.run(bob, 'git', ['fetch', 'origin', `${experiment}:${experiment}`]);
  assert.equal(mended.code, 0, mended.stderr);
  assert.deepEqual(cacheOf('bob'), cacheOf('alice'));
});

test('an object storage has not got is named and blocks nothing', () => {
  push('main', `${experiment}:${experiment}`);
  clone('bob', '-q');
  const bob = world.path('bob');
  const [lost] = [...storage().keys()].filter((key) => !cacheOf('bob').has(key));
  rmSync(world.path('storage', lost ?? ''), { force: true });
  const fetched = world.run(bob, 'git', ['fetch', 'origin', `${experiment}:${experiment}`]);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(fetched.stderr, /has not got 1 object of 'quare-zips'/);
  assert.match(fetched.stderr, /model\.bin \(md5/);
});

test('storage that is down: the clone arrives with a warning, a push moves no ref, and works when it is back', () => {
  push('main');
  renameSync(world.path('storage'), world.path('gone'));
  const cloned = clone('bob');
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.match(cloned.stderr, /data of 'main' is not here; the refs are/);
  writeFileSync(world.path('storage'), 'a file where the directory was');
  const pushed = push(`${experiment}:${experiment}`);
  assert.equal(pushed.code, 1, pushed.stderr);
  assert.doesNotMatch(remoteRefs(), /exps/);
  rmSync(world.path('storage'));
  renameSync(world.path('gone'), world.path('storage'));
  assert.equal(push(`${experiment}:${experiment}`).code, 0);
});

test('no storage remote configured: one warning and the refs go, or an error when that is asked for', () => {
  writeFileSync(`${alice}/.dvc/config`, '');
  commit(alice, 'no storage');
  const strict = world.run(alice, 'git', ['-c', 'dvcexp.requireStorage=true', 'push', 'origin', 'main']);
  assert.equal(strict.code, 1);
  assert.match(strict.stderr, /no storage remote is configured for 'data'/);
  const pushed = push('main');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(pushed.stderr.match(/warning: no storage remote/g)?.length, 1);
});

test("DVC's own refs never leave the clone", () => {
  world.git(alice, 'update-ref', 'refs/exps/exec/EXEC_HEAD', 'HEAD');
  world.git(alice, 'update-ref', 'refs/exps/stash', 'HEAD');
  push('main', 'refs/exps/*:refs/exps/*');
  assert.equal(remoteRefs(), `${experiment}\nrefs/heads/main`);
});

test('works in a linked worktree, a subdirectory and a bare repository', () => {
  push('main');
  world.git(alice, 'worktree', 'add', '-q', '--detach', world.path('linked'));
  const linked = world.path('linked');
  world.git(linked, 'checkout', '-q', '-b', 'side');
  track(linked, 'other', 'made in the linked worktree');
  commit(linked, 'other');
  const fromLinked = world.run(linked, 'git', ['push', 'origin', 'side']);
  assert.equal(fromLinked.code, 0, fromLinked.stderr);
  assert.equal(storage().size, 5);

  mkdirSync(`${alice}/deep/er`, { recursive: true });
  const below = world.run(`${alice}/deep/er`, 'git', ['push', 'origin', `${experiment}:${experiment}`]);
  assert.equal(below.code, 0, below.stderr);

  const bare = clone('mirror.git', '--bare');
  assert.equal(bare.code, 0, bare.stderr);
  assert.ok(!existsSync(world.path('mirror.git', '.dvc')));
  const fromBare = world.run(world.path('mirror.git'), 'git', ['push', 'origin', 'main:copy']);
  assert.equal(fromBare.code, 0, fromBare.stderr);
});

test('ls-remote works outside a repository', () => {
  push('main');
  const listed = world.run(world.directory, 'git', ['ls-remote', `dvcexp::${world.path('team.git')}`]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /refs\/heads\/main/);
  assert.equal(listed.stderr, '');
});

test('data a fetch left out is told in one line and brought by git dvcexp fetch', () => {
  push('main');
  clone('bob', '-q');
  world.git(alice, 'checkout', '-q', '-b', 'side');
  track(alice, 'other', 'on a branch nobody here is on');
  commit(alice, 'other');
  push('side');
  const bob = world.path('bob');
  const fetched = world.run(bob, 'git', ['fetch']);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(fetched.stderr, /data of 'side' was left in storage; bring it with: git dvcexp fetch origin\/side/);
  assert.equal(cacheOf('bob').size, 4);
  const brought = world.run(bob, 'git', ['dvcexp', 'fetch', 'origin/side']);
  assert.equal(brought.code, 0, brought.stderr);
  assert.equal(cacheOf('bob').size, 5);
});

test('a damaged cache object is not published, and no temporary file stays anywhere', () => {
  const [key = ''] = cacheOf('alice').keys();
  const path = world.path('alice', '.dvc', 'cache', key);
  chmodSync(path, 0o644);
  writeFileSync(path, 'damaged');
  const pushed = push('main', `${experiment}:${experiment}`);
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /damaged in the cache|could not/);
  const names = existsSync(world.path('storage'))
    ? readdirSync(world.path('storage'), { recursive: true }).map(String)
    : [];
  assert.deepEqual(
    names.filter((name) => /tmp|\.part/.test(name)),
    [],
  );
});

test('an experiment whose commits came without data gets it by the next fetch of its name', () => {
  push('main', `${experiment}:${experiment}`);
  const cloned = world.run(world.directory, 'git', ['clone', '-q', world.path('team.git'), 'bob']);
  assert.equal(cloned.code, 0, cloned.stderr);
  const bob = world.path('bob');
  world.git(bob, 'fetch', '-q', 'origin', `${experiment}:${experiment}`);
  assert.equal(cacheOf('bob').size, 0);
  world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
  const fetched = world.run(bob, 'git', ['fetch', 'origin', `${experiment}:${experiment}`]);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(cacheOf('bob').size, 4);
});

test('a clone of a local path, which copies objects without asking us, brings the data too', () => {
  push('main');
  const cloned = world.run(world.directory, 'git', [
    'clone',
    '-c',
    'remote.origin.vcs=dvcexp',
    world.path('team.git'),
    'bob',
  ]);
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(cacheOf('bob').size, 4);
});

test('a pattern over all experiments brings the data of those whose commits are here already', () => {
  push('main', `${experiment}:${experiment}`);
  world.run(world.directory, 'git', ['clone', '-q', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), 'bob']);
  const fetched = world.run(world.path('bob'), 'git', ['fetch', 'origin', 'refs/exps/*:refs/exps/*']);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.deepEqual(cacheOf('bob'), cacheOf('alice'));
});
