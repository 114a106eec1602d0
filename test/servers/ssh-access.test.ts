// Who is trusted and who is let in: host keys, keys, agents, passwords, ssh_config(5). Against OpenSSH, and for
// passwords against a server of the ssh2 package, since OpenSSH takes those of the machine only.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, operation } from '../conformance/storage.ts';
import { startPasswordServer } from '../kit/password-server.ts';
import { makeKey, makeSshHome, openSsh, type Sshd, type SshHome, startSftpServer } from '../kit/sshd.ts';

const top = mkdtempSync(join(tmpdir(), 'dvcexp-ssh-access-'));
const keys = (name: string): string => join(top, 'keys', name);
let sshd: Sshd;
let serial = 0;

before(async () => {
  makeKey(keys('plain'));
  makeKey(keys('locked'), 'open sesame');
  makeKey(keys('stranger'));
  makeKey(keys('old'), '', 'rsa');
  const authorized = ['plain', 'locked', 'old'].map((name) => readFileSync(`${keys(name)}.pub`, 'utf8'));
  writeFileSync(join(top, 'authorized'), authorized.join(''));
  sshd = await startSftpServer(join(top, 'sshd'), { authorized: join(top, 'authorized') });
});
after(async () => {
  await sshd?.stop();
  rmSync(top, { recursive: true, force: true });
});

const hostKey = (): string => join(top, 'sshd', 'host');
const url = (): string => `ssh://127.0.0.1:${sshd.port}${top}/store`;

/** A home that knows the host and whose ssh has no key unless it is told. */
function freshHome(trusts = true): SshHome {
  serial += 1;
  const home = makeSshHome(join(top, `home-${serial}`));
  home.configure('IdentityFile none', 'IdentitiesOnly yes');
  if (trusts) home.trust(sshd.port, hostKey());
  return home;
}

async function answers(storage: Storage): Promise<void> {
  try {
    await storage.stat('a', operation);
  } finally {
    await storage.close();
  }
}

const refused = (opened: Promise<Storage>, words: RegExp, code = 'auth'): Promise<void> =>
  assert.rejects(opened.then(answers), failsWith(code, words));
const withKey = (): Record<string, string> => ({ keyfile: keys('plain') });

test('a host that is not known is refused, with its fingerprint and what to type, and is not written down', async () => {
  const home = freshHome(false);
  const shown = execFileSync('ssh-keygen', ['-lf', `${hostKey()}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? '?';
  await refused(openSsh(home, url(), withKey()), /the host key of '\[127\.0\.0\.1\]:\d+' is not known/);
  const learn = new RegExp(`${shown.replaceAll(/[+/]/g, '\\$&')}[\\s\\S]*: ssh -p ${sshd.port} 127\\.0\\.0\\.1$`);
  await refused(openSsh(home, url(), withKey()), learn);
  assert.equal(existsSync(home.knownHosts), false);
});

test('a host whose key has changed is refused loudly, even where new ones are taken', async () => {
  const home = freshHome(false);
  home.trust(sshd.port, keys('stranger'));
  home.configure('StrictHostKeyChecking accept-new');
  const words = new RegExp(
    `HAS CHANGED.*known_hosts line 1[\\s\\S]*ssh-keygen -R '\\[127\\.0\\.0\\.1\\]:${sshd.port}'`,
  );
  await refused(openSsh(home, url(), withKey()), words);
  const rsa = freshHome(false);
  rsa.trust(sshd.port, keys('old'));
  await refused(openSsh(rsa, url(), withKey()), /HAS CHANGED/);
});

test('a revoked key is refused, and so is one that only a certificate vouches for', async () => {
  const home = freshHome();
  const line = readFileSync(home.knownHosts, 'utf8');
  appendFileSync(home.knownHosts, `@revoked * ${line.split(' ').slice(1).join(' ')}`);
  await refused(openSsh(home, url(), withKey()), /is revoked.*known_hosts line 2/);
  writeFileSync(home.knownHosts, `@cert-authority * ${readFileSync(`${keys('stranger')}.pub`, 'utf8')}`);
  await refused(openSsh(home, url(), withKey()), /by a certificate only[\s\S]*ssh -o HostKeyAlgorithms=ssh-ed25519/);
});

test('a hashed known_hosts, an alias, and several keys of one host', async () => {
  const home = freshHome();
  execFileSync('ssh-keygen', ['-q', '-H', '-f', home.knownHosts], { stdio: 'ignore' });
  assert.match(readFileSync(home.knownHosts, 'utf8'), /^\|1\|/);
  await answers(await openSsh(home, url(), withKey()));
  const named = freshHome(false);
  named.configure('HostKeyAlias lab');
  writeFileSync(named.knownHosts, readFileSync(`${hostKey()}.pub`, 'utf8').replace(/^/, 'other,lab '));
  await answers(await openSsh(named, url(), withKey()));
  // A server with two keys shows the one that can be checked.
  const rsa = makeKey(keys('host-rsa'), '', 'rsa');
  const lines = [`HostKey ${rsa}`];
  const both = await startSftpServer(join(top, 'both'), { authorized: join(top, 'authorized'), lines });
  try {
    const only = freshHome(false);
    only.trust(both.port, rsa);
    await answers(await openSsh(only, `ssh://127.0.0.1:${both.port}${top}/store`, withKey()));
  } finally {
    await both.stop();
  }
});

test('StrictHostKeyChecking accept-new: told once, and written down for ssh too', async () => {
  const home = freshHome(false);
  home.configure('StrictHostKeyChecking accept-new', 'HashKnownHosts yes');
  const told: string[] = [];
  const warn = (message: string): void => void told.push(message);
  await answers(await openSsh(home, url(), withKey(), { warn }));
  await answers(await openSsh(home, url(), withKey(), { warn }));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /was not known and is trusted from now on/);
  execFileSync('ssh-keygen', ['-F', `[127.0.0.1]:${sshd.port}`, '-f', home.knownHosts]);
});

test('a key that the server does not know', async () => {
  const home = freshHome();
  const tried = /refuses user '.*' \(tried '.*stranger'\)[\s\S]*see why: ssh -v -p \d+ 127\.0\.0\.1/;
  await refused(openSsh(home, url(), { keyfile: keys('stranger') }), tried);
  await refused(openSsh(home, url(), { keyfile: keys('absent') }), /key file '.*absent' cannot be read/);
  await refused(openSsh(home, url(), {}), /nothing to show it[\s\S]*ssh-add/);
  await refused(openSsh(home, url(), { ask_password: 'true' }), /'ask_password' is set, and nobody can be asked here/);
});

test('a key with a passphrase: from the options or from an agent, never asked for', async () => {
  const home = freshHome();
  const locked = { keyfile: keys('locked') };
  await answers(await openSsh(home, url(), { ...locked, passphrase: 'open sesame' }));
  await refused(openSsh(home, url(), { ...locked, passphrase: 'wrong' }), /the passphrase is wrong/);
  await refused(openSsh(home, url(), locked), /has a passphrase; load it with: ssh-add .*locked/);

  const socket = join(top, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  try {
    for (let tries = 0; !existsSync(socket) && tries < 200; tries++) await new Promise((done) => setTimeout(done, 25));
    const env = { ...home.env, SSH_AUTH_SOCK: socket };
    const askpass = join(top, 'askpass');
    writeFileSync(askpass, '#!/bin/sh\necho open sesame\n', { mode: 0o755 });
    const answer = { ...process.env, ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':' };
    execFileSync('ssh-add', ['-q', keys('stranger'), keys('locked')], { env: answer, stdio: 'ignore' });
    await answers(await openSsh(home, url(), locked, { env }));
    await refused(openSsh(home, url(), { ...locked, allow_agent: 'false' }, { env }), /has a passphrase/);
    home.configure();
    // Of the agent's keys only the one that is named.
    await refused(openSsh(home, url(), { keyfile: keys('absent') }, { env }), /nothing to show it/);
    await answers(await openSsh(home, url(), {}, { env }));
    await answers(await openSsh(home, url(), {}, { env: { ...env, SSH_AUTH_SOCK: join(top, 'nobody') } })).then(
      () => assert.fail('nobody holds a key'),
      failsWith('auth'),
    );
  } finally {
    agent.kill();
  }
});

test('ssh_config: aliases, user, port, ProxyJump and ProxyCommand', async () => {
  const home = freshHome();
  const lab = ['Host lab far near', 'HostName 127.0.0.1', `Port ${sshd.port}`, `User ${sshd.user}`];
  const key = [`IdentityFile ${keys('plain')}`, 'IdentitiesOnly yes', 'ServerAliveInterval 5', 'ConnectTimeout 20'];
  home.configure(
    ...lab,
    ...key,
    'Host far',
    'ProxyJump lab',
    'Host near',
    `ProxyCommand ${home.directory}/bin/ssh -W %h:%p lab`,
  );
  for (const host of ['lab', 'far', 'near']) {
    const storage = await openSsh(home, `ssh://${host}${top}/store`);
    await storage.write('by', contentOf(host), operation);
    assert.equal((await storage.stat('by', operation))?.size, host.length);
    await storage.close();
  }
  home.configure(...lab, ...key, 'Host near', 'ProxyCommand echo the gate is shut >&2; false');
  await refused(openSsh(home, `ssh://near${top}/store`), /the gate is shut/, 'unavailable');
  home.configure('Host lab', 'NoSuchKeyword yes');
  await refused(openSsh(home, `ssh://lab${top}/store`), /ssh -G lab/, 'config');
});

test('without OpenSSH on this machine its defaults count', async () => {
  const home = freshHome();
  makeKey(join(home.directory, '.ssh', 'id_ed25519'));
  const { start: _, ...alone } = home.context;
  const storage = (): Promise<Storage> => openSsh(home, url(), {}, { ...alone, start: undefined } as never);
  await refused(storage(), /tried '.*id_ed25519'/);
  for (const end of ['', '.pub'])
    writeFileSync(join(home.directory, '.ssh', `id_ed25519${end}`), readFileSync(keys(`plain${end}`)));
  await answers(await storage());
});

test('a password, by itself or as the answer to a hidden question, and to no other', async () => {
  for (const [method, prompts, lets] of [
    ['password', [], true],
    ['keyboard-interactive', [{ prompt: 'Password: ', echo: false }], true],
    ['keyboard-interactive', [{ prompt: 'Code: ', echo: true }], false],
    [
      'keyboard-interactive',
      [
        { prompt: 'Old: ', echo: false },
        { prompt: 'New: ', echo: false },
      ],
      false,
    ],
  ] as const) {
    const server = await startPasswordServer(hostKey(), method, prompts);
    try {
      const { port, given } = server;
      const home = freshHome(false);
      home.trust(port, hostKey());
      const opened = openSsh(home, `ssh://somebody@127.0.0.1:${port}/`, { password: 'secret' });
      if (lets) await answers(await opened);
      else await refused(opened, /refuses user 'somebody' \(tried the password\)/);
      assert.deepEqual(given.includes('secret'), lets);
    } finally {
      server.close();
    }
  }
});
