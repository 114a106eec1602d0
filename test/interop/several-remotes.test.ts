// Outputs of one commit on several storage remotes, each behind a `remote://` chain, the real DVC as referee.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { makeKey, makeSshHome, type Sshd, startSftpServer } from '../kit/sshd.ts';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let weed: Weed;
let sshd: Sshd;
let alice: string;
let prefix: string;

function dvc(cwd: string, ...args: string[]): Ran {
  const result = world.run(cwd, findDvc(), args);
  assert.equal(result.code, 0, `dvc ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

/** Runs git with our helper for `origin`. */
function ours(cwd: string, ...args: string[]): Ran {
  return world.run(cwd, 'git', ['-c', 'remote.origin.vcs=dvcexp', ...args]);
}

async function keysInBucket(): Promise<string[]> {
  const { text } = await weed.request('GET', `/${bucket}`, `list-type=2&prefix=${encodeURIComponent(`${prefix}/`)}`);
  return [...text.matchAll(/<Key>([^<]+)/g)].map(([, key = '']) => key.slice(prefix.length + 1));
}

/** Every object of every storage, by the whole path to it. */
async function stored(): Promise<string[]> {
  const below = (name: string): string[] =>
    ['', 'team', 'a/b', 'raw', 'other'].flatMap((folder) =>
      [...objectsIn(join(world.path(name), folder)).keys()].map((key) => join(name, folder, key)),
    );
  return [...(await keysInBucket()).map((key) => `lake/${key}`), ...below('disk'), ...below('box')].sort();
}

async function wipe(): Promise<void> {
  for (const key of await keysInBucket()) await weed.request('DELETE', `/${bucket}/${prefix}/${key}`);
  for (const name of ['disk', 'box']) {
    rmSync(world.path(name), { recursive: true, force: true });
    mkdirSync(world.path(name));
  }
  // What either remembers of storage.
  rmSync(world.path('site'), { recursive: true, force: true });
  rmSync(`${alice}/.git/dvcexp`, { recursive: true, force: true });
  rmSync(world.path('team.git'), { recursive: true, force: true });
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
}

/** A ref of an experiment on HEAD, with one more file in DVC. */
function experiment(name: string, remote: string | undefined): string {
  const head = world.git(alice, 'rev-parse', 'HEAD');
  writeFileSync(`${alice}/${name}.bin`, `bytes of ${name}`);
  dvc(alice, 'add', '-q', `${name}.bin`);
  if (remote !== undefined) writeFileSync(`${alice}/${name}.bin.dvc`, `  remote: ${remote}\n`, { flag: 'a' });
  world.git(alice, 'add', '.');
  world.git(alice, 'commit', '-qm', name);
  const ref = `refs/exps/${head.slice(0, 2)}/${head.slice(2)}/${name}`;
  world.git(alice, 'update-ref', ref, 'HEAD');
  world.git(alice, 'reset', '-q', '--hard', head);
  return ref;
}

before(
  async () => {
    weed = await startWeed();
    world = openWorld({
      AWS_ACCESS_KEY_ID: admin.id,
      AWS_SECRET_ACCESS_KEY: admin.secret,
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    prefix = world.directory.split('/').at(-1) ?? '';
    const home = makeSshHome(world.path('home'));
    world.env.PATH = `${home.directory}/bin${delimiter}${world.env.PATH}`;
    const key = makeKey(world.path('home', '.ssh', 'id_team'));
    sshd = await startSftpServer(world.path('sshd'), { authorized: `${key}.pub` });
    home.trust(sshd.port, world.path('sshd', 'host'));

    alice = world.path('alice');
    world.git(world.directory, 'init', '-q', alice);
    world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
    dvc(alice, 'init', '-q');
    // Bases that hold the options, as people write them, and remotes below them that outputs name.
    for (const [name, url, ...options] of [
      ['lake', `s3://${bucket}/${prefix}`, 'endpointurl', weed.endpoint],
      ['disk', world.path('disk')],
      ['box', `ssh://127.0.0.1${world.path('box')}`, 'port', `${sshd.port}`, 'keyfile', key],
      ['store', 'remote://lake/team'],
      ['models', 'remote://disk/a/b'],
      ['raw', 'remote://box/raw'],
      ['other', 'remote://disk/other'],
    ] as const) {
      dvc(alice, 'remote', 'add', '-q', name, url);
      for (let at = 0; at < options.length; at += 2)
        dvc(alice, 'remote', 'modify', '-q', name, options[at] ?? '', options[at + 1] ?? '');
    }
    dvc(alice, 'remote', 'default', '-q', 'store');
    mkdirSync(`${alice}/data/sub`, { recursive: true });
    for (const name of ['a', 'b ü', 'sub/c']) writeFileSync(`${alice}/data/${name}.txt`, `bytes of ${name}\n`);
    for (const name of ['model', 'scan']) writeFileSync(`${alice}/${name}.bin`, Buffer.alloc(200_000, name));
    writeFileSync(
      `${alice}/dvc.yaml`,
      'stages:\n  train:\n    cmd: mkdir -p out && cp model.bin out/best && cp scan.bin plain\n    outs:\n    - out:\n        remote: models\n    - plain\n',
    );
    dvc(alice, 'add', '-q', 'data', 'model.bin', 'scan.bin');
    writeFileSync(`${alice}/model.bin.dvc`, '  remote: models\n', { flag: 'a' });
    writeFileSync(`${alice}/scan.bin.dvc`, '  remote: raw\n', { flag: 'a' });
    dvc(alice, 'repro', '-q');
    world.git(alice, 'add', '.');
    world.git(alice, 'commit', '-qm', 'baseline');
    await wipe();
  },
  { timeout: 120_000 },
);
after(async () => {
  await sshd?.stop();
  await weed?.close();
  world?.remove();
});

describe('several storage remotes in one commit', () => {
  let theirs: readonly string[];

  test('we put every object where DVC puts it', async () => {
    dvc(alice, 'push', '-q');
    theirs = await stored();
    assert.deepEqual(
      theirs.map((path) => path.replace(/files.*/, '')).filter((path, at, all) => path !== all[at - 1]),
      ['box/raw/', 'disk/a/b/', 'lake/team/'],
    );
    await wipe();
    const push = ours(alice, 'push', 'origin', 'main');
    assert.equal(push.code, 0, push.stderr);
    assert.deepEqual(await stored(), theirs);
    for (const place of [/to s3:\/\/.*\/team\n/, /to \/.*\/disk\/a\/b\n/, /to ssh:\/\/.*\/box\/raw\n/])
      assert.match(push.stderr, place);
    assert.match(dvc(alice, 'status', '-c').stdout, /in sync/);
  });

  test('DVC pulls what we pushed, and we clone what DVC pushed', async () => {
    world.git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
    dvc(world.path('bob'), 'pull', '-q');
    await wipe();
    dvc(alice, 'push', '-q');
    world.git(alice, 'push', '-q', 'origin', 'main');
    const clone = ['clone', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), 'carol'];
    const cloned = world.run(world.directory, 'git', clone);
    assert.equal(cloned.code, 0, cloned.stderr);
    const carol = world.path('carol');
    assert.deepEqual([...objectsIn(`${carol}/.dvc/cache`)], [...objectsIn(`${world.path('bob')}/.dvc/cache`)]);
    dvc(carol, 'checkout', '-q');
    assert.equal(readFileSync(`${carol}/out/best`, 'latin1').length, 200_000);
    assert.match(dvc(carol, 'status', '-c').stdout, /in sync/);
  });

  test('a storage remote in place of the default one: as dvc push -r, and outputs with one of their own keep it', async () => {
    await wipe();
    dvc(alice, 'push', '-q', '-r', 'other');
    const default_ = await stored();
    assert.ok(default_.length > 0 && default_.every((path) => path.startsWith('disk/other/')), default_.join('\n'));
    await wipe();
    const push = ours(alice, '-c', 'dvcexp.remote=other', 'push', 'origin', 'main');
    assert.equal(push.code, 0, push.stderr);
    const own = theirs.filter((path) => !path.startsWith('lake/'));
    assert.deepEqual(await stored(), [...default_, ...own].sort());
    const clone = [
      'clone',
      '-c',
      'remote.origin.vcs=dvcexp',
      '-c',
      'dvcexp.remote=Other',
      world.path('team.git'),
      'dave',
    ];
    const cloned = world.run(world.directory, 'git', clone);
    assert.equal(cloned.code, 0, cloned.stderr);
    assert.doesNotMatch(cloned.stderr, /warning/);
    dvc(world.path('dave'), 'checkout', '-q');
  });

  test('one storage remote is down: only refs that need it stay, in a push', async () => {
    await wipe();
    assert.equal(ours(alice, 'push', 'origin', 'main').code, 0);
    const [near, far, both] = [
      experiment('near', 'models'),
      experiment('far', undefined),
      experiment('both', 'models'),
    ];
    // `both` names an object of its own on each side.
    world.git(alice, 'checkout', '-q', '--detach', both);
    writeFileSync(`${alice}/more.bin`, 'more');
    dvc(alice, 'add', '-q', 'more.bin');
    world.git(alice, 'add', '.');
    world.git(alice, 'commit', '-q', '--amend', '-m', 'both');
    world.git(alice, 'update-ref', both, 'HEAD');
    world.git(alice, 'checkout', '-q', 'main');
    world.env.AWS_ACCESS_KEY_ID = 'nobody';
    try {
      const push = ours(alice, 'push', '--porcelain', 'origin', ...[near, far, both].map((ref) => `${ref}:${ref}`));
      assert.equal(push.code, 1, push.stderr);
      assert.match(push.stderr, /error: cannot .* 's3:.*access denied/);
      const lines = new Map(push.stdout.split('\n').map((line) => [/exps\/\S*\/(\w+)\t/.exec(line)?.[1], line]));
      assert.match(lines.get('near') ?? '', /^\*\t.*\[new reference\]/);
      assert.match(lines.get('far') ?? '', /^!.*\(dvc: data not uploaded: access denied\)/);
      assert.match(lines.get('both') ?? '', /^!.*\(dvc: data not uploaded: access denied\)/);
    } finally {
      world.env.AWS_ACCESS_KEY_ID = admin.id;
    }
    const again = ours(alice, 'push', 'origin', `${far}:${far}`, `${both}:${both}`);
    assert.equal(again.code, 0, again.stderr);
  });

  test('one storage remote is down: refs that do not need it arrive, in a fetch', () => {
    const carol = world.path('carol');
    const [near = '', far = ''] = ['near', 'far'].map(
      (name) => /refs\S+/.exec(world.git(carol, 'ls-remote', world.path('team.git'), `refs/exps/*/${name}`))?.[0],
    );
    world.env.AWS_ACCESS_KEY_ID = 'nobody';
    try {
      const fetch = ours(carol, 'fetch', 'origin', `${near}:${near}`);
      assert.equal(fetch.code, 0, fetch.stderr);
      const none = ours(carol, 'fetch', 'origin', `${far}:${far}`);
      assert.notEqual(none.code, 0, none.stderr);
      assert.match(none.stderr, /error: data of 'far' is not here, so no ref was moved/);
    } finally {
      world.env.AWS_ACCESS_KEY_ID = admin.id;
    }
    assert.equal(ours(carol, 'fetch', 'origin', `${far}:${far}`).code, 0);
    dvc(carol, 'exp', 'apply', '-q', 'far');
    assert.equal(readFileSync(`${carol}/far.bin`, 'utf8'), 'bytes of far');
  });
});
