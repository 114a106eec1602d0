// DVC's commands for experiments beside ours, each on its own copy of one project that the real DVC made. What DVC says and
// does is asserted too: docs/dvc-parity.md is the table of it.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

/** A member's clone, its Git remote and its storage, all to itself. */
interface Side {
  readonly at: string;
  readonly bare: string;
  readonly storage: string;
  run(...args: readonly string[]): Ran;
  /** Runs in a folder of the work tree. */
  runIn(folder: string, ...args: readonly string[]): Ran;
  /** Names → commits of the experiments, here or on the Git remote. */
  experiments(where?: 'here' | 'there'): Readonly<Record<string, string>>;
  objects(): readonly string[];
  cache(): readonly string[];
}

let world: World;
let made: string;
let sides = 0;
const program = findDvc();

const git = (at: string, ...args: string[]): string => world.git(at, ...args);
function dvcIn(at: string, ...args: string[]): Ran {
  const ran = world.run(at, program, args);
  assert.equal(ran.code, 0, `dvc ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran;
}

before(() => {
  world = openWorld({ COLUMNS: '200' });
  made = world.path('made');
  git(world.directory, 'init', '-q', made);
  dvcIn(made, 'init', '-q');
  writeFileSync(`${made}/.dvc/config`, '[core]\n    remote = storage\n[\'remote "storage"\']\n    url = /nowhere\n');
  mkdirSync(`${made}/data/sub`, { recursive: true });
  for (const name of ['a', 'b', 'sub/c']) writeFileSync(`${made}/data/${name}.txt`, `bytes of ${name}\n`);
  writeFileSync(`${made}/params.yaml`, 'rate: 1\n');
  const outs = 'outs: [out]\n    metrics:\n    - metrics.json:\n        cache: false\n';
  const cmd = 'mkdir -p out && cat params.yaml > out/weights && cat params.yaml > metrics.json';
  writeFileSync(
    `${made}/dvc.yaml`,
    `stages:\n  train:\n    cmd: ${cmd}\n    deps: [data]\n    params: [rate]\n    ${outs}`,
  );
  dvcIn(made, 'add', '-q', 'data');
  dvcIn(made, 'repro', '-q');
  const commit = (message: string): void => {
    git(made, 'add', '.');
    git(made, 'commit', '-qm', message);
  };
  const experiment = (name: string, rate: number): void => {
    dvcIn(made, 'exp', 'run', '-q', '-S', `rate=${rate}`, '-n', name);
    git(made, 'checkout', '-q', '.');
  };
  commit('first');
  experiment('cnn-32', 2);
  experiment('quare-zips', 3);
  git(made, 'tag', 'v1');
  writeFileSync(`${made}/README`, 'second\n');
  commit('second');
  experiment('cnn-32', 4);
  experiment('late', 5);
  git(made, 'branch', 'side');
  git(made, 'reset', '-q', '--hard', 'v1');
});
after(() => world.remove());

/** A fresh copy; `kind` says whose words `run` speaks. */
function side(kind: 'dvc' | 'ours'): Side {
  sides += 1;
  const directory = world.path(`side-${sides}`);
  mkdirSync(directory);
  const [at, bare, storage] = ['alice', 'team.git', 'storage'].map((name) => `${directory}/${name}`) as [
    string,
    string,
    string,
  ];
  cpSync(made, at, { recursive: true, verbatimSymlinks: true });
  git(directory, 'init', '-q', '--bare', bare);
  git(at, 'remote', 'add', 'origin', bare);
  git(at, 'push', '-q', 'origin', 'main', '--tags');
  writeFileSync(`${at}/.dvc/config.local`, `['remote "storage"']\n    url = ${storage}\n`);
  const env = { DVC_SITE_CACHE_DIR: `${directory}/site` };
  const runIn: Side['runIn'] = (folder, ...args) =>
    kind === 'dvc'
      ? world.run(`${at}/${folder}`, program, ['exp', ...args], { env })
      : world.run(`${at}/${folder}`, 'git', ['dvcexp', ...args], { env });
  return {
    at,
    bare,
    storage,
    runIn,
    run: (...args) => runIn('.', ...args),
    experiments: (where = 'here') =>
      Object.fromEntries(
        git(where === 'here' ? at : bare, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/exps')
          .split('\n')
          .filter((line) => /^refs\/exps\/[0-9a-f]{2}\//.test(line))
          .map((line) => line.replace('refs/exps/', '').split(' ') as [string, string]),
      ),
    objects: () => [...objectsIn(storage).keys()],
    cache: () => [...objectsIn(`${at}/.dvc/cache`).keys()],
  };
}

/** The same command on both sides. */
function both(...args: readonly string[]): {
  readonly dvc: Side;
  readonly ours: Side;
  readonly theirs: Ran;
  readonly own: Ran;
} {
  const [dvc, ours] = [side('dvc'), side('ours')];
  return { dvc, ours, theirs: dvc.run(...args), own: ours.run(...args) };
}
const id = (revision: string): string => git(made, 'rev-parse', revision);
const refOf = (baseline: string, name: string): string =>
  `refs/exps/${id(baseline).slice(0, 2)}/${id(baseline).slice(2)}/${name}`;
const short = (ref: string): string => id(ref).slice(0, 7);
const cnn = (): string => refOf('v1', 'cnn-32');
const zips = (): string => refOf('v1', 'quare-zips');
/** Key of what an experiment alone has. */
const ownObject = (ref: string): string => {
  const [, name = ''] =
    /path: out\n\s+hash: md5\n\s+md5: ([0-9a-f]{32}\.dir)/.exec(git(made, 'show', `${ref}:dvc.lock`)) ?? [];
  assert.notEqual(name, '', ref);
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
};
const lineOf = (ref: string): string => `\t${short(ref)} [${ref.split('/').at(-1)}]`;
const words = (text: string): string[] =>
  text
    .split(/\s+/)
    .filter((word) => word !== '')
    .sort();

describe('list', () => {
  test('the same experiments for the same options, ours with the state of data, in one order', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const args of [[], ['-A'], ['--rev', 'v1'], ['--rev', 'side', '-n', '2'], ['--rev', 'side', '-n', '-1']]) {
      for (const only of args.length === 1 ? ['--name-only', '--sha-only'] : ['--name-only']) {
        const [theirs, own] = [dvc.run('list', ...args, only), ours.run('list', ...args, only)];
        assert.deepEqual([theirs.code, own.code], [0, 0], theirs.stderr + own.stderr);
        assert.deepEqual(words(own.stdout), words(theirs.stdout), `${args.join(' ')} ${only}`);
      }
    }
    const lines = dvc.run('list').stdout.split('\n').sort();
    assert.deepEqual(lines, ['', ...[cnn(), zips()].map(lineOf).sort(), 'main:']);
    const own = ours.run('list').stdout;
    assert.equal(own, `main:\n${lineOf(cnn())}      data in the cache\n${lineOf(zips())}  data in the cache\n`);
    assert.equal(ours.run('list', '-A').stdout, ours.run('list', '-A').stdout);
  });

  test('of a Git remote: ours with IDs, and what is here', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at } of [dvc, ours]) git(at, 'push', '-q', 'origin', cnn());
    assert.equal(dvc.run('list', 'origin').stdout, 'main:\n\tcnn-32\n');
    assert.equal(ours.run('list', 'origin').stdout, `main:\n${lineOf(cnn())}  data in the cache\n`);
    const refused = dvc.run('list', 'origin', '--sha-only');
    assert.equal(refused.code, 255);
    assert.match(refused.stderr, /--sha-only not supported with git_remote/);
    assert.equal(ours.run('list', 'origin', '--sha-only').stdout, `${id(cnn())}\n`);
  });
});

describe('nothing', () => {
  test('to list or to push: both exit with 0', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const each of [dvc, ours]) git(each.at, 'commit', '-q', '--allow-empty', '-m', 'nothing was made from it');
    for (const [args, theirs, own] of [
      [['list'], '', ''],
      [['list', 'origin'], '', ''],
      [['push', 'origin'], 'No experiments to push.\n12 files uploaded\n', 'no experiments to push\n'],
      [['pull', 'origin'], 'No experiments to pull.\n', 'no experiments to pull\n'],
    ] as const) {
      const [their, our] = [dvc.run(...args), ours.run(...args)];
      assert.deepEqual([their.code, our.code], [0, 0], args.join(' '));
      assert.deepEqual([their.stdout, our.stdout], [theirs, own], args.join(' '));
    }
  });
});

describe('push', () => {
  test('of the experiments of HEAD: the same refs and objects, and each is said', () => {
    const { dvc, ours, theirs, own } = both('push', 'origin');
    assert.deepEqual([theirs.code, own.code], [0, 0], theirs.stderr + own.stderr);
    assert.match(theirs.stdout, /^Pushed experiment [\w-]+ and [\w-]+ to Git remote 'origin'\.\n\d+ files uploaded\n$/);
    assert.equal(own.stdout, `pushed      cnn-32 (${short(cnn())})\npushed      quare-zips (${short(zips())})\n`);
    assert.deepEqual(ours.experiments('there'), dvc.experiments('there'));
    assert.deepEqual(ours.objects(), dvc.objects());
    const [again, ownAgain] = [dvc.run('push', 'origin', 'quare-zips'), ours.run('push', 'origin', 'quare-zips')];
    assert.equal(again.stdout, "Experiment quare-zips is up to date on Git remote 'origin'.\n");
    assert.equal(ownAgain.stdout, `up to date  quare-zips (${short(zips())})\n`);
  });

  test('selected by -A, --rev, -n, name and full ref: the same refs', () => {
    for (const [flags, names] of [
      [['-A'], []],
      [['--rev', 'side', '-n', '2'], []],
      [[], ['late', zips()]],
    ] as const) {
      const { dvc, ours, theirs, own } = both('push', '--no-cache', ...flags, 'origin', ...names);
      assert.deepEqual([theirs.code, own.code], [0, 0], theirs.stderr + own.stderr);
      assert.deepEqual(ours.experiments('there'), dvc.experiments('there'), [...flags, ...names].join(' '));
      assert.deepEqual([dvc.objects(), ours.objects()], [[], []]);
      assert.match(theirs.stdout, /To push cached outputs for this experiment to DVC remote storage,re-run/);
      assert.match(own.stdout, /their data was not pushed \(--no-cache\); to do that: git dvcexp push origin/);
    }
  });

  test('named and by baseline at once: DVC heeds the names alone', () => {
    const { dvc, ours, theirs, own } = both('push', '--no-cache', '--rev', 'main', 'origin', 'late');
    assert.deepEqual([theirs.code, own.code], [0, 0], theirs.stderr + own.stderr);
    assert.equal(Object.keys(dvc.experiments('there')).length, 1);
    assert.equal(Object.keys(ours.experiments('there')).length, 3);
  });

  test('by ID: DVC knows none', () => {
    const { theirs, own, ours } = both('push', 'origin', short(cnn()));
    assert.deepEqual([theirs.code, own.code], [255, 0]);
    assert.match(theirs.stderr, /'\w{7}' is not a valid experiment name/);
    assert.equal(Object.keys(ours.experiments('there')).length, 1);
  });

  test('of names that mean nothing, or several things', () => {
    const unknown = both('push', 'origin', 'cnn-23');
    assert.deepEqual([unknown.theirs.code, unknown.own.code], [255, 129]);
    assert.match(unknown.theirs.stderr, /'cnn-23' is not a valid experiment name/);
    assert.equal(unknown.own.stderr, "error: there is no experiment 'cnn-23' here\nhint: did you mean 'cnn-32'?\n");
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at } of [dvc, ours]) git(at, 'commit', '-q', '--allow-empty', '-m', 'elsewhere');
    const [theirs, own] = [dvc.run('push', 'origin', 'cnn-32'), ours.run('push', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [255, 129]);
    for (const { stderr } of [theirs, own])
      for (const baseline of ['v1', 'side']) assert.ok(stderr.includes(refOf(baseline, 'cnn-32')));
  });

  test('of one that differs: both leave it; DVC exits with 0 and uploads the data of all others', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at, bare } of [dvc, ours]) {
      git(at, 'push', '-q', 'origin', cnn());
      git(at, 'update-ref', cnn(), git(at, 'commit-tree', '-p', 'v1', '-m', 'mine', 'v1^{tree}'));
      git(bare, 'update-ref', cnn(), git(bare, 'commit-tree', '-p', 'v1', '-m', 'theirs', 'v1^{tree}'));
    }
    const [theirs, own] = [dvc.run('push', 'origin', 'cnn-32'), ours.run('push', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.match(theirs.stderr, /Local experiment cnn-32 has diverged from remote experiment with the same name/);
    assert.match(
      own.stdout,
      /^diverged {4}cnn-32 \(\w{7}\): it is \w{7} on 'origin'\nto replace those on 'origin': git dvcexp push --force/,
    );
    assert.ok(dvc.objects().includes(ownObject(zips())), 'an empty list is all');
    assert.deepEqual(ours.objects(), []);
    const [forced, ownForced] = [dvc.run('push', '-f', 'origin', 'cnn-32'), ours.run('push', '-f', 'origin', 'cnn-32')];
    assert.deepEqual([forced.code, ownForced.code], [0, 0]);
    assert.equal(
      ours.experiments('there')[Object.keys(ours.experiments('there'))[0] ?? ''],
      git(ours.at, 'rev-parse', cnn()),
    );
  });

  test('of one that could be fast-forwarded: DVC replaces it', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { bare } of [dvc, ours]) git(bare, 'update-ref', cnn(), 'main');
    const [theirs, own] = [dvc.run('push', 'origin', 'cnn-32'), ours.run('push', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.deepEqual(Object.values(dvc.experiments('there')), [id(cnn())]);
    assert.deepEqual(Object.values(ours.experiments('there')), [id('v1')]);
  });

  test('without an object that it needs: DVC publishes it and exits with 0', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at } of [dvc, ours]) rmSync(`${at}/.dvc/cache/${ownObject(cnn())}`, { force: true });
    const [theirs, own] = [dvc.run('push', 'origin', 'cnn-32'), ours.run('push', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.match(theirs.stderr, /Some of the cache files do not exist neither locally nor on remote/);
    assert.match(own.stdout, /^failed {6}cnn-32 \(\w{7}\): 1 object missing in cache and storage\n$/);
    assert.deepEqual(
      [Object.keys(dvc.experiments('there')).length, Object.keys(ours.experiments('there')).length],
      [1, 0],
    );
  });

  test('with storage that refuses: DVC has published the ref by then', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { storage } of [dvc, ours]) writeFileSync(storage, 'a file in its place');
    const [theirs, own] = [dvc.run('push', 'origin', 'cnn-32'), ours.run('push', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [255, 1]);
    assert.match(theirs.stderr, /failed to push cache/);
    assert.match(own.stdout, /^failed {6}cnn-32 /);
    assert.deepEqual(
      [Object.keys(dvc.experiments('there')).length, Object.keys(ours.experiments('there')).length],
      [1, 0],
    );
  });

  test('without a storage remote: DVC says nothing and exits with 0', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at } of [dvc, ours]) writeFileSync(`${at}/.dvc/config.local`, '[core]\n    remote = ""\n');
    const [theirs, own] = [dvc.run('push', 'origin', 'cnn-32'), ours.run('push', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.doesNotMatch(theirs.stdout + theirs.stderr, /remote storage|upload/i);
    assert.match(own.stdout, /^pushed {6}cnn-32 \(\w{7}\): its data is not whole: no storage remote configured\n$/);
  });

  test('to another storage remote; DVC wants a configured one as we do', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at, storage } of [dvc, ours])
      writeFileSync(`${at}/.dvc/config.local`, `['remote "other"']\n    url = ${storage}\n`);
    const args = ['push', '-r', 'other', '-j', '2', 'origin', 'cnn-32'];
    const [theirs, own] = [dvc.run(...args), ours.run(...args)];
    assert.deepEqual([theirs.code, own.code], [0, 0], theirs.stderr + own.stderr);
    assert.deepEqual(ours.objects(), dvc.objects());
    assert.ok(ours.objects().length > 0);
    const wrong = both('push', '-r', 'nosuch', 'origin', 'cnn-32');
    assert.deepEqual([wrong.theirs.code, wrong.own.code], [255, 1]);
    assert.deepEqual(Object.keys(wrong.ours.experiments('there')), [], 'DVC has published it');
    assert.equal(Object.keys(wrong.dvc.experiments('there')).length, 1);
  });

  test('from a subdirectory, to a relative URL: DVC looks for it there', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at } of [dvc, ours]) git(at, 'remote', 'set-url', 'origin', '../team.git');
    const [theirs, own] = [
      dvc.runIn('data/sub', 'push', 'origin', 'cnn-32'),
      ours.runIn('data/sub', 'push', 'origin', 'cnn-32'),
    ];
    assert.equal(own.code, 0, own.stderr);
    assert.notEqual(theirs.code, 0);
  });

  test('several DVC projects, a storage remote by a relative URL, and a Git remote by insteadOf: DVC moves one, elsewhere, or nothing', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const { at } of [dvc, ours]) {
      mkdirSync(`${at}/inner`);
      dvcIn(`${at}/inner`, 'init', '-q', '--subdir');
      writeFileSync(
        `${at}/inner/.dvc/config`,
        '[core]\n    remote = near\n[\'remote "near"\']\n    url = ../../../near\n',
      );
      writeFileSync(`${at}/inner/inner.txt`, 'of the inner project\n');
      dvcIn(`${at}/inner`, 'add', '-q', 'inner.txt');
      git(at, 'add', '.');
      git(at, 'commit', '-qm', 'an inner project');
      const made = git(at, 'commit-tree', '-p', 'HEAD', '-m', 'made', 'HEAD^{tree}');
      const head = git(at, 'rev-parse', 'HEAD');
      git(at, 'update-ref', `refs/exps/${head.slice(0, 2)}/${head.slice(2)}/nested`, made);
      git(at, 'config', 'url.../team.git.insteadOf', 'team:');
      git(at, 'remote', 'set-url', 'origin', 'team:');
    }
    const own = ours.run('push', 'origin', 'nested');
    assert.equal(own.code, 0, own.stdout + own.stderr);
    assert.equal(objectsIn(`${ours.at}/../near`).size, 1, 'of the inner project');
    assert.ok(ours.objects().length > 0, 'and of the outer one');
    assert.notEqual(dvc.run('push', 'origin', 'nested').code, 0, 'DVC does not know insteadOf');
    git(dvc.at, 'remote', 'set-url', 'origin', dvc.bare);
    assert.equal(dvc.run('push', 'origin', 'nested').code, 0);
    assert.equal(
      objectsIn(`${dvc.at}/../near`).size,
      0,
      'DVC exits with 0, and the data of the inner project is nowhere',
    );
  });

  test('the run cache', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const each of [dvc, ours]) {
      assert.equal(each.run('push', '--run-cache', 'origin', 'cnn-32').code, 0);
    }
    const runs = ({ storage }: Side): string[] =>
      readdirSync(`${storage}/runs`, { recursive: true }).map(String).sort();
    assert.deepEqual(runs(ours), runs(dvc));
  });
});

describe('pull', () => {
  /** A clone that has neither experiments nor data, of what Alice has pushed. */
  function bob(kind: 'dvc' | 'ours'): Side {
    const alice = side('ours');
    assert.equal(alice.run('push', '-q', '-A', 'origin').code, 0);
    for (const ref of git(alice.at, 'for-each-ref', '--format=%(refname)', 'refs/exps').split('\n')) {
      git(alice.at, 'update-ref', '-d', ref);
    }
    git(alice.at, 'reflog', 'expire', '--expire=now', '--all');
    git(alice.at, 'branch', '-q', '-D', 'side');
    git(alice.at, 'gc', '-q', '--prune=now');
    rmSync(`${alice.at}/.dvc/cache`, { recursive: true });
    const env = { DVC_SITE_CACHE_DIR: `${alice.at}/../other-site` };
    const command = (args: readonly string[]): readonly [string, readonly string[]] =>
      kind === 'dvc' ? [program, ['exp', ...args]] : ['git', ['dvcexp', ...args]];
    return { ...alice, run: (...args) => world.run(alice.at, ...command(args), { env }) };
  }

  test('of one by name, then of all: the same refs and objects, each said', () => {
    const [dvc, ours] = [bob('dvc'), bob('ours')];
    const [theirs, own] = [dvc.run('pull', 'origin', 'quare-zips'), ours.run('pull', 'origin', 'quare-zips')];
    assert.deepEqual([theirs.code, own.code], [0, 0], theirs.stderr + own.stderr);
    assert.equal(theirs.stdout, "Pulled experiment '['quare-zips']' from Git remote 'origin'.\n");
    assert.equal(own.stdout, `pulled      quare-zips (${short(zips())})\n`);
    assert.deepEqual(ours.experiments(), dvc.experiments());
    assert.deepEqual(ours.cache(), dvc.cache());
    for (const each of [dvc, ours]) assert.equal(each.run('pull', 'origin', '-A').code, 0);
    assert.deepEqual(ours.experiments(), dvc.experiments());
    assert.deepEqual(ours.cache(), dvc.cache());
    assert.equal(dvc.run('pull', 'origin', 'quare-zips').stdout, 'No experiments to pull.\n');
    assert.equal(ours.run('pull', 'origin', 'quare-zips').stdout, `up to date  quare-zips (${short(zips())})\n`);
  });

  test('what we pulled, DVC lists, shows and applies without any network', () => {
    const ours = bob('ours');
    assert.equal(ours.run('pull', 'quare-zips').code, 0);
    renameSync(ours.storage, `${ours.storage}.away`);
    renameSync(ours.bare, `${ours.bare}.away`);
    assert.match(dvcIn(ours.at, 'exp', 'list').stdout, /quare-zips/);
    assert.match(dvcIn(ours.at, 'exp', 'show', '--csv').stdout, /quare-zips/);
    dvcIn(ours.at, 'exp', 'apply', 'quare-zips');
    assert.equal(readFileSync(`${ours.at}/out/weights`, 'utf8'), 'rate: 3\n');
  });

  test('of one that differs: both leave it; DVC exits with 0 and downloads the data of all others', () => {
    const [dvc, ours] = [bob('dvc'), bob('ours')];
    for (const each of [dvc, ours]) {
      assert.equal(each.run('pull', '--no-cache', 'origin', 'quare-zips').code, 0);
      git(each.at, 'update-ref', cnn(), git(each.at, 'commit-tree', '-p', 'v1', '-m', 'mine', 'v1^{tree}'));
    }
    const [theirs, own] = [dvc.run('pull', 'origin', 'cnn-32'), ours.run('pull', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.match(theirs.stderr, /Local experiment '\['cnn-32'\]' has diverged/);
    assert.match(own.stdout, /^diverged {4}cnn-32 \(\w{7}\): it is \w{7} here\n/);
    assert.ok(dvc.cache().includes(ownObject(zips())));
    assert.deepEqual(ours.cache(), []);
    const [forced, ownForced] = [dvc.run('pull', '-f', 'origin', 'cnn-32'), ours.run('pull', '-f', 'origin', 'cnn-32')];
    assert.deepEqual([forced.code, ownForced.code], [0, 0]);
    assert.equal(forced.stdout, 'No experiments to pull.\n', 'although it has replaced one');
    assert.match(ownForced.stdout, /^pulled {6}cnn-32 \(\w{7}\): in place of \w{7}\n$/);
    assert.deepEqual(ours.experiments()[cnn().replace('refs/exps/', '')], id(cnn()));
  });

  test('of an object that storage has not got: DVC exits with 0', () => {
    const [dvc, ours] = [bob('dvc'), bob('ours')];
    for (const { storage } of [dvc, ours]) rmSync(`${storage}/${ownObject(cnn())}`, { force: true });
    const [theirs, own] = [dvc.run('pull', 'origin', 'cnn-32'), ours.run('pull', 'origin', 'cnn-32')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.match(theirs.stderr, /Some of the cache files do not exist neither locally nor on remote/);
    assert.match(own.stdout, /^pulled {6}cnn-32 \(\w{7}\): its data is not whole: 1 object not in the cache\n$/);
    assert.match(own.stderr, /out \(md5/);
  });

  test('of an object that is damaged in storage: DVC keeps it and exits with 0', () => {
    const [dvc, ours] = [bob('dvc'), bob('ours')];
    const key = dvc.objects().find((each) => !each.endsWith('.dir')) ?? '';
    for (const { storage } of [dvc, ours]) {
      chmodSync(`${storage}/${key}`, 0o644);
      writeFileSync(`${storage}/${key}`, 'damaged');
      chmodSync(`${storage}/${key}`, 0o444);
    }
    const [theirs, own] = [dvc.run('pull', 'origin', '-A'), ours.run('pull', 'origin', '-A')];
    assert.deepEqual([theirs.code, own.code], [0, 1]);
    assert.equal(readFileSync(`${dvc.at}/.dvc/cache/${key}`, 'utf8'), 'damaged');
    assert.ok(!ours.cache().includes(key));
  });

  test('of a name that is not there', () => {
    const [dvc, ours] = [bob('dvc'), bob('ours')];
    const [theirs, own] = [dvc.run('pull', 'origin', 'cnn-23'), ours.run('pull', 'origin', 'cnn-23')];
    assert.deepEqual([theirs.code, own.code], [255, 129]);
    assert.equal(own.stderr, "error: there is no experiment 'cnn-23' on 'origin'\nhint: did you mean 'cnn-32'?\n");
  });
});

describe('branch, remove and rename', () => {
  test('branch: the same branch, and the same refusal', () => {
    const { dvc, ours, theirs, own } = both('branch', 'quare-zips');
    assert.deepEqual([theirs.code, own.code], [0, 0]);
    assert.match(theirs.stdout, /Git branch 'quare-zips-branch' has been created from experiment 'quare-zips'\./);
    assert.match(own.stdout, /^branch 'quare-zips-branch' created from experiment 'quare-zips'/);
    for (const { at } of [dvc, ours]) assert.equal(git(at, 'rev-parse', 'quare-zips-branch'), id(zips()));
    const [again, ownAgain] = [dvc.run('branch', 'quare-zips'), ours.run('branch', 'quare-zips')];
    assert.deepEqual([again.code, ownAgain.code], [255, 129]);
  });

  test('remove: by name, by baseline, all, all but some, on a Git remote', () => {
    for (const args of [
      ['quare-zips'],
      ['--rev', 'v1'],
      ['-A'],
      ['--keep', 'quare-zips'],
      ['-g', 'origin', 'cnn-32'],
    ]) {
      const [dvc, ours] = [side('dvc'), side('ours')];
      for (const { at } of [dvc, ours]) git(at, 'push', '-q', 'origin', cnn(), zips());
      const [theirs, own] = [dvc.run('remove', ...args), ours.run('remove', ...args)];
      assert.deepEqual([theirs.code, own.code], [0, 0], `${args.join(' ')}: ${theirs.stderr}${own.stderr}`);
      assert.match(theirs.stdout, /^Removed experiments: '/);
      assert.match(own.stdout, /^removed {3}[\w-]+: refs\/exps\/\S+ [0-9a-f]{40}/);
      assert.deepEqual(ours.experiments(), dvc.experiments(), args.join(' '));
      assert.deepEqual(ours.experiments('there'), dvc.experiments('there'), args.join(' '));
      // What DVC remembers of an experiment that is gone would make its next command fail.
      if (args.length === 1) dvcIn(ours.at, 'exp', 'show', '--csv');
    }
    const nothing = both('remove');
    assert.deepEqual([nothing.theirs.code, nothing.own.code], [255, 129]);
  });

  test('rename: the same here; on a Git remote DVC renames the one here', () => {
    const { dvc, ours } = both('rename', 'quare-zips', 'best');
    assert.deepEqual(ours.experiments(), dvc.experiments());
    const [taken, ownTaken] = [dvc.run('rename', 'best', 'cnn-32'), ours.run('rename', 'best', 'cnn-32')];
    assert.deepEqual([taken.code, ownTaken.code], [255, 129]);
    const [there, ownThere] = [side('dvc'), side('ours')];
    for (const each of [there, ownThere]) {
      git(each.at, 'push', '-q', 'origin', zips());
      assert.equal(each.run('rename', '-g', 'origin', 'quare-zips', 'best').code, 0);
    }
    const last = (refs: Readonly<Record<string, string>>): string[] =>
      Object.keys(refs).map((ref) => ref.split('/').at(-1) ?? '');
    assert.deepEqual(last(there.experiments('there')), ['quare-zips']);
    assert.deepEqual(last(ownThere.experiments('there')), ['best']);
    assert.ok(last(ownThere.experiments()).includes('quare-zips'));
    assert.ok(last(there.experiments()).includes('best'));
  });
});

describe('status', () => {
  test('of the commit that is checked out: new, in sync, deleted', () => {
    const { at, storage, run } = side('ours');
    const listing = ownObject('v1');
    const both = (): { readonly theirs: string; readonly own: Ran } => ({
      theirs: dvcIn(at, 'status', '-c').stdout,
      own: run('status'),
    });
    const away = both();
    assert.match(away.theirs, /^\tnew: +out\n/m, 'a share that is not mounted is empty to DVC');
    assert.match(away.own.stdout, /storage directory '.*' does not exist/);
    mkdirSync(storage);
    const fresh = both();
    assert.match(fresh.theirs, /^\tnew: +out\n/m);
    assert.match(fresh.own.stdout, /^ {8}not in storage {2}out \(/m);
    assert.equal(fresh.own.code, 1);
    dvcIn(at, 'push', '-q');
    const pushed = both();
    assert.equal(pushed.theirs, "Cache and remote 'storage' are in sync.\n");
    assert.match(pushed.own.stdout, /^HEAD \(\w{7}\): shared; \d+ objects\n$/);
    assert.equal(pushed.own.code, 0);
    const [leaf] = JSON.parse(readFileSync(`${at}/.dvc/cache/${listing}`, 'utf8')) as { md5: string }[];
    rmSync(`${at}/.dvc/cache/files/md5/${leaf?.md5.slice(0, 2)}/${leaf?.md5.slice(2)}`, { force: true });
    const gone = both();
    assert.match(gone.theirs, /^\tdeleted: +out/m);
    assert.match(gone.own.stdout, /^ {8}not in cache {4}out\/weights \(/m);
    assert.equal(gone.own.code, 0, 'it is shared');
  });
});

describe('what DVC cannot say or repair', () => {
  test('status: whether the data of an experiment is shared', () => {
    const ours = side('ours');
    assert.equal(ours.run('push', '-q', 'origin', 'cnn-32').code, 0);
    assert.equal(ours.run('status', 'cnn-32', '-g', 'origin').code, 0);
    const other = ours.run('status', 'quare-zips');
    assert.equal(other.code, 1);
    assert.match(other.stdout, /a push would send \d+ objects?, /);
    // DVC compares the work tree alone.
    assert.match(dvcIn(ours.at, 'status', '-c').stdout, /new: +out|in sync/);
  });

  test('a file that was lost below a directory in storage: DVC takes the directory for proof that it is there', () => {
    const [dvc, ours] = [side('dvc'), side('ours')];
    for (const each of [dvc, ours]) assert.equal(each.run('push', 'origin', 'cnn-32').code, 0);
    const listing = JSON.parse(readFileSync(`${ours.storage}/${ownObject(cnn())}`, 'utf8')) as { md5: string }[];
    const lost = `files/md5/${listing[0]?.md5.slice(0, 2)}/${listing[0]?.md5.slice(2)}`;
    for (const each of [dvc, ours]) rmSync(`${each.storage}/${lost}`, { force: true });
    // A teammate's clone has no memory of what was there.
    rmSync(`${ours.at}/.git/dvcexp`, { recursive: true, force: true });
    rmSync(`${dvc.at}/../site`, { recursive: true, force: true });
    for (const each of [dvc, ours]) assert.equal(each.run('push', 'origin', 'cnn-32').code, 0);
    assert.ok(!dvc.objects().includes(lost));
    assert.ok(ours.objects().includes(lost));
  });
});
