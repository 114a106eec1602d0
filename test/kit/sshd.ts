// A real sshd with SFTP on 127.0.0.1, and the home of somebody who may log in: keys, known_hosts, an ssh_config and an
// `ssh` on PATH that reads it (OpenSSH takes the home directory from the password file, whatever HOME says).
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { startProcess } from '../../src/git/process.ts';
import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { findProgram, run, startDaemon } from './git-servers.ts';
import { trusting } from './trusting.ts';

export interface Sshd {
  readonly port: number;
  /** Name of the only user who can log in: the one who runs the tests. */
  readonly user: string;
  stop(): Promise<void>;
}

/** A key pair without passphrase unless one is given; answers the path of the private key. */
export function makeKey(path: string, passphrase = '', type = 'ed25519'): string {
  mkdirSync(join(path, '..'), { recursive: true });
  if (!existsSync(path)) run('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', path]);
  return path;
}

export interface SshdOptions {
  /** Path of the private host key; its own one unless told. */
  readonly hostKey?: string;
  /** Path of the public keys that may log in. */
  readonly authorized: string;
  /** Arguments of internal-sftp. */
  readonly sftp?: string;
  /** More lines for sshd_config(5). */
  readonly lines?: readonly string[];
  /** A command that runs sshd, in front of its own words. */
  readonly inside?: readonly string[];
}

export async function startSftpServer(directory: string, options: SshdOptions): Promise<Sshd> {
  mkdirSync(directory, { recursive: true });
  const hostKey = options.hostKey ?? makeKey(join(directory, 'host'));
  const { uid, username } = userInfo();
  // sshd started by root separates privileges there.
  if (uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const program = findProgram('sshd');
  const { port, stop } = await startDaemon((free) => {
    const lines = [
      `Port ${free}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${hostKey}`,
      'PidFile none',
      `AuthorizedKeysFile ${options.authorized}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'MaxStartups 100:30:200',
      'UseDNS no',
      `Subsystem sftp internal-sftp ${options.sftp ?? ''}`,
      ...(options.lines ?? []),
    ];
    writeFileSync(join(directory, 'sshd_config'), `${lines.join('\n')}\n`);
    const [first = program, ...rest] = [...(options.inside ?? []), program];
    return [first, [...rest, '-D', '-e', '-f', join(directory, 'sshd_config')]];
  });
  return { port, user: username, stop };
}

/** Somebody's `~/.ssh`, in a directory of its own. */
export interface SshHome {
  readonly directory: string;
  readonly knownHosts: string;
  /** Environment in which `ssh` reads this home. */
  readonly env: Record<string, string>;
  /** What a storage backend is given, with short waits. */
  readonly context: OpenContext;
  /** Writes `~/.ssh/config`; without a `Host` line it counts for every host. */
  configure(...lines: string[]): void;
  /** Lines for known_hosts: the host's public key, by the path of its private one. */
  trust(port: number, hostKey: string): void;
}

export function makeSshHome(directory: string): SshHome {
  const at = (name: string): string => join(directory, '.ssh', name);
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(directory, '.ssh'), { recursive: true });
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec '${findProgram('ssh')}' -F '${at('config')}' "$@"\n`);
  chmodSync(join(bin, 'ssh'), 0o755);
  const env = { PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: directory, USER: userInfo().username };
  const home: SshHome = {
    directory,
    knownHosts: at('known_hosts'),
    env,
    context: {
      env,
      judge: trusting,
      home: directory,
      retry: { tries: 3, shortestMs: 1, firstMs: 2, longestMs: 10 },
      start: (program, args) => startProcess(program, args, { env, stderr: 'collect' }),
    },
    configure(...lines) {
      const own = [`UserKnownHostsFile ${at('known_hosts')}`, 'GlobalKnownHostsFile none', 'LogLevel ERROR'];
      writeFileSync(at('config'), `${[...lines, 'Match all', ...own].join('\n')}\n`);
    },
    trust(port, hostKey) {
      const [type, key] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
      writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${type} ${key}\n`, { flag: 'a' });
    },
  };
  home.configure();
  return home;
}

/** A storage remote that is `url`, as somebody with this home meets it. Its base folder may be made. */
export function openSsh(
  home: SshHome,
  url: string,
  options: Readonly<Record<string, string>> = {},
  context: Partial<OpenContext> = {},
): Promise<Storage> {
  return openStorage(
    { name: 'store', scheme: 'ssh', url, options, committed: new Set() },
    { ...home.context, createBase: true, ...context },
  );
}

/** Passes TCP on and spoils it when told. */
export interface Spoiler {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Bytes that have passed in both directions so far. */
  readonly passed: number;
  /** After so many more bytes in both directions: all connections are cut, once; or nothing passes any more. */
  spoil(how: 'cut' | 'stall', afterBytes: number): void;
  /** Passes everything again, on connections to come. */
  mend(): void;
  close(): Promise<void>;
}

export async function openSpoiler(upstream: number): Promise<Spoiler> {
  const sockets = new Set<Socket>();
  let spoiled: { readonly how: 'cut' | 'stall'; left: number } | undefined;
  let connections = 0;
  let passed = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(upstream, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk) => {
        if (spoiled !== undefined) spoiled.left -= chunk.length;
        if (spoiled === undefined || spoiled.left > 0) {
          passed += chunk.length;
          return void to.write(chunk);
        }
        if (spoiled.how === 'stall') return;
        spoiled = undefined;
        for (const socket of sockets) socket.resetAndDestroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get passed() {
      return passed;
    },
    spoil(how, afterBytes) {
      spoiled = { how, left: afterBytes };
    },
    mend() {
      spoiled = undefined;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
