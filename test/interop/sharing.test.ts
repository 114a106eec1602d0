// The real DVC as referee: what it pushes we fetch, what we push it pulls, on a directory and on a real S3 server.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

const program = process.env.DVCEXP_TEST_DVC || 'dvc';

interface Place {
  readonly name: string;
  configure(world: World, project: string): void;
  /** Cuts everybody off from the storage remote, or lets them in again. */
  block(world: World, blocked: boolean): void;
}

let weed: Weed;
const places: readonly Place[] = [
  {
    name: 'a local directory',
    configure: (world, project) =>
      void dvc(world, project, 'remote', 'add', '-q', '-d', 'storage', world.path('storage')),
    block: (world, blocked) =>
      blocked
        ? renameSync(world.path('storage'), world.path('gone'))
        : renameSync(world.path('gone'), world.path('storage')),
  },
  {
    name: 'S3 (SeaweedFS)',
    configure: (world, project) => {
      dvc(
        world,
        project,
        'remote',
        'add',
        '-q',
        '-d',
        'storage',
        `s3://${bucket}/${world.directory.split('/').at(-1)}`,
      );
      dvc(world, project, 'remote', 'modify', '-q', 'storage', 'endpointurl', weed.endpoint);
    },
    block: (world, blocked) => {
      world.env.AWS_ACCESS_KEY_ID = blocked ? 'nobody' : admin.id;
    },
  },
];

function dvc(world: World, cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, program, args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

/** Baseline with a file, a directory, a pipeline and two experiments, all made by DVC itself. */
function makeProject(world: World, place: Place): string {
  const project = world.path('alice');
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(world.directory, 'init', '-q', project);
  world.git(project, 'remote', 'add', 'origin', world.path('team.git'));
  dvc(world, project, 'init', '-q');
  place.configure(world, project);
  mkdirSync(`${project}/data/sub`, { recursive: true });
  for (const name of ['a', 'b ü', 'sub/c']) writeFileSync(`${project}/data/${name}.txt`, `bytes of ${name}\r\n`);
  writeFileSync(`${project}/model.bin`, Buffer.alloc(300_000, 'model'));
  writeFileSync(`${project}/params.yaml`, 'rate: 1\n');
  writeFileSync(
    `${project}/dvc.yaml`,
    'stages:\n  train:\n    cmd: mkdir -p out && cat params.yaml > out/weights && cat params.yaml > metrics.json\n    deps: [model.bin]\n    params: [rate]\n    outs: [out]\n    metrics:\n    - metrics.json:\n        cache: false\n',
  );
  dvc(world, project, 'add', '-q', 'data', 'model.bin');
  dvc(world, project, 'repro', '-q');
  world.git(project, 'add', '.');
  world.git(project, 'commit', '-qm', 'baseline');
  dvc(world, project, 'exp', 'run', '-q', '-S', 'rate=2', '-n', 'quare-zips');
  world.git(project, 'checkout', '-q', '.');
  dvc(world, project, 'exp', 'run', '-q', '-S', 'rate=3', '-n', 'cnn-32');
  world.git(project, 'checkout', '-q', '.');
  return project;
}

function experimentRef(world: World, project: string, name: string): string {
  const line = world
    .git(project, 'for-each-ref', '--format=%(refname)', 'refs/exps')
    .split('\n')
    .find((ref) => ref.endsWith(`/${name}`));
  assert.ok(line, `experiment ${name} exists`);
  return line;
}

before(async () => {
  weed = await startWeed();
});
after(() => weed?.close());

for (const place of places) {
  describe(`sharing over ${place.name}`, () => {
    let world: World;
    let alice: string;
    before(() => {
      world = openWorld({
        AWS_ACCESS_KEY_ID: admin.id,
        AWS_SECRET_ACCESS_KEY: admin.secret,
        AWS_REGION: 'us-east-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      });
      alice = makeProject(world, place);
    });
    after(() => world.remove());

    test('we push, the real DVC pulls, applies and checks out', () => {
      const experiment = experimentRef(world, alice, 'quare-zips');
      const push = world.run(alice, 'git', [
        '-c',
        'remote.origin.vcs=dvcexp',
        'push',
        'origin',
        'main',
        `${experiment}:${experiment}`,
      ]);
      assert.equal(push.code, 0, push.stderr);
      assert.match(push.stderr, /dvcexp: uploaded \d+ objects/);
      assert.match(dvc(world, alice, 'status', '-c').stdout, /in sync/);

      world.git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
      const bob = world.path('bob');
      dvc(world, bob, 'pull', '-q');
      assert.match(dvc(world, bob, 'exp', 'list', 'origin').stdout, /quare-zips/);
      dvc(world, bob, 'exp', 'pull', '-q', 'origin', 'quare-zips');
      dvc(world, bob, 'exp', 'apply', '-q', 'quare-zips');
      assert.equal(world.run(bob, 'cat', ['out/weights']).stdout, 'rate: 2\n');
      assert.equal(world.run(bob, 'cat', ['data/sub/c.txt']).stdout, 'bytes of sub/c\r\n');
      for (const [key, hash] of objectsIn(`${bob}/.dvc/cache`)) assert.ok(key.replaceAll('/', '').includes(hash), key);
    });

    test('DVC pushes, we clone and fetch, and DVC works on it cut off from storage', () => {
      dvc(world, alice, 'push', '-q');
      dvc(world, alice, 'exp', 'push', '-q', 'origin', 'cnn-32');
      world.git(alice, 'push', '-q', 'origin', 'main');
      const clone = world.run(world.directory, 'git', [
        'clone',
        '-c',
        'remote.origin.vcs=dvcexp',
        world.path('team.git'),
        'carol',
      ]);
      assert.equal(clone.code, 0, clone.stderr);
      const carol = world.path('carol');
      const experiment = experimentRef(world, alice, 'cnn-32');
      const fetch = world.run(carol, 'git', ['fetch', 'origin', `${experiment}:${experiment}`]);
      assert.equal(fetch.code, 0, fetch.stderr);
      assert.match(dvc(world, carol, 'status', '-c').stdout, /in sync/);
      place.block(world, true);
      try {
        dvc(world, carol, 'checkout', '-q');
        assert.equal(world.run(carol, 'cat', ['data/b ü.txt']).stdout, 'bytes of b ü\r\n');
        assert.match(dvc(world, carol, 'exp', 'list').stdout, /cnn-32/);
        dvc(world, carol, 'exp', 'apply', '-q', 'cnn-32');
        assert.equal(world.run(carol, 'cat', ['out/weights']).stdout, 'rate: 3\n');
      } finally {
        place.block(world, false);
      }
    });

    test('our transparent clone works with dvc exp push and pull to the same Git remote', () => {
      const carol = world.path('carol');
      world.git(carol, 'checkout', '-qf', '.');
      dvc(world, carol, 'exp', 'run', '-q', '-f', '-S', 'rate=9', '-n', 'from-carol');
      dvc(world, carol, 'exp', 'push', '-q', 'origin', 'from-carol');
      const experiment = experimentRef(world, carol, 'from-carol');
      rmSync(`${alice}/.dvc/cache`, { recursive: true, force: true });
      const fetch = world.run(alice, 'git', [
        '-c',
        'remote.origin.vcs=dvcexp',
        'fetch',
        'origin',
        `${experiment}:${experiment}`,
      ]);
      assert.equal(fetch.code, 0, fetch.stderr);
      dvc(world, alice, 'exp', 'apply', '-q', 'from-carol');
      assert.equal(world.run(alice, 'cat', ['out/weights']).stdout, 'rate: 9\n');
    });
  });
}
