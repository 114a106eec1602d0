import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { findDvc } from './dvc.ts';
import { objectsIn, openWorld, type Ran, type World } from './world.ts';

/** A storage remote as DVC is configured for it. */
export interface Meeting {
  readonly url: string;
  /** Options of the remote, in the user's own configuration. */
  readonly options: Readonly<Record<string, string>>;
  /** Of everybody's programs, on top of the usual. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the server keeps what the URL names; or a look at it: keys, and the MD5 of what they hold. */
  readonly directory: string | (() => Promise<ReadonlyMap<string, string>>);
  /** Bytes of a file that is shared, 2 MB unless told. */
  readonly fileBytes?: number;
}

/** The real DVC as referee: what we push it pulls and finds in sync, what it pushes we clone. */
export function testMeeting(name: string, open: () => Promise<Meeting>): void {
  test(`${name}: DVC and we share storage`, { timeout: 300_000 }, async () => {
    const meeting = await open();
    const world = openWorld(meeting.env);
    try {
      const alice = makeProject(world, meeting);
      const push = world.run(alice, 'git', ['-c', 'remote.origin.vcs=dvcexp', 'push', 'origin', 'main']);
      assert.equal(push.code, 0, push.stderr);
      assert.match(push.stderr, /dvcexp: uploaded 5 objects/);
      assert.match(dvc(world, alice, 'status', '-c').stdout, /in sync/);
      const { directory } = meeting;
      const stored = typeof directory === 'string' ? objectsIn(directory) : await directory();
      assert.deepEqual([...stored], [...objectsIn(`${alice}/.dvc/cache`)]);

      world.git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
      const bob = world.path('bob');
      dvc(world, bob, 'pull', '-q');
      assert.equal(world.run(bob, 'cat', ['data/sub/c.txt']).stdout, 'bytes of sub/c');

      writeFileSync(`${bob}/model.bin`, Buffer.alloc((meeting.fileBytes ?? 2_000_000) + 1_000_000, 'better'));
      dvc(world, bob, 'add', '-q', 'model.bin');
      world.git(bob, 'commit', '-qam', 'better');
      dvc(world, bob, 'push', '-q');
      world.git(bob, 'push', '-q', 'origin', 'main');

      const clone = ['clone', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), 'carol'];
      const cloned = world.run(world.directory, 'git', clone);
      assert.equal(cloned.code, 0, cloned.stderr);
      const carol = world.path('carol');
      assert.deepEqual(objectsIn(`${carol}/.dvc/cache`).size, 5);
      assert.match(dvc(world, carol, 'status', '-c').stdout, /in sync/);
      dvc(world, carol, 'checkout', '-q');
      assert.equal(world.run(carol, 'cmp', ['model.bin', `${bob}/model.bin`]).code, 0);
      for (const [key, hash] of objectsIn(`${carol}/.dvc/cache`))
        assert.ok(key.replaceAll('/', '').includes(hash), key);
    } finally {
      world.remove();
    }
  });
}

function dvc(world: World, cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, findDvc(), args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

function makeProject(world: World, { url, options, fileBytes = 2_000_000 }: Meeting): string {
  const project = world.path('alice');
  const settings = Object.entries(options).map(([key, value]) => `    ${key} = ${value}\n`);
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(world.directory, 'init', '-q', project);
  world.git(project, 'remote', 'add', 'origin', world.path('team.git'));
  dvc(world, project, 'init', '-q');
  dvc(world, project, 'remote', 'add', '-q', '-d', 'storage', url);
  // Only now: DVC refuses options of a remote that nobody has given a URL.
  mkdirSync(world.path('home', '.config', 'dvc'), { recursive: true });
  writeFileSync(world.path('home', '.config', 'dvc', 'config'), `['remote "storage"']\n${settings.join('')}`);
  mkdirSync(`${project}/data/sub`, { recursive: true });
  for (const name of ['a', 'b ü', 'sub/c']) writeFileSync(`${project}/data/${name}.txt`, `bytes of ${name}`);
  writeFileSync(`${project}/model.bin`, Buffer.alloc(fileBytes, 'model'));
  dvc(world, project, 'add', '-q', 'data', 'model.bin');
  world.git(project, 'add', '.');
  world.git(project, 'commit', '-qm', 'baseline');
  return project;
}
