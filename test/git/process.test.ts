import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import {
  depthOf,
  repositoryEnvironment,
  runForeground,
  runGit,
  scrubbedEnvironment,
  startProcess,
} from '../../src/git/process.ts';

const env = { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: '/nonexistent' };

test('every variable that binds Git to a repository is dropped for a child that works on another', () => {
  const names = execFileSync('git', ['rev-parse', '--local-env-vars'], { encoding: 'utf8' }).trim().split('\n');
  const full = Object.fromEntries([...names, 'GIT_CONFIG_KEY_0', 'GIT_CONFIG_VALUE_0'].map((name) => [name, 'x']));
  assert.deepEqual(scrubbedEnvironment({ ...full, HOME: '/h' }), { HOME: '/h', DVCEXP_DEPTH: '1' });
});

test('Git working on this repository keeps its variables, counts one level and moves no data', () => {
  const inner = repositoryEnvironment({ GIT_DIR: '.git', PATH: '/bin', GIT_EXEC_PATH: '/git-core', DVCEXP_DEPTH: '1' });
  assert.equal(inner.GIT_DIR, '.git');
  assert.equal(inner.DVCEXP_DEPTH, '2');
  assert.equal(inner.DVCEXP_NO_CACHE, '1');
  assert.equal(inner.PATH, '/git-core:/bin');
  assert.equal(repositoryEnvironment(inner).PATH, '/git-core:/bin');
});

test('the choice to move no data does not reach hooks of another repository', () => {
  assert.equal(scrubbedEnvironment({ PATH: '/bin' }).DVCEXP_NO_CACHE, undefined);
});

test('the depth is a number or nothing', () => {
  assert.equal(depthOf({ DVCEXP_DEPTH: '3' }), 3);
  for (const text of [undefined, '', '-1', 'x', '1e9', '99999999']) assert.equal(depthOf({ DVCEXP_DEPTH: text }), 0);
});

test('a failing git is an error with its last line, unless its exit code is an answer', async () => {
  await assert.rejects(runGit(['cat-file', '-p', 'no-such'], { env }), {
    code: 'io',
    message: /'git cat-file' failed.*no-such/,
  });
  const { code } = await runGit(['config', 'no.such'], { env, accept: [0, 1] });
  assert.equal(code, 1);
});

test('what a program may say is bounded', async () => {
  await assert.rejects(runGit(['version'], { env, maxBytes: 3 }), { code: 'unsupported' });
});

test('a program that is not there is told by name', async () => {
  await assert.rejects(runGit(['version'], { env: { PATH: '/nonexistent' } }), {
    code: 'config',
    message: "cannot run 'git': not found",
  });
});

test('an abort ends the child and says so', { timeout: 20_000 }, async () => {
  const controller = new AbortController();
  const child = startProcess('sleep', ['60'], { env, signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(child.ended, { code: 'interrupted' });
});

test('a child that does not listen is killed after the grace', { timeout: 20_000 }, async () => {
  const child = startProcess('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], { env });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await child.stop();
  assert.equal(await child.ended, 128 + 9);
});

test('stderr that is collected keeps its end', { timeout: 20_000 }, async () => {
  const child = startProcess(
    'sh',
    ['-c', 'i=0; while [ $i -lt 20000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 3'],
    {
      env,
      stderr: 'collect',
    },
  );
  assert.equal(await child.ended, 3);
  assert.ok(child.stderrText().endsWith('line 19999\n'));
  assert.ok(child.stderrText().length <= 65_536);
});

test('a program in the place of this one is not one of the current folder either', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dvcexp-here-'));
  try {
    writeFileSync(join(folder, 'planted'), '#!/bin/sh\nexit 7\n', { mode: 0o755 });
    for (const path of ['.:/usr/bin', ':/usr/bin', `${relative(process.cwd(), folder)}:/usr/bin`])
      await assert.rejects(async () => runForeground('planted', [], { env: { PATH: path }, cwd: folder }), {
        code: 'config',
        message: "cannot run 'planted': not found",
      });
    assert.equal(
      await runForeground('./planted', [], { env: { PATH: '/usr/bin' }, cwd: folder }),
      7,
      'but by its path',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
