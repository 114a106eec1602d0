// Cloud-versioned storage remotes, the real DVC as referee, on a bucket of a real S3 server that keeps versions.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { admin, keepVersions, startWeed, type Weed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

const program = process.env.DVCEXP_TEST_DVC || 'dvc';
const bucket = 'versions';
let weed: Weed;
before(
  async () => {
    weed = await startWeed();
    await keepVersions(weed, bucket);
  },
  { timeout: 90_000 },
);
after(() => weed?.close());

function dvc(world: World, cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, program, args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

/** Runs git with our helper for `origin`. */
function ours(world: World, cwd: string, ...args: string[]): Ran {
  return world.run(cwd, 'git', ['-c', 'remote.origin.vcs=dvcexp', ...args]);
}

function cloneWithUs(world: World, name: string, ...args: string[]): Ran {
  return ours(world, world.directory, 'clone', ...args, '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), name);
}

/** Everything that no metafile of the project names: DVC's pull also makes listings of folders above outputs. */
function cacheOf(project: string): string[] {
  return [...objectsIn(`${project}/.dvc/cache`)].map(([key, hash]) => {
    assert.ok(key.replaceAll('/', '').includes(hash), `${key} holds its bytes`);
    return key;
  });
}

function setUp(option: string): { readonly world: World; readonly alice: string; readonly url: string } {
  const world = openWorld({
    AWS_ACCESS_KEY_ID: admin.id,
    AWS_SECRET_ACCESS_KEY: admin.secret,
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
  const alice = world.path('alice');
  const url = `s3://${bucket}/${world.directory.split('/').at(-1)}`;
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(world.directory, 'init', '-q', alice);
  world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
  dvc(world, alice, 'init', '-q');
  dvc(world, alice, 'remote', 'add', '-q', '-d', 'storage', url);
  dvc(world, alice, 'remote', 'modify', '-q', 'storage', 'endpointurl', weed.endpoint);
  dvc(world, alice, 'remote', 'modify', '-q', 'storage', option, 'true');
  mkdirSync(`${alice}/data/sub`, { recursive: true });
  mkdirSync(`${alice}/models`);
  for (const name of ['a', 'b ü', 'sub/c']) writeFileSync(`${alice}/data/${name}.txt`, `bytes of ${name}\r\n`);
  writeFileSync(`${alice}/data/empty`, '');
  writeFileSync(`${alice}/models/big.bin`, Buffer.alloc(20_000_000, 'model'));
  writeFileSync(`${alice}/models/copy.txt`, 'bytes of a\r\n');
  writeFileSync(`${alice}/params.yaml`, 'rate: 1\n');
  writeFileSync(
    `${alice}/dvc.yaml`,
    'stages:\n  train:\n    cmd: mkdir -p out && cat params.yaml > out/weights && cat params.yaml > metrics.json\n    params: [rate]\n    outs: [out]\n    metrics: [metrics.json]\n',
  );
  dvc(world, alice, 'add', '-q', 'data', 'models/big.bin', 'models/copy.txt');
  dvc(world, alice, 'repro', '-q');
  world.git(alice, 'add', '.');
  world.git(alice, 'commit', '-qm', 'baseline');
  return { world, alice, url };
}

/** Cuts everybody off from storage while `work` runs. */
function offline(world: World, work: () => void): void {
  world.env.AWS_ACCESS_KEY_ID = 'nobody';
  try {
    work();
  } finally {
    world.env.AWS_ACCESS_KEY_ID = admin.id;
  }
}

const versionOf = (metafile: string): string => /version_id: (\S+)/.exec(readFileSync(metafile, 'utf8'))?.[1] ?? '';

function keyInBucket(url: string, path: string): string {
  return `/${url.slice('s3://'.length)}/${path}`;
}

for (const option of ['version_aware', 'worktree']) {
  describe(`a storage remote with '${option} = true'`, () => {
    let world: World;
    let alice: string;
    let url: string;
    before(() => {
      ({ world, alice, url } = setUp(option));
    });
    after(() => world.remove());

    test('a push of data without versions is refused before any ref moves, and says what to do', async () => {
      const push = ours(world, alice, 'push', 'origin', 'main');
      assert.equal(push.code, 1, push.stderr);
      assert.match(
        push.stderr,
        /^error: 5 outputs have no version recorded in the cloud-versioned storage remote 'sto/,
      );
      assert.match(push.stderr, /\n {4}data\n/);
      assert.match(push.stderr, /hint: upload with 'dvc push', commit the \.dvc files and dvc\.lock/);
      assert.match(push.stderr, /! \[remote rejected\] main -> main \(dvc: data without a recorded version\)/);
      assert.equal(world.git(alice, 'ls-remote', world.path('team.git')), '');
      const prefix = encodeURIComponent(url.slice(`s3://${bucket}/`.length));
      assert.doesNotMatch((await weed.request('GET', `/${bucket}`, `list-type=2&prefix=${prefix}`)).text, /<Key>/);
    });

    test('once DVC has pushed and the versions are committed it goes, and needs no storage', () => {
      const status = (): Ran => world.run(alice, 'git', ['dvcexp', 'status']);
      const before = status();
      assert.equal(before.code, 1, before.stderr);
      assert.match(before.stdout, /^HEAD \(\w+\): not shared; \d+ objects, \d+ not in storage\n/);
      dvc(world, alice, 'push', '-q');
      world.git(alice, 'commit', '-qam', 'versions');
      const shared = status();
      assert.deepEqual([shared.code, shared.stdout.replace(/.*: (shared); .*\n/, '$1')], [0, 'shared'], shared.stderr);
      world.git(alice, 'tag', 'first');
      offline(world, () => {
        const push = ours(world, alice, 'push', 'origin', 'main', 'first');
        assert.equal(push.code, 0, push.stderr);
        assert.doesNotMatch(push.stderr, /dvcexp:|error|warning/);
      });
    });

    test('we clone: the cache is what dvc pull makes, and DVC works on it without storage', () => {
      world.git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
      dvc(world, world.path('bob'), 'pull', '-q');
      const clone = cloneWithUs(world, 'carol');
      assert.equal(clone.code, 0, clone.stderr);
      assert.match(clone.stderr, /dvcexp: downloaded 6 objects, 19\.07 MiB, from s3:/);
      const carol = world.path('carol');
      const [theirs, own] = [cacheOf(world.path('bob')), cacheOf(carol)];
      assert.deepEqual(
        own.filter((key) => !theirs.includes(key)),
        [],
      );
      const more = theirs.filter((key) => !own.includes(key));
      const named = readFileSync(`${alice}/data.dvc`, 'utf8') + readFileSync(`${alice}/dvc.lock`, 'utf8');
      for (const key of more) {
        const name = key.split('/').slice(-2).join('');
        assert.ok(name.endsWith('.dir') && !named.includes(name), `only a listing that nothing names: ${key}`);
      }
      offline(world, () => {
        assert.match(dvc(world, carol, 'status').stdout, /changed outs|deleted/);
        dvc(world, carol, 'checkout');
        assert.match(dvc(world, carol, 'status').stdout, /up to date/);
      });
      assert.equal(readFileSync(`${carol}/data/b ü.txt`, 'utf8'), 'bytes of b ü\r\n');
      assert.equal(readFileSync(`${carol}/out/weights`, 'utf8'), 'rate: 1\n');
      assert.equal(world.git(carol, 'status', '--short'), '');
    });

    test('a later version goes the same way, and the older one can still be fetched', () => {
      writeFileSync(`${alice}/data/a.txt`, 'second bytes\n');
      rmSync(`${alice}/data/sub`, { recursive: true });
      dvc(world, alice, 'add', '-q', 'data');
      world.git(alice, 'commit', '-qam', 'second');
      assert.equal(ours(world, alice, 'push', 'origin', 'main').code, 1);
      dvc(world, alice, 'push', '-q');
      world.git(alice, 'commit', '-qam', 'second versions');
      assert.equal(ours(world, alice, 'push', 'origin', 'main').code, 0);

      const carol = world.path('carol');
      const fetch = ours(world, carol, 'pull', 'origin', 'main');
      assert.equal(fetch.code, 0, fetch.stderr);
      assert.match(fetch.stderr, /dvcexp: downloaded 1 object, 13 bytes/);
      offline(world, () => void dvc(world, carol, 'checkout'));
      assert.equal(readFileSync(`${carol}/data/a.txt`, 'utf8'), 'second bytes\n');

      rmSync(`${carol}/.dvc/cache`, { recursive: true, force: true });
      const old = world.run(carol, 'git', ['dvcexp', 'fetch', 'first']);
      assert.equal(old.code, 0, old.stderr);
      world.git(carol, 'checkout', '-q', 'first');
      offline(world, () => void dvc(world, carol, 'checkout', '--force'));
      assert.equal(readFileSync(`${carol}/data/sub/c.txt`, 'utf8'), 'bytes of sub/c\r\n');
      world.git(carol, 'checkout', 'main');
    });

    test('experiments: refused as they are, and fetched once their versions are committed', () => {
      dvc(world, alice, 'exp', 'run', '-q', '-S', 'rate=2', '-n', 'quick-exp');
      world.git(alice, 'checkout', '-q', '.');
      const head = world.git(alice, 'rev-parse', 'HEAD');
      const ref = `refs/exps/${head.slice(0, 2)}/${head.slice(2)}/quick-exp`;
      const push = ours(world, alice, 'push', 'origin', `${ref}:${ref}`);
      assert.equal(push.code, 1, push.stderr);
      assert.match(push.stderr, /hint: an experiment needs a branch for that: dvc exp branch <experiment> <branch>/);

      dvc(world, alice, 'exp', 'branch', 'quick-exp', 'quick');
      world.git(alice, 'switch', '-q', 'quick');
      dvc(world, alice, 'checkout');
      dvc(world, alice, 'push', '-q');
      world.git(alice, 'commit', '-qam', 'quick-exp with versions', '--amend');
      // The same commit as a branch and as an experiment.
      world.git(alice, 'update-ref', ref, 'HEAD');
      const again = ours(world, alice, 'push', 'origin', 'quick', `${ref}:${ref}`);
      assert.equal(again.code, 0, again.stderr);
      world.git(alice, 'switch', '-q', 'main');

      const carol = world.path('carol');
      const fetch = ours(world, carol, 'fetch', 'origin', `${ref}:${ref}`);
      assert.equal(fetch.code, 0, fetch.stderr);
      offline(world, () => {
        assert.match(dvc(world, carol, 'exp', 'list').stdout, /quick-exp/);
        world.git(carol, 'checkout', '-qf', '.');
        dvc(world, carol, 'exp', 'apply', '-q', 'quick-exp');
      });
      assert.equal(readFileSync(`${carol}/out/weights`, 'utf8'), 'rate: 2\n');
    });

    test('a storage remote that was renamed after the push: DVC heeds no name, so neither do we', () => {
      world.git(alice, 'switch', '-qfc', 'renamed', 'main');
      dvc(world, alice, 'remote', 'rename', '-q', 'storage', 'other');
      writeFileSync(`${alice}/data/a.txt`, 'third bytes\n');
      world.git(alice, 'commit', '-qam', 'renamed');
      const push = ours(world, alice, 'push', 'origin', 'renamed');
      assert.equal(push.code, 0, push.stderr);
      const clone = cloneWithUs(world, 'renamed', '-b', 'renamed', '-c', 'dvcexp.fetchData=all');
      assert.equal(clone.code, 0, clone.stderr);
      offline(world, () => void dvc(world, world.path('renamed'), 'checkout'));
      world.git(alice, 'switch', '-qf', 'main');
    });

    test('a version that is gone is absent, told by its path; the refs arrive, and the rest of the data', async () => {
      const version = versionOf(`${alice}/models/big.bin.dvc`);
      const key = keyInBucket(url, 'models/big.bin');
      assert.equal((await weed.request('DELETE', key, `versionId=${version}`)).status, 204);
      const clone = cloneWithUs(world, 'late');
      assert.equal(clone.code, 0, clone.stderr);
      assert.match(clone.stderr, /warning: s3:.* has not got 1 object of 'main': somebody pushed without data\n/);
      assert.match(clone.stderr, new RegExp(`\\n {4}models/big\\.bin \\(md5 [0-9a-f]{32}\\), version ${version}\\n`));
      offline(world, () => {
        const checkout = world.run(world.path('late'), program, ['checkout']);
        assert.match(checkout.stdout + checkout.stderr, /models\/big\.bin/);
      });
      assert.equal(readFileSync(`${world.path('late')}/data/a.txt`, 'utf8'), 'second bytes\n');
    });

    test('the bytes of another version are damage, and never enter the cache', async () => {
      const path = `${alice}/models/copy.txt.dvc`;
      const key = keyInBucket(url, 'models/copy.txt');
      assert.equal((await weed.request('PUT', key, '', Buffer.from('foreign'))).status, 200);
      const versions = (
        await weed.request('GET', `/${bucket}`, `prefix=${encodeURIComponent(key.slice(bucket.length + 2))}&versions=`)
      ).text;
      const [, foreign = ''] = /<VersionId>([^<]+)<\/VersionId><IsLatest>true/.exec(versions) ?? [];
      assert.notEqual(foreign, '', versions);
      world.git(alice, 'switch', '-qfc', 'foreign', 'main');
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace(/version_id: \S+/, `version_id: ${foreign}`));
      world.git(alice, 'commit', '-qam', 'foreign version');
      assert.equal(ours(world, alice, 'push', 'origin', 'foreign').code, 0);
      assert.equal(cloneWithUs(world, 'wary', '-c', 'dvcexp.fetchData=none').code, 0);
      const wary = world.path('wary');
      const fetch = world.run(wary, 'git', ['dvcexp', 'fetch', 'origin/foreign']);
      assert.equal(fetch.code, 1, fetch.stderr);
      assert.match(
        fetch.stderr,
        /error: models\/copy\.txt \(md5 .*\), version \S+ in s3:.* is damaged: its bytes hash/,
      );
      assert.match(fetch.stderr, /hint: where the data still is: dvc push, and commit the version that it records/);
      assert.ok(cacheOf(wary).length > 3);
    });
  });
}
