// A machine that has Git, Node and the usual small programs, and neither Python nor DVC: clone, fetch, checkout, change, commit, push.
// DVC on another machine reads it all.
import assert from 'node:assert/strict';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let alice: string;
let bob: string;
/** PATH of the machine without Python. */
let bare: string;
const program = findDvc();
const wanted = [
  'git',
  'node',
  'sh',
  'env',
  'ls',
  'cat',
  'cp',
  'mv',
  'rm',
  'mkdir',
  'chmod',
  'sed',
  'grep',
  'uname',
  'basename',
  'dirname',
];
const top = join(import.meta.dirname, '..', '..');

before(() => {
  world = openWorld({ COLUMNS: '200' });
  bare = world.path('bin');
  mkdirSync(bare);
  for (const name of wanted) symlinkSync(find(name), join(bare, name));
  for (const name of ['git-dvcexp', 'git-remote-dvcexp']) symlinkSync(join(top, 'bin', name), join(bare, name));
  alice = world.path('alice');
  bob = world.path('bob');
  world.git(world.directory, 'init', '-q', '--bare', 'team.git');
  world.git(world.directory, 'clone', '-q', 'team.git', 'alice');
  dvc('init', '-q');
  dvc('remote', 'add', '-q', '-d', 'storage', world.path('storage'));
  write(alice, {
    'data/train/1': 'one\n',
    'data/train/2': 'two\n',
    'data/größe': 'three\n',
    'model.bin': 'old model\n',
    'run.sh': '#!/bin/sh\n',
  });
  chmodSync(join(alice, 'run.sh'), 0o744);
  dvc('add', '-q', 'data', 'model.bin', 'run.sh');
  world.git(alice, 'add', '.');
  world.git(alice, 'commit', '-qm', 'by Alice');
  dvc('push', '-q');
  world.git(alice, 'push', '-q', 'origin', 'main');
});
after(() => world.remove());

function find(name: string): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // The next one.
    }
  }
  throw new Error(`there is no '${name}'`);
}
function dvc(...args: readonly string[]): string {
  const ran = world.run(alice, program, args);
  assert.equal(ran.code, 0, `dvc ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}
function write(at: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(at, path, '..'), { recursive: true });
    writeFileSync(join(at, path), text);
  }
}
const text = (at: string, path: string): string => readFileSync(join(at, path), 'utf8');

/** Programs that were started on the machine without Python. */
const started = new Set<string>();
const tracer = ((): string | undefined => {
  try {
    return find('strace');
  } catch {
    return undefined;
  }
})();

/** Git on the machine without Python, watched where strace is. */
function git(at: string, ...args: readonly string[]): Ran {
  const log = world.path('started');
  const env = { PATH: bare };
  const ran =
    tracer === undefined
      ? world.run(at, 'git', args, { env })
      : world.run(at, tracer, ['-f', '-qq', '-e', 'trace=execve', '-e', 'signal=none', '-o', log, 'git', ...args], {
          env,
        });
  assert.equal(ran.code, 0, `git ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  if (tracer !== undefined) {
    for (const [, path = ''] of readFileSync(log, 'utf8').matchAll(/execve\("([^"]+)".* = 0$/gm))
      started.add(basename(path));
    rmSync(log);
  }
  return ran;
}

test('there is no Python there', () => {
  assert.deepEqual(
    readdirSync(bare).filter((name) => /python|dvc$/.test(name)),
    [],
  );
  const script = 'command -v python3 || command -v python || command -v dvc';
  assert.notEqual(world.run(alice, 'sh', ['-c', script], { env: { PATH: bare } }).code, 0);
});

test('clone, fetch, checkout', () => {
  git(world.directory, 'clone', '-q', 'team.git', 'bob');
  git(bob, 'dvcexp', 'setup');
  git(bob, 'dvcexp', 'setup', '--checkout');
  git(bob, 'dvcexp', 'fetch', '-q', '--', 'data/train/1', 'model.bin');
  assert.equal(git(bob, 'dvcexp', 'checkout', 'data/train/1', 'model.bin').stdout, 'A\tdata/\nA\tmodel.bin\n');
  git(bob, 'dvcexp', 'fetch', '-q');
  assert.equal(git(bob, 'dvcexp', 'checkout').stdout, 'M\tdata/\t2 added\nA\trun.sh\n');
  assert.equal(text(bob, 'data/größe'), 'three\n');
});

test('change, commit, push', () => {
  write(bob, {
    'data/train/2': 'two, better\n',
    'data/neu/ä': 'new\n',
    'notes/a b': 'a new output\n',
    'model.bin': 'new model\n',
  });
  rmSync(join(bob, 'data', 'größe'));
  const { stdout } = git(bob, 'dvcexp', 'add', 'data', 'model.bin', 'notes/a b');
  assert.equal(stdout, "to have Git know of it: git add data.dvc model.bin.dvc 'notes/a b.dvc' notes/.gitignore\n");
  git(bob, 'switch', '-q', '-c', 'better');
  git(bob, 'add', '.');
  git(bob, 'commit', '-qm', 'by Bob');
  assert.equal(git(bob, 'status', '--porcelain').stdout, '');
  git(bob, 'push', '-q', 'origin', 'better');
  assert.match(git(bob, 'dvcexp', 'status').stdout, /shared|in storage/);
});

test('DVC on another machine reads it all', () => {
  world.git(alice, 'fetch', '-q', 'origin');
  world.git(alice, 'switch', '-q', 'better');
  dvc('pull', '-q');
  assert.equal(dvc('status', '--json').trim(), '{}');
  assert.equal(dvc('status', '--cloud', '--json').trim(), '{}');
  for (const path of ['data/train/1', 'data/train/2', 'data/neu/ä', 'notes/a b', 'model.bin', 'run.sh'])
    assert.equal(text(alice, path), text(bob, path));
  assert.ok(!existsSync(join(alice, 'data', 'größe')));
  write(alice, { 'data/train/1': 'one, by Alice\n' });
  dvc('add', '-q', 'data');
  world.git(alice, 'commit', '-qam', 'by Alice again');
  dvc('push', '-q');
  world.git(alice, 'push', '-q', 'origin', 'better');
});

test('and back: a pull and a switch put the data in place', () => {
  git(bob, 'branch', '-q', '--set-upstream-to', 'origin/better');
  git(bob, 'pull', '-q');
  assert.equal(text(bob, 'data/train/1'), 'one, by Alice\n');
  git(bob, 'switch', '-q', 'main');
  assert.equal(text(bob, 'data/größe'), 'three\n');
  assert.equal(text(bob, 'model.bin'), 'old model\n');
  assert.ok(!existsSync(join(bob, 'data', 'neu')));
  assert.ok(!existsSync(join(bob, 'notes', 'a b')));
  git(bob, 'switch', '-q', 'better');
  assert.equal(text(bob, 'notes/a b'), 'a new output\n');
});

test('no Python was started', { skip: tracer === undefined && process.env.CI !== 'true' ? 'no strace' : false }, () => {
  assert.notEqual(tracer, undefined);
  assert.deepEqual(
    [...started].filter((name) => /python|^dvc/.test(name)),
    [],
  );
  for (const name of ['git', 'node', 'git-dvcexp', 'git-remote-dvcexp'])
    assert.ok(started.has(name), `${name}: ${[...started]}`);
});
