import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runGit } from '../../src/git/process.ts';
import { locate } from '../../src/git/program-path.ts';

const top = mkdtempSync(join(tmpdir(), 'dvcexp-programs-'));
const bin = join(top, 'bin');
mkdirSync(join(top, 'sub'), { recursive: true });
mkdirSync(bin);
for (const file of ['bin/git', 'bin/ssh.exe', 'git'])
  writeFileSync(join(top, file), '#!/bin/sh\necho planted\n', { mode: 0o755 });
writeFileSync(join(bin, 'text'), '');
mkdirSync(join(bin, 'folder'));
after(() => rmSync(top, { recursive: true }));

test('the system looks where only named folders are searched', () => {
  assert.equal(locate('git', { PATH: `/usr/bin:${bin}` }), 'git');
  assert.equal(locate('git', {}), 'git');
  assert.equal(locate('/opt/git', { PATH: '.' }), '/opt/git');
  assert.equal(locate('./git', { PATH: '.' }), './git', 'whoever writes a path means it');
});

test('the current folder, and folders below it, are not searched', () => {
  for (const path of [`:${bin}`, `${bin}:`, `.:${bin}`, `./sub:${bin}`, `sub::${bin}`, `../x:${bin}`])
    assert.equal(locate('git', { PATH: path }), join(bin, 'git'), path);
  for (const name of ['nosuch', 'text', 'folder']) assert.equal(locate(name, { PATH: `.:${bin}` }), undefined, name);
});

test('Windows looks in the current folder first, so nothing is left to it', () => {
  assert.equal(locate('ssh', { Path: bin }, true), join(bin, 'ssh.exe'));
  assert.equal(locate('ssh.exe', { PATH: bin }, true), join(bin, 'ssh.exe'));
  assert.equal(locate('git', { PATH: bin }, true), undefined, 'no .exe');
});

test('a git that lies in the folder where we work is not started', async () => {
  const run = (path: string): Promise<{ readonly stdout: Buffer }> =>
    runGit(['--version'], { env: { PATH: path }, cwd: top });
  assert.match((await run(`.:${process.env.PATH}`)).stdout.toString(), /^git version/);
  assert.match((await run(`${top}:${process.env.PATH}`)).stdout.toString(), /^planted/, 'it would have answered');
  await assert.rejects(run('.'), { code: 'config', message: "cannot run 'git': not found" });
});
