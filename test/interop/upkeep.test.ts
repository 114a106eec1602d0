// `git dvcexp gc` and `fsck`, the real DVC as referee: what DVC's flags keep ours keeps too, what is left is enough for DVC,
// and what DVC cannot repair ours can.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let made: string;
let copies = 0;
const program = findDvc();
const git = (at: string, ...args: string[]): string => world.git(at, ...args);

function dvcIn(at: string, ...args: string[]): Ran {
  const ran = world.run(at, program, args, { env: { DVC_SITE_CACHE_DIR: join(at, '..', 'site') } });
  assert.equal(ran.code, 0, `dvc ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran;
}
const ours = (at: string, ...args: string[]): Ran => world.run(at, 'git', ['dvcexp', ...args]);
const now = ['--older-than', '0'];

/** Absolute, in a layer of its own: DVC takes a relative URL of a revision for one below the root of the machine. */
function locateStorage(at: string, storage: string): void {
  for (const root of ['', 'inner']) {
    writeFileSync(join(at, root, '.dvc/config.local'), `['remote "storage"']\n    url = ${storage}\n`);
  }
}

/**
 * Two projects that share files, five commits of which one was amended, a branch, a tag, experiments, a queued one, an output that is not
 * committed, and waste: all in the cache and, but for the last three, in storage.
 */
before(() => {
  world = openWorld({ COLUMNS: '200' });
  const directory = world.path('made');
  made = join(directory, 'alice');
  mkdirSync(made, { recursive: true });
  git(directory, 'init', '-q', '--bare', 'team.git');
  git(made, 'init', '-q');
  git(made, 'remote', 'add', 'origin', '../team.git');
  dvcIn(made, 'init', '-q');
  const config = '[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ';
  writeFileSync(join(made, '.dvc/config'), `${config}/nowhere\n`);
  mkdirSync(join(made, 'inner'));
  dvcIn(join(made, 'inner'), 'init', '-q', '--subdir');
  writeFileSync(join(made, 'inner/.dvc/config'), `${config}/nowhere\n[cache]\n    dir = ../../.dvc/cache\n`);
  locateStorage(made, join(directory, 'storage'));
  const files = (folder: string, ...names: string[]): void => {
    rmSync(join(made, folder), { recursive: true, force: true });
    mkdirSync(join(made, folder), { recursive: true });
    for (const name of names) writeFileSync(join(made, folder, name), `bytes of ${name}\n`);
  };
  const commit = (message: string): void => {
    git(made, 'add', '-A');
    git(made, 'commit', '-qm', message);
  };
  files('data', 'shared', 'first');
  files('inner/data', 'shared', 'inner');
  writeFileSync(join(made, 'params.yaml'), 'rate: 1\n');
  writeFileSync(
    join(made, 'dvc.yaml'),
    'stages:\n  train:\n    cmd: mkdir -p out && cat params.yaml > out/weights\n    deps: [data]\n    params: [rate]\n    outs: [out]\n',
  );
  dvcIn(made, 'add', '-q', 'data');
  dvcIn(join(made, 'inner'), 'add', '-q', 'data');
  dvcIn(made, 'repro', '-q');
  commit('first');
  for (const [name, rate] of [
    ['cnn-32', 2],
    ['quare-zips', 3],
  ] as const) {
    dvcIn(made, 'exp', 'run', '-q', '-S', `rate=${rate}`, '-n', name);
    git(made, 'checkout', '-q', '.');
  }
  git(made, 'tag', 'v1');
  files('data', 'shared', 'second');
  dvcIn(made, 'add', '-q', 'data');
  commit('second');
  git(made, 'checkout', '-q', '-b', 'side', 'v1');
  files('data', 'shared', 'side');
  dvcIn(made, 'add', '-q', 'data');
  commit('side');
  git(made, 'checkout', '-q', 'main');
  files('data', 'shared', 'third');
  dvcIn(made, 'add', '-q', 'data');
  commit('third');
  dvcIn(made, 'push', '-q', '-A', '--run-cache');
  dvcIn(made, 'push', '-q', '--all-commits');
  for (const name of ['cnn-32', 'quare-zips']) assert.equal(ours(made, 'push', 'origin', name, '-A').code, 0);
  git(made, 'push', '-q', 'origin', 'main', 'side', 'v1');
  dvcIn(made, 'exp', 'run', '-q', '--queue', '-S', 'rate=9');
  // Never shared, and in nobody's history.
  files('waste', 'shared', 'wasted');
  dvcIn(made, 'add', '-q', 'waste');
  for (const path of ['waste', 'waste.dvc']) rmSync(join(made, path), { recursive: true });
  files('data', 'shared', 'uncommitted');
  dvcIn(made, 'add', '-q', 'data');
});
after(() => world.remove());

interface Copy {
  readonly at: string;
  readonly storage: string;
  cache(): readonly string[];
  stored(): readonly string[];
}

function copy(): Copy {
  copies += 1;
  const directory = world.path(`copy-${copies}`);
  cpSync(world.path('made'), directory, { recursive: true, verbatimSymlinks: true });
  const [at, storage] = [join(directory, 'alice'), join(directory, 'storage')];
  locateStorage(at, storage);
  return {
    at,
    storage,
    cache: () => [...objectsIn(join(at, '.dvc/cache')).keys()],
    stored: () => [...objectsIn(storage).keys()],
  };
}

/** A fresh clone by plain Git with DVC: whether all of it can be had. */
function colleague({ at, storage }: Copy, ...dvc: readonly (readonly string[])[]): string {
  const bob = join(at, '..', `bob-${copies}-${Math.random().toString(36).slice(2, 6)}`);
  git(join(at, '..'), 'clone', '-q', 'team.git', bob);
  locateStorage(bob, storage);
  git(bob, 'fetch', '-q', 'origin', 'refs/exps/*:refs/exps/*', 'side:side');
  for (const args of dvc) dvcIn(bob, ...args);
  return bob;
}

describe('gc keeps what DVC keeps', () => {
  for (const [theirs, own] of [
    [['-w'], ['--tips-only']],
    [['-a', '-T', '--all-experiments'], ['--tips-only']],
    [['-A', '--all-experiments'], []],
  ] as const) {
    test(`dvc gc ${theirs.join(' ')}`, { timeout: 300_000 }, () => {
      const [dvc, we] = [copy(), copy()];
      const all = we.cache();
      dvcIn(dvc.at, 'gc', '-f', '-q', ...theirs);
      const ran = ours(we.at, 'gc', '--yes', ...own, ...now);
      assert.equal(ran.code, 0, ran.stderr);
      const [kept, left] = [new Set(we.cache()), dvc.cache()];
      assert.deepEqual(
        left.filter((key) => !kept.has(key)),
        [],
        'DVC keeps nothing that we do not',
      );
      assert.ok(left.length > 0 && kept.size < all.length, 'both removed something');
      const wasted = all.filter((key) => !kept.has(key));
      if (own.length === 0) assert.equal(wasted.length, 2, 'the waste alone: its listing and its one file');
      dvcIn(we.at, 'checkout', '-q');
      assert.equal(readFileSync(join(we.at, 'data/uncommitted'), 'utf8'), 'bytes of uncommitted\n');
      dvcIn(we.at, 'exp', 'apply', '-q', 'cnn-32');
      assert.equal(readFileSync(join(we.at, 'out/weights'), 'utf8'), 'rate: 2\n');
    });
  }

  test('in storage, of all branches, tags, experiments and their history', { timeout: 300_000 }, () => {
    const we = copy();
    const all = we.stored();
    const before = objectsIn(we.storage).size;
    // A branch that was shared and is gone everywhere.
    writeFileSync(join(we.at, 'gone.bin'), 'of a branch that is gone\n');
    dvcIn(we.at, 'add', '-q', 'gone.bin');
    dvcIn(we.at, 'push', '-q', 'gone.bin');
    for (const path of ['gone.bin', 'gone.bin.dvc']) rmSync(join(we.at, path));
    assert.equal(we.stored().length, before + 1);
    assert.match(ours(we.at, 'gc', '--storage', 'storage', '--yes').stdout, /removed: 0 objects/, 'too young');
    const ran = ours(we.at, 'gc', '--storage', 'storage', '--yes', ...now);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(we.stored(), all);
    const bob = colleague(
      we,
      ['fetch', '-q', '--all-commits'],
      ['checkout', '-q'],
      ['exp', 'pull', 'origin', 'quare-zips'],
      ['exp', 'apply', 'quare-zips'],
    );
    assert.equal(readFileSync(join(bob, 'out/weights'), 'utf8'), 'rate: 3\n');
    assert.deepEqual(readdirSync(join(bob, 'data')).sort(), ['first', 'shared'].sort());
    dvcIn(join(bob, 'inner'), 'pull', '-q');
    assert.ok(readdirSync(join(bob, 'inner/data')).includes('inner'));
  });

  test('the run cache with its results, unless it is to go', { timeout: 300_000 }, () => {
    const we = copy();
    // A run whose commit is gone.
    git(we.at, 'checkout', '-q', '.');
    dvcIn(we.at, 'checkout', '-q');
    writeFileSync(join(we.at, 'params.yaml'), 'rate: 77\n');
    dvcIn(we.at, 'repro', '-q');
    git(we.at, 'checkout', '-q', '.');
    const runs = (): number =>
      readdirSync(join(we.at, '.dvc/cache/runs'), { recursive: true, withFileTypes: true }).filter((each) =>
        each.isFile(),
      ).length;
    const before = runs();
    assert.equal(ours(we.at, 'gc', '--yes', ...now).code, 0);
    assert.equal(runs(), before);
    dvcIn(we.at, 'checkout', '-q', '--allow-missing');
    writeFileSync(join(we.at, 'params.yaml'), 'rate: 77\n');
    assert.match(dvcIn(we.at, 'repro').stdout, /is cached - skipping run/, 'DVC has the result out of the run cache');
    git(we.at, 'checkout', '-q', '.');
    const ran = ours(we.at, 'gc', '--yes', '--run-cache', ...now);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(runs(), before - 1, 'those of commits stay');
  });
});

describe('fsck', () => {
  test('mends a file lost under a listing, which dvc push does not', { timeout: 300_000 }, () => {
    const we = copy();
    git(we.at, 'checkout', '-q', '.');
    dvcIn(we.at, 'checkout', '-q');
    const [, name = ''] = /md5: ([0-9a-f]{32})\.dir/.exec(git(we.at, 'show', 'HEAD:data.dvc')) ?? [];
    const listing = JSON.parse(
      readFileSync(join(we.storage, 'files/md5', name.slice(0, 2), `${name.slice(2)}.dir`), 'utf8'),
    );
    const lost: string = listing.find(({ relpath }: { relpath: string }) => relpath === 'third').md5;
    const key = `files/md5/${lost.slice(0, 2)}/${lost.slice(2)}`;
    rmSync(join(we.storage, key));
    rmSync(join(we.at, '..', 'site'), { recursive: true, force: true });
    assert.match(dvcIn(we.at, 'push').stdout, /Everything is up to date/);
    assert.ok(!we.stored().includes(key), 'DVC takes the listing for proof');
    const found = ours(we.at, 'fsck', '--storage');
    assert.equal(found.code, 1);
    assert.match(found.stdout, /missing in storage: data\/third, HEAD /);
    const mended = ours(we.at, 'fsck', '--storage', '--repair');
    assert.equal(mended.code, 0, mended.stdout + mended.stderr);
    const bob = colleague(we, ['pull', '-q']);
    assert.equal(readFileSync(join(bob, 'data/third'), 'utf8'), 'bytes of third\n');
    assert.equal(ours(bob, 'fsck', '--storage').code, 0);
  });

  test('finds and mends what DVC trusts and pushes on', { timeout: 300_000 }, () => {
    const we = copy();
    git(we.at, 'checkout', '-q', '.');
    dvcIn(we.at, 'checkout', '-q');
    const [, name = ''] = /md5: ([0-9a-f]{32})\.dir/.exec(git(we.at, 'show', 'HEAD:data.dvc')) ?? [];
    const path = join(we.at, '.dvc/cache/files/md5', name.slice(0, 2), `${name.slice(2)}.dir`);
    const { md5 } = JSON.parse(readFileSync(path, 'utf8'))[0];
    const leaf = join(we.at, '.dvc/cache/files/md5', md5.slice(0, 2), md5.slice(2));
    chmodSync(leaf, 0o644);
    writeFileSync(leaf, 'not what its name says\n');
    chmodSync(leaf, 0o444);
    assert.match(dvcIn(we.at, 'status', 'data.dvc').stdout, /up to date/, 'DVC sees nothing');
    const found = ours(we.at, 'fsck');
    assert.equal(found.code, 1);
    assert.match(found.stdout, /damaged in cache: (?:inner\/)?data\/(?:shared|third), \w{7}/);
    assert.equal(ours(we.at, 'fsck', '--repair').code, 0);
    rmSync(join(we.at, 'data'), { recursive: true });
    dvcIn(we.at, 'checkout', '-q', 'data.dvc');
    assert.deepEqual(readdirSync(join(we.at, 'data')).sort(), ['shared', 'third']);
    assert.equal(readFileSync(join(we.at, 'data/shared'), 'utf8'), 'bytes of shared\n');
  });
});
