// What DVC imports from elsewhere, the real DVC as referee: what of it is pushed, fetched, and said.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let alice: string;
let storage: string;

function dvc(cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, findDvc(), args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

function project(name: string): string {
  const top = world.path(name);
  world.git(world.directory, 'init', '-q', top);
  dvc(top, 'init', '-q');
  dvc(top, 'remote', 'add', '-q', '-d', 'storage', world.path(`${name}-storage`));
  return top;
}

function clone(name: string, ...args: string[]): Ran {
  const url = world.path('team.git');
  const ran = world.run(world.directory, 'git', ['clone', ...args, '-c', 'remote.origin.vcs=dvcexp', url, name]);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

before(() => {
  world = openWorld();
  // Of another team: data of its own storage.
  const source = project('registry');
  mkdirSync(`${source}/set/deep`, { recursive: true });
  for (const file of ['one', 'deep/two']) writeFileSync(`${source}/set/${file}`, `${file} of the registry`);
  writeFileSync(`${source}/weights`, 'weights of the registry');
  dvc(source, 'add', '-q', 'set', 'weights');
  world.git(source, 'add', '.');
  world.git(source, 'commit', '-qm', 'data');
  dvc(source, 'push', '-q');

  alice = project('alice');
  storage = world.path('alice-storage');
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
  writeFileSync(world.path('elsewhere'), 'a file elsewhere');
  writeFileSync(world.path('later'), 'a file for later');
  dvc(alice, 'import', '-q', source, 'set');
  dvc(alice, 'import', '-q', source, 'weights');
  dvc(alice, 'import-url', '-q', world.path('elsewhere'), 'elsewhere');
  dvc(alice, 'import-url', '-q', '--no-download', world.path('later'), 'later');
  world.git(alice, 'add', '.');
  world.git(alice, 'commit', '-qm', 'imports');
});
after(() => world?.remove());

test('imports of repositories stay where they are, those of URLs are pushed: as DVC has it', () => {
  const push = world.run(alice, 'git', ['-c', 'remote.origin.vcs=dvcexp', 'push', 'origin', 'main']);
  assert.equal(push.code, 0, push.stderr);
  assert.match(push.stderr, /dvcexp: uploaded 1 object, 16 bytes/);
  const ours = [...objectsIn(storage)];
  renameSync(storage, `${storage}-ours`);
  dvc(alice, 'push', '-q');
  assert.deepEqual(ours, [...objectsIn(storage)]);
});

test('a clone says nothing of them, unless details are asked for, and DVC brings them', () => {
  const quiet = clone('bob');
  const ours = quiet.stderr.split('\n').filter((line) => /^(?:dvcexp|warning|error|hint):/.test(line));
  assert.deepEqual(
    ours.map((line) => line.replace(/ from .*/, '')),
    ['dvcexp: downloaded 1 object, 16 bytes,'],
  );
  const loud = clone('verbose', '-v');
  assert.match(loud.stderr, /has not got 2 objects of imports .*; 'dvc pull' brings imports from their source\n/);
  const bob = world.path('bob');
  dvc(bob, 'pull', '-q');
  assert.equal(readFileSync(`${bob}/set/deep/two`, 'utf8'), 'deep/two of the registry');
  assert.equal(readFileSync(`${bob}/later`, 'utf8'), 'a file for later');
});

test('where storage has the data of an import after all, it comes', () => {
  writeFileSync(`${alice}/copy`, 'weights of the registry');
  dvc(alice, 'add', '-q', 'copy');
  dvc(alice, 'push', '-q');
  clone('carol');
  const carol = world.path('carol');
  assert.equal(objectsIn(`${carol}/.dvc/cache`).size, 2);
  dvc(carol, 'checkout', '-q', 'weights.dvc', 'elsewhere.dvc');
});

test('a commit whose only data is an import needs no storage', () => {
  world.git(alice, 'rm', '-q', 'elsewhere.dvc', 'later.dvc');
  world.git(alice, 'commit', '-qm', 'imports of repositories only');
  renameSync(storage, `${storage}-away`);
  const push = world.run(alice, 'git', ['-c', 'remote.origin.vcs=dvcexp', 'push', 'origin', 'main']);
  assert.equal(push.code, 0, push.stderr);
  const { stderr } = clone('dave');
  assert.doesNotMatch(stderr, /^(?:dvcexp|warning|error|hint):/m);
});
