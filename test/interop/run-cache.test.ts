// The run cache, the real DVC as referee: what it remembers we share, and what we share it restores from.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseRun, parseRunPath } from '../../src/dvc/run.ts';
import { findDvc } from '../kit/dvc.ts';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';

interface Place {
  readonly name: string;
  url(world: World): string;
  readonly options: () => readonly (readonly [string, string])[];
}

let weed: Weed;
before(async () => {
  weed = await startWeed();
});
after(() => weed?.close());

const places: readonly Place[] = [
  { name: 'a directory', url: (world) => world.path('storage'), options: () => [] },
  {
    name: 'S3 (SeaweedFS)',
    url: (world) => `s3://${bucket}/${world.directory.split('/').at(-1)}`,
    options: () => [['endpointurl', weed.endpoint]],
  },
];

/** Values as people write them into params.yaml, and as DVC writes them into a run. */
const params = [
  'rate: 1',
  'rate: 1e-5\nbig: 1.0E+20\nint: -012\nhex: 0xFF\nno: null\nyes: true\nlist: [1.50, 2, x, [~]]',
  'rate: 0.1\ntext: "ü 😀 \\" \\\\ \\t"\nquoted: "1e5"\nmap: {b: 2, a: {size: 3, ü: .inf}}\nlong: >-\n  one\n  two',
];

function dvc(world: World, cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, findDvc(), args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

function ours(world: World, cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, 'git', ['-c', 'remote.origin.vcs=dvcexp', '-c', 'dvcexp.runCache=true', ...args]);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

/** Entries below a cache or storage directory, with their bytes. */
function runsIn(directory: string): Map<string, string> {
  const folder = join(directory, 'runs');
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path, 'utf8')]));
}

for (const place of places) {
  describe(`the run cache on ${place.name}`, () => {
    let world: World;
    let alice: string;
    const clone = (name: string): string => {
      world.git(world.directory, 'clone', '-q', world.path('team.git'), name);
      return world.path(name);
    };
    before(() => {
      world = openWorld({
        AWS_ACCESS_KEY_ID: admin.id,
        AWS_SECRET_ACCESS_KEY: admin.secret,
        AWS_REGION: 'us-east-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      });
      alice = world.path('alice');
      world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
      world.git(world.directory, 'init', '-q', alice);
      world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
      dvc(world, alice, 'init', '-q');
      dvc(world, alice, 'remote', 'add', '-q', '-d', 'storage', place.url(world));
      for (const [key, value] of place.options()) dvc(world, alice, 'remote', 'modify', '-q', 'storage', key, value);
      mkdirSync(`${alice}/src`);
      writeFileSync(`${alice}/src/input`, 'input\n');
      writeFileSync(
        `${alice}/dvc.yaml`,
        'stages:\n  train:\n    cmd: mkdir -p out/deep && cat params.yaml > weights && cp params.yaml out/deep/copy && cat params.yaml > metrics.json\n    deps: [src/input]\n    params:\n    - params.yaml:\n    outs: [out, weights]\n    metrics:\n    - metrics.json:\n        cache: false\n',
      );
      for (const text of params) {
        writeFileSync(`${alice}/params.yaml`, `${text}\n`);
        dvc(world, alice, 'repro', '-q');
      }
      world.git(alice, 'add', '.');
      world.git(alice, 'commit', '-qm', 'last of three runs');
    });
    after(() => world.remove());

    test('every entry that DVC writes is understood, hashes and all', () => {
      const runs = runsIn(`${alice}/.dvc/cache`);
      assert.equal(runs.size, params.length);
      for (const [name, text] of runs) {
        const path = parseRunPath(name);
        assert.ok(path, name);
        assert.deepEqual(
          parseRun(path, Buffer.from(text)).map((output) => output.path),
          ['metrics.json', 'out', 'weights'],
        );
      }
    });

    test('nothing of it moves unless it is asked for', () => {
      const plain = world.run(alice, 'git', ['-c', 'remote.origin.vcs=dvcexp', 'push', 'origin', 'main']);
      assert.equal(plain.code, 0, plain.stderr);
      const bob = clone('early');
      dvc(world, bob, 'pull', '-q', '--run-cache');
      assert.equal(runsIn(`${bob}/.dvc/cache`).size, 0);
    });

    test('we push it, and the real DVC restores a run that no commit names, uncached metrics too', () => {
      const push = ours(world, alice, 'push', 'origin', 'main:other');
      assert.match(push.stderr, /dvcexp: uploaded 3 runs of the run cache and \d+ objects of theirs to /);
      const bob = clone('bob');
      dvc(world, bob, 'pull', '-q', '--run-cache');
      assert.deepEqual(runsIn(`${bob}/.dvc/cache`), runsIn(`${alice}/.dvc/cache`));
      writeFileSync(`${bob}/params.yaml`, `${params[1]}\n`);
      assert.match(dvc(world, bob, 'repro', '--pull').stdout, /Stage 'train' is cached - skipping run/);
      assert.equal(readFileSync(`${bob}/metrics.json`, 'utf8'), `${params[1]}\n`);
      assert.equal(readFileSync(`${bob}/out/deep/copy`, 'utf8'), `${params[1]}\n`);
    });

    test('a second push sends nothing, and asks nothing', () => {
      // Another account might see another bucket of that name, so only the secret is spoiled.
      world.env.AWS_SECRET_ACCESS_KEY = 'wrong';
      const again = ours(world, alice, 'push', 'origin', 'main:third');
      world.env.AWS_SECRET_ACCESS_KEY = admin.secret;
      assert.doesNotMatch(again.stderr, /^(?:dvcexp|warning|error):/m);
    });

    test('DVC pushes it, we fetch it with the modes DVC gives it, and DVC restores from it', () => {
      writeFileSync(`${alice}/params.yaml`, 'rate: 4\n');
      dvc(world, alice, 'repro', '-q');
      world.git(alice, 'commit', '-qam', 'fourth run');
      dvc(world, alice, 'push', '-q', '--run-cache');
      world.git(alice, 'push', '-q', 'origin', 'main');
      const carol = world.path('carol');
      const fetched = ours(
        world,
        world.directory,
        'clone',
        '-c',
        'remote.origin.vcs=dvcexp',
        world.path('team.git'),
        carol,
      );
      assert.match(fetched.stderr, /dvcexp: downloaded 4 runs of the run cache from /);
      assert.deepEqual(runsIn(`${carol}/.dvc/cache`), runsIn(`${alice}/.dvc/cache`));
      const modes = (top: string): string[] =>
        [...runsIn(`${top}/.dvc/cache`).keys()].map((path) =>
          (statSync(`${top}/.dvc/cache/${path}`).mode & 0o777).toString(8),
        );
      assert.deepEqual(modes(carol), modes(alice));
      dvc(world, carol, 'checkout', '-q', '--allow-missing');
      writeFileSync(`${carol}/params.yaml`, `${params[0]}\n`);
      assert.match(dvc(world, carol, 'repro', '--pull').stdout, /Stage 'train' is cached - skipping run/);
      assert.equal(readFileSync(`${carol}/weights`, 'utf8'), `${params[0]}\n`);
    });

    test('entries lie where DVC puts them, byte for byte', async () => {
      const base = place.url(world);
      if (base.startsWith('s3://')) {
        const prefix = encodeURIComponent(`${base.slice(`s3://${bucket}/`.length)}/runs/`);
        const { text } = await weed.request('GET', `/${bucket}`, `list-type=2&prefix=${prefix}`);
        assert.equal(text.match(/<Key>/g)?.length, 4);
        return;
      }
      const layout = (): string[] =>
        [...runsIn(base)].map(
          ([path, text]) => `${path} ${(statSync(join(base, path)).mode & 0o777).toString(8)} ${text}`,
        );
      for (const path of runsIn(base).keys()) rmSync(join(base, path));
      rmSync(`${alice}/.git/dvcexp`, { recursive: true, force: true });
      ours(world, alice, 'push', 'origin', 'main:fourth');
      const own = layout();
      for (const path of runsIn(base).keys()) rmSync(join(base, path));
      dvc(world, alice, 'push', '-q', '--run-cache');
      assert.deepEqual(own, layout());
    });
  });
}
