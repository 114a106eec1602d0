// What `doctor` finds, what it says to type, and that it changes nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { awsKeys, openSmallS3, type SmallS3, s3Config } from '../e2e/small-s3.ts';
import { snapshot } from '../e2e/team.ts';
import { openAsking } from '../kit/asking.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion, has, useQuickHelper } from './companion.ts';

let world: World;
let plain: string;
let at: string;
let repositories = 0;
before(() => {
  world = openWorld();
  plain = world.env.PATH ?? '';
  useQuickHelper(world);
});
after(() => world.remove());

const git = (...args: string[]): string => world.git(at, ...args);
const doctor = (...args: string[]): Promise<Ran> => companion(world, at, ['doctor', ...args]);

/** Does what a hint says to type. */
function obey(found: string): void {
  const [, command = ''] = /hint: (?:[^:]*: )?((?:git|rm) .*)$/m.exec(found) ?? [];
  const ran = world.run(at, 'sh', ['-c', command]);
  assert.equal(ran.code, 0, `${found}\n${ran.stderr}`);
}

beforeEach(() => {
  repositories += 1;
  at = world.path(`r${repositories}`, 'work');
  mkdirSync(at, { recursive: true });
  git('init', '-q');
  git('remote', 'add', 'origin', '/nowhere/team.git');
  git('config', 'remote.origin.vcs', 'dvcexp');
  mkdirSync(join(at, '.dvc'));
  useStorage('[core]\n    remote = storage\n[\'remote "storage"\']\n    url = ../../storage\n');
});

function useStorage(config: string): void {
  writeFileSync(join(at, '.dvc', 'config'), config);
  track(at, 'model.bin', 'model');
  writeFileSync(join(at, '.gitignore'), '/model.bin\n/.dvc/cache\n/.dvc/config.local\n');
  git('add', '-A');
  git('commit', '-q', '--allow-empty', '-m', 'one');
}
const storage = (): string => join(dirname(at), 'storage');

describe('the repository', () => {
  test('nothing is wrong: no error, exit code 0, nothing written, here or there', async () => {
    mkdirSync(storage());
    const before = snapshot(dirname(at), []);
    const ran = await doctor();
    assert.equal(ran.code, 0, ran.stdout);
    assert.equal(ran.stderr, '');
    assert.doesNotMatch(ran.stdout, /^error/m);
    has(ran, 'ok', /Git remote 'origin' \(\/nowhere\/team\.git\) is set up, in '.*config'/);
    has(ran, 'ok', /storage remote 'storage' \(.*\/storage\) answers/);
    assert.deepEqual(snapshot(dirname(at), []), before);
  });

  test('no remote is set up, or not the one that is named', async () => {
    obey('hint: git config --unset remote.origin.vcs');
    git('remote', 'add', 'up', 'https://ada:secret@host/x');
    const ran = await doctor();
    assert.equal(ran.code, 1);
    has(ran, 'ok', /'origin' .* is plain Git/);
    assert.match(has(ran, 'error', /no Git remote is set up/), /hint: git dvcexp setup$/);
    has(ran, 'warn', /the URL of 'up' holds a password/);
    assert.doesNotMatch(ran.stdout, /secret/);
    git('config', 'remote.origin.vcs', 'dvcexp');
    assert.equal((await doctor()).code, 0);
    has(await doctor('up'), 'error', /'up' \(https:\/\/host\/x\) is plain Git/);
    assert.equal((await doctor('up')).code, 1);
    has(await doctor('nosuch'), 'error', /there is no Git remote 'nosuch'/);
  });

  test('a remote that cannot work', async () => {
    git('config', 'protocol.dvcexp.allow', 'never');
    has(await doctor(), 'error', /'origin' .*: transport 'dvcexp' not allowed/);
    git('config', '--unset', 'protocol.dvcexp.allow');
    git('config', '--unset', 'remote.origin.url');
    has(await doctor(), 'error', /Git remote 'origin' has no URL/);
    git('config', 'remote.origin.url', 'https://ada:secret@host/x');
    git('config', 'transfer.credentialsInUrl', 'die');
    has(await doctor(), 'error', /transfer\.credentialsInUrl forbids that/);
  });

  test('refspecs that prune or publish experiments, with what undoes them, wherever they stand', async () => {
    writeFileSync(world.path('included'), '[remote "origin"]\n\tfetch = +refs/exps/*:refs/exps/*\n');
    git('config', 'include.path', world.path('included'));
    git('config', '--add', 'remote.origin.push', 'refs/exps/*:refs/exps/*');
    git('config', 'remote.origin.mirror', 'true');
    has(await doctor(), 'warn', /with --prune deletes experiments that exist only here/);
    git('config', 'fetch.prune', 'true');
    const ran = await doctor();
    assert.equal(ran.code, 1);
    obey(has(ran, 'error', /a fetch of 'origin' deletes experiments that exist only here/));
    obey(has(ran, 'warn', /a bare git push to 'origin' publishes experiments/));
    obey(has(ran, 'warn', /a push to 'origin' publishes every ref/));
    assert.doesNotMatch((await doctor()).stdout, /publishes|deletes/);
    git('config', '--add', 'remote.origin.fetch', '+refs/exps/*:refs/remotes/origin/exps/*');
    has(await doctor(), 'ok', /experiments of 'origin' are shown below refs\/remotes\/origin\/exps\//);
  });

  test("DVC's hook, by itself and by pre-commit", async () => {
    git('config', 'core.hooksPath', 'hooks');
    mkdirSync(join(at, 'hooks'));
    const hook = join(at, 'hooks', 'pre-push');
    writeFileSync(hook, '#!/usr/bin/sh\nexec dvc git-hook pre-push $@\n');
    obey(has(await doctor(), 'warn', /DVC's pre-push hook runs 'dvc push' before every git push/));
    assert.doesNotMatch((await doctor()).stdout, /hook/);
    writeFileSync(hook, '#!/bin/sh\n# generated by pre-commit\n');
    assert.doesNotMatch((await doctor()).stdout, /hook/);
    writeFileSync(join(at, '.pre-commit-config.yaml'), 'repos:\n- hooks:\n  - id: dvc-pre-push\n');
    assert.match(has(await doctor(), 'warn', /DVC's pre-push hook/), /out of \.pre-commit-config\.yaml/);
  });

  test('data that did not come, and a lock that was left', async () => {
    const commit = git('rev-parse', 'HEAD');
    const pending = join(at, '.git', 'dvcexp', 'pending');
    mkdirSync(pending, { recursive: true });
    for (const name of [commit, 'no-commit']) writeFileSync(join(pending, name), '');
    assert.match(
      has(await doctor(), 'warn', /the data of 1 commit did not come/),
      new RegExp(`git dvcexp fetch ${commit}$`),
    );
    const lock = join(at, '.git', 'shallow.lock');
    writeFileSync(lock, '');
    assert.doesNotMatch((await doctor()).stdout, /lock/);
    utimesSync(lock, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
    obey(has(await doctor(), 'warn', /shallow\.lock' is \d+ minutes old/));
    assert.doesNotMatch((await doctor()).stdout, /lock/);
  });

  test('a configuration that Git cannot read, and a repository that it refuses', async () => {
    const refused = await companion(world, at, ['doctor'], { env: { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' } });
    assert.equal(refused.code, 1);
    has(refused, 'error', /Git refuses this repository: .*dubious ownership/);
    writeFileSync(join(at, '.git', 'config'), '[core\n');
    const ran = await doctor();
    assert.equal(ran.code, 1);
    has(ran, 'error', /bad config line 1/);
  });
});

describe('storage', () => {
  let s3: SmallS3;
  before(async () => {
    s3 = await openSmallS3();
    Object.assign(world.env, awsKeys);
  });
  after(() => s3.close());

  test('a directory that the first push will make; one that is none', async () => {
    const ran = await doctor();
    assert.equal(ran.code, 0);
    has(ran, 'warn', /storage remote 'storage' \(.*\) is not there yet; the first push makes it/);
    writeFileSync(storage(), '');
    has(await doctor(), 'error', /storage remote 'storage' .*is not a directory/);
  });

  test('--write leaves one object, which is right wherever it is, and may be repeated', async () => {
    for (const _ of ['once', 'again']) {
      has(await doctor('--write'), 'ok', /answers and can be written/);
      assert.deepEqual(
        [...objectsIn(storage())],
        [['files/md5/d4/1d8cd98f00b204e9800998ecf8427e', 'd41d8cd98f00b204e9800998ecf8427e']],
      );
    }
    rmSync(storage(), { recursive: true });
    writeFileSync(join(dirname(at), 'storage'), '');
    has(await doctor('--write'), 'error', /is not a directory/);
  });

  test('S3: one question when all is well, the words of the service when it refuses, nothing written unasked', async () => {
    useStorage(s3Config(s3));
    s3.seen.length = 0;
    has(await doctor(), 'ok', /storage remote 'storage' \(s3:\/\/bucket\/team\) answers/);
    assert.deepEqual(
      s3.seen.map(({ line }) => line.replace(/ .*\//, ' ')),
      ['HEAD ffffffffffffffffffffffffffffff', 'GET ffffffffffffffffffffffffffffff'],
    );
    assert.equal(s3.objects.size, 0);
    has(await doctor('--write'), 'ok', /can be written/);
    assert.deepEqual([...s3.objects.keys()], ['/bucket/team/files/md5/d4/1d8cd98f00b204e9800998ecf8427e']);
    s3.failure = { status: 403, code: 'InvalidAccessKeyId' };
    const refused = await doctor();
    assert.equal(refused.code, 1);
    assert.match(
      has(refused, 'error', /access denied \(InvalidAccessKeyId/),
      /hint: the access keys come from .*environment/i,
    );
    s3.failure = { status: 404, code: 'NoSuchBucket' };
    has(await doctor(), 'error', /there is no bucket 'bucket'/);
    s3.failure = undefined;
    useStorage(s3Config(s3).replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'));
    has(await doctor(), 'error', /storage remote 'storage' .*connection refused/);
  });

  test("keys that only Git's helpers have open it, nobody is asked, and wrong ones stay where they are", async () => {
    const asker = openAsking(world);
    useStorage(s3Config(s3));
    const none = Object.fromEntries(Object.keys(awsKeys).map((name) => [name, '']));
    const env = { ...none, ...asker.env, AWS_EC2_METADATA_DISABLED: 'true' };
    const without = (): Promise<Ran> => companion(world, at, ['doctor'], { env });
    try {
      s3.accepts = new Set(['KEYID']);
      has(await without(), 'error', /storage remote 'storage' .*no AWS access keys/);
      const kept = `http://KEYID:secret@${new URL(s3.endpoint).host}`;
      asker.keep(kept);
      has(await without(), 'ok', /storage remote 'storage' \(s3:\/\/bucket\/team\) answers/);
      s3.accepts = new Set(['OTHER']);
      has(await without(), 'error', /access denied \(InvalidAccessKeyId/);
      assert.equal(asker.kept(), `${kept}\n`);
      assert.deepEqual(asker.prompts(), []);
    } finally {
      s3.accepts = undefined;
      world.git(world.directory, 'config', '--global', '--unset-all', 'credential.helper');
    }
  });

  test('a cloud-versioned storage remote is asked, and never written to', async () => {
    useStorage(`${s3Config(s3)}    version_aware = true\n`);
    s3.objects.clear();
    has(
      await doctor('--write'),
      'ok',
      /answers; it is cloud-versioned, so 'dvc push' writes there and git push does not/,
    );
    assert.equal(s3.objects.size, 0);
    useStorage(s3Config(s3));
  });

  test('no storage remote, one that is not supported, keys that a repository may not set, switched off', async () => {
    useStorage('');
    const homeless = await doctor();
    assert.equal(homeless.code, 1);
    has(homeless, 'error', /no default storage remote is configured/);
    useStorage(
      '[core]\n    remote = x\n[\'remote "x"\']\n    url = oss://bucket/x\n    credentialpath = /etc/passwd\n',
    );
    const ran = await doctor();
    has(ran, 'error', /storage remote 'x' .*'oss' is not supported/);
    has(ran, 'warn', /ignoring 'credentialpath' of storage remote 'x'/);
    useStorage('[core]\n    remote = nosuch\n');
    has(await doctor(), 'error', /storage remote 'nosuch' is not configured/);
    git('config', 'dvcexp.noCache', 'true');
    has(await doctor(), 'warn', /dvcexp\.noCache is on/);
    git('config', 'dvcexp.noCache', 'perhaps');
    has(await doctor(), 'error', /'perhaps' is not a boolean/);
  });
});

test('the built program: reads no stdin, and tells its version', { timeout: 60_000 }, async () => {
  mkdirSync(storage());
  const child = spawn('git', ['dvcexp', 'doctor'], {
    cwd: at,
    env: { ...world.env, PATH: plain },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  // Its stdin stays open, as a terminal's does.
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^ok {5}git-remote-dvcexp \d/m);
  assert.match(
    world.run(at, 'git-remote-dvcexp', ['--version']).stdout,
    /^git-remote-dvcexp version \S+ \(node \S+\)\n$/,
  );
});
