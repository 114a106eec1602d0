// The real DVC as referee on an SSH server: what it pushes we fetch, what we push it pulls.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeKey, makeSshHome, type Sshd, startSftpServer } from '../kit/sshd.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

const program = process.env.DVCEXP_TEST_DVC || 'dvc';
let world: World;
let sshd: Sshd;
let alice: string;

function dvc(cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, program, args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

function git(cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, 'git', args);
  assert.equal(result.code, 0, `git ${args.join(' ')}\n${result.stderr}`);
  return result;
}

/** Mode of every object and directory of the storage, by how often it is met. */
function modesIn(folder: string): Record<string, number> {
  const modes: Record<string, number> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const { mode } = statSync(join(entry.parentPath, entry.name));
    const text = `${entry.isDirectory() ? 'd' : '-'}${(mode & 0o7777).toString(8)}`;
    modes[text] = (modes[text] ?? 0) + 1;
  }
  return modes;
}

before(async () => {
  world = openWorld();
  const home = makeSshHome(world.path('home'));
  world.env.PATH = `${home.directory}/bin${delimiter}${world.env.PATH}`;
  // A key file with a passphrase, which both find in the options and nowhere else.
  const key = makeKey(world.path('keys', 'team'), 'open sesame');
  sshd = await startSftpServer(world.path('sshd'), { authorized: `${key}.pub` });
  home.trust(sshd.port, world.path('sshd', 'host'));
  alice = world.path('alice');
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(world.directory, 'init', '-q', alice);
  world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
  dvc(alice, 'init', '-q');
  dvc(alice, 'remote', 'add', '-q', '-d', 'storage', `ssh://127.0.0.1${world.path('not yet', 'there')}`);
  dvc(alice, 'remote', 'modify', '-q', 'storage', 'port', `${sshd.port}`);
  mkdirSync(world.path('home', '.config', 'dvc'), { recursive: true });
  writeFileSync(
    world.path('home', '.config', 'dvc', 'config'),
    `['remote "storage"']\n    keyfile = ${key}\n    passphrase = open sesame\n`,
  );
  mkdirSync(join(alice, 'data', 'sub'), { recursive: true });
  for (const name of ['a', 'b ü', 'sub/c']) writeFileSync(join(alice, 'data', `${name}.txt`), `bytes of ${name}\r\n`);
  writeFileSync(join(alice, 'model.bin'), Buffer.alloc(3_000_000, 'model'));
  writeFileSync(join(alice, 'empty'), '');
  dvc(alice, 'add', '-q', 'data', 'model.bin', 'empty');
  world.git(alice, 'add', '.');
  world.git(alice, 'commit', '-qm', 'first');
});
after(async () => {
  await sshd?.stop();
  world.remove();
});

test('we push, the real DVC pulls and finds nothing to do', () => {
  assert.match(world.run(alice, 'git', ['dvcexp', 'doctor']).stdout, /not there yet; the first push makes it/);
  const push = git(alice, '-c', 'remote.origin.vcs=dvcexp', 'push', 'origin', 'main');
  assert.match(push.stderr, /dvcexp: uploaded 6 objects/);
  assert.match(dvc(alice, 'status', '-c').stdout, /in sync/);
  git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
  dvc(world.path('bob'), 'pull', '-q');
  assert.equal(readFileSync(world.path('bob', 'data', 'sub', 'c.txt'), 'utf8'), 'bytes of sub/c\r\n');
  assert.equal(statSync(world.path('bob', 'empty')).size, 0);
  assert.match(dvc(alice, 'push').stdout, /up to date/);
});

test('DVC pushes, we clone and fetch', () => {
  writeFileSync(join(alice, 'model.bin'), Buffer.alloc(3_500_000, 'better'));
  writeFileSync(join(alice, 'data', 'new.txt'), 'more');
  dvc(alice, 'add', '-q', 'data', 'model.bin');
  world.git(alice, 'commit', '-qam', 'second');
  dvc(alice, 'push', '-q');
  world.git(alice, 'push', '-q', 'origin', 'main');
  git(world.directory, 'clone', '-q', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), 'carol');
  const carol = world.path('carol');
  const objects = objectsIn(join(carol, '.dvc', 'cache'));
  assert.equal(objects.size, 7);
  for (const [key, hash] of objects) assert.ok(key.replaceAll('/', '').includes(hash), key);
  assert.match(dvc(carol, 'status', '-c').stdout, /in sync/);
  dvc(carol, 'checkout', '-q');
  assert.equal(statSync(join(carol, 'model.bin')).size, 3_500_000);
});

test('what we leave on the server has the layout and the modes that DVC gives it', () => {
  const storage = world.path('not yet', 'there');
  const ours = [...objectsIn(storage).keys()];
  const modes = modesIn(storage);
  rmSync(storage, { recursive: true, force: true });
  mkdirSync(storage);
  rmSync(world.path('site'), { recursive: true, force: true });
  dvc(alice, 'push', '-q', '--all-commits');
  assert.deepEqual(ours, [...objectsIn(storage).keys()]);
  assert.deepEqual(modes, modesIn(storage));
});
