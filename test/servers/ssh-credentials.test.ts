// Passwords and passphrases that Git keeps, or asks for: real Git, its `store` helper, a program for asking.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { GitCredentials } from '../../src/trust/credentials.ts';
import { failsWith, operation } from '../conformance/storage.ts';
import { openAsking } from '../kit/asking.ts';
import { type PasswordServer, startPasswordServer } from '../kit/password-server.ts';
import { makeKey, makeSshHome, openSsh, type Sshd, type SshHome, startSftpServer } from '../kit/sshd.ts';
import { openWorld } from '../kit/world.ts';

const top = mkdtempSync(join(tmpdir(), 'dvcexp-ssh-credentials-'));
const world = openWorld();
const { prompts, answers, keep, kept, reset, open, env, lines } = openAsking(world);
const locked = join(top, 'locked');
let sshd: Sshd;
let server: PasswordServer;
let home: SshHome;

before(async () => {
  makeKey(locked, 'open sesame');
  makeKey(join(top, 'host'));
  sshd = await startSftpServer(join(top, 'sshd'), { hostKey: join(top, 'host'), authorized: `${locked}.pub` });
  server = await startPasswordServer(join(top, 'host'), 'password');
  home = makeSshHome(join(top, 'home'));
  home.configure('IdentityFile none', 'IdentitiesOnly yes');
  for (const { port } of [sshd, server]) home.trust(port, join(top, 'host'));
});
after(async () => {
  server?.close();
  await sshd?.stop();
  rmSync(top, { recursive: true, force: true });
  world.remove();
});
beforeEach(() => {
  reset();
  server.given.length = 0;
});

async function reach(url: string, options: Record<string, string>, credentials: GitCredentials): Promise<void> {
  const storage = await openSsh(home, url, options, { credentials });
  try {
    await storage.stat('a', operation);
  } finally {
    await storage.close();
    await credentials.settle();
  }
}
const passwordUrl = (): string => `ssh://ada@127.0.0.1:${server.port}/`;
const keyUrl = (): string => `ssh://127.0.0.1:${sshd.port}${top}/store`;

test('a password that Git keeps for the host and user', async () => {
  keep(`ssh://eve:x@127.0.0.1:${server.port}`, `ssh://ada:secret@127.0.0.1:${server.port}`);
  await reach(passwordUrl(), {}, await open());
  assert.deepEqual([server.given, prompts()], [['secret'], []]);
});

test('a wrong one is forgotten, the user is asked, and the right one kept', async () => {
  keep(`ssh://ada:old@127.0.0.1:${server.port}`);
  answers('mistyped', 'secret');
  await reach(passwordUrl(), { ask_password: 'true' }, await open(env));
  assert.deepEqual(server.given, ['old', 'mistyped', 'secret']);
  assert.deepEqual(new Set(prompts()), new Set([`Password for 'ssh://ada@127.0.0.1:${server.port}': `]));
  assert.match(lines[0] ?? '', /^dvcexp: storage remote 'store' \(ssh:.*\) needs the password of user 'ada'$/);
  assert.match(kept(), /^ssh:\/\/ada:secret@[^\n]*\n$/);
});

test('with keyboard-interactive too', async () => {
  const other = await startPasswordServer(join(top, 'host'), 'keyboard-interactive', [
    { prompt: 'Password: ', echo: false },
  ]);
  try {
    home.trust(other.port, join(top, 'host'));
    answers('secret');
    await reach(`ssh://ada@127.0.0.1:${other.port}/`, {}, await open(env));
    assert.deepEqual(other.given, ['secret']);
  } finally {
    other.close();
  }
});

test('the passphrase of a key, filed under its path', async () => {
  answers('wrong', 'open sesame');
  await reach(keyUrl(), { keyfile: locked }, await open(env));
  assert.deepEqual(prompts(), Array(2).fill(`Password for 'ssh-key:///${locked.slice(1)}': `));
  assert.match(lines[0] ?? '', /^dvcexp: the key '.*locked' for storage remote 'store' \(ssh:.*\) has a passphrase$/);
  await reach(keyUrl(), { keyfile: locked }, await open());
  assert.equal(prompts().length, 2, 'kept');
});

test('nobody to ask: it fails with what to type, and nothing was shown', async () => {
  await assert.rejects(reach(passwordUrl(), {}, await open()), failsWith('auth', /nothing to show it/));
  await assert.rejects(reach(keyUrl(), { keyfile: locked }, await open()), failsWith('auth', /ssh-add .*locked/));
  assert.deepEqual(server.given, []);
});

test('the user may take longer to answer than a server may', async () => {
  answers('secret');
  const slow = readFileSync(world.path('askpass'), 'utf8').replace('#!/bin/sh\n', '#!/bin/sh\nsleep 2\n');
  const credentials = await open({ GIT_ASKPASS: world.path('slow') });
  const { writeFileSync } = await import('node:fs');
  writeFileSync(world.path('slow'), slow, { mode: 0o755 });
  await reach(passwordUrl(), { timeout: '1' }, credentials);
  assert.deepEqual(server.given, ['secret']);
});
