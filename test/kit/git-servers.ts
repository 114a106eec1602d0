// Git servers on 127.0.0.1 for tests: real git http-backend under a small Node server, real sshd as the user who runs
// the tests, real git daemon. A server that cannot be had is an error, never a skipped test.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';

export interface GitServer {
  /** URL of a repository below the server's root, by its path relative to that. */
  url(repository: string): string;
  /** What a client needs in its environment to get through. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

const startMs = 15_000;

/** A program on PATH; daemons live in the sbin beside a bin. */
export function findProgram(name: string): string {
  const folders = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => [folder, folder.replace(/bin$/, 'sbin')]);
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Look on.
    }
  }
  throw new Error(`these tests need '${name}' on PATH`);
}

export function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: startMs });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilListening(port: number, child: ChildProcess, words: () => string): Promise<void> {
  const deadline = Date.now() + startMs;
  while (Date.now() < deadline && child.exitCode === null) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error(`the server did not come up: ${words()}`);
}

function stopper(child: ChildProcess): () => Promise<void> {
  return () =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill('SIGTERM');
    });
}

/** Starts a daemon, once more on another port when somebody took the one that was free. */
export async function startDaemon(
  start: (port: number) => readonly [command: string, args: readonly string[]],
): Promise<{ port: number; stop: () => Promise<void> }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const [command, args] = start(port);
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.on('error', (error) => (words += String(error)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-4_000)));
    try {
      await untilListening(port, child, () => words);
      return { port, stop: stopper(child) };
    } catch (error) {
      if (attempt === 2) throw error;
    }
  }
}

export async function startGitDaemon(root: string): Promise<GitServer> {
  const program = join(run('git', ['--exec-path']), 'git-daemon');
  const { port, stop } = await startDaemon((free) => [
    program,
    [
      '--reuseaddr',
      '--listen=127.0.0.1',
      `--port=${free}`,
      `--base-path=${root}`,
      '--export-all',
      '--enable=receive-pack',
      root,
    ],
  ]);
  return { url: (repository) => `git://127.0.0.1:${port}/${repository}`, env: {}, stop };
}

/** `directory` holds its keys and configuration; it lets in the user who runs the tests and nobody else. */
export async function startSshd(root: string, directory: string): Promise<GitServer> {
  mkdirSync(directory, { recursive: true });
  const at = (name: string): string => join(directory, name);
  for (const key of ['host', 'client']) {
    if (!existsSync(at(key))) run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', key, '-f', at(key)]);
  }
  const { uid } = userInfo();
  // sshd started by root separates privileges there.
  if (uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const program = findProgram('sshd');
  const { port, stop } = await startDaemon((free) => {
    writeFileSync(
      at('config'),
      [
        `Port ${free}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${at('host')}`,
        'PidFile none',
        `AuthorizedKeysFile ${at('client.pub')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'AcceptEnv GIT_PROTOCOL',
        // A shell started by sshd reads ~/.bashrc, and whatever the user has put there.
        `SetEnv HOME=${directory}`,
        'MaxStartups 100:30:200',
        'UseDNS no',
        'Subsystem sftp internal-sftp',
      ].join('\n'),
    );
    return [program, ['-D', '-e', '-f', at('config')]];
  });
  writeFileSync(
    at('client-config'),
    `Host 127.0.0.1\n  IdentityFile ${at('client')}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${at('known')}\n  StrictHostKeyChecking accept-new\n  BatchMode yes\n  LogLevel ERROR\n  KexAlgorithms curve25519-sha256\n`,
  );
  return {
    url: (repository) => `ssh://127.0.0.1:${port}${join(root, repository)}`,
    env: { GIT_SSH_COMMAND: `ssh -F '${at('client-config')}'` },
    stop,
  };
}

export interface HttpOptions {
  /** Basic authentication is asked of everybody; undefined lets everybody in. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** Sees every request first. A status refuses it. */
  readonly gate?: (
    request: IncomingMessage,
  ) => { readonly status: number; readonly headers: Record<string, string> } | undefined;
  /** More for the environment of the server program. */
  readonly environment?: (request: IncomingMessage) => NodeJS.ProcessEnv;
  /** https, with this key and certificate (PEM); clients are asked for one that `ca` signed, and let in without. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer; readonly ca: Buffer };
}

function authorized(request: IncomingMessage, { credentials }: HttpOptions): boolean {
  if (credentials === undefined) return true;
  const { user, password } = credentials;
  return request.headers.authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The CGI header before the blank line, and the body behind it (RFC 3875, section 6). */
function answerFromCgi(output: Buffer, response: ServerResponse): void {
  const end = output.indexOf('\r\n\r\n');
  let status = 200;
  for (const line of output.toString('latin1', 0, Math.max(end, 0)).split('\r\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/s);
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
    else if (name !== '') response.setHeader(name, value);
  }
  response.statusCode = end < 0 ? 500 : status;
  response.end(end < 0 ? '' : output.subarray(end + 4));
}

function backend(root: string, request: IncomingMessage, response: ServerResponse, more: NodeJS.ProcessEnv): void {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'http.receivepack',
      GIT_CONFIG_VALUE_0: 'true',
      GIT_CONFIG_KEY_1: 'safe.directory',
      GIT_CONFIG_VALUE_1: '*',
      GIT_PROTOCOL: header('git-protocol'),
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: header('content-type'),
      ...(request.headers['content-length'] === undefined ? {} : { CONTENT_LENGTH: header('content-length') }),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      REMOTE_USER: 'tester',
      REMOTE_ADDR: '127.0.0.1',
      ...more,
    },
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  const chunks: Buffer[] = [];
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('error', () => response.destroy());
  child.on('close', () => answerFromCgi(Buffer.concat(chunks), response));
}

export async function startHttpServer(root: string, options: HttpOptions = {}): Promise<GitServer> {
  const { tls, gate, environment } = options;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = gate?.(request);
    const wanted = { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="test"' } };
    const { status, headers } = refusal ?? wanted;
    if (refusal === undefined && authorized(request, options)) {
      backend(root, request, response, environment?.(request) ?? {});
      return;
    }
    request.resume();
    response.writeHead(status, headers).end();
  };
  const server =
    tls === undefined
      ? createServer(answer)
      : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    url: (repository) => `${scheme}://127.0.0.1:${port}/${repository}`,
    env: {},
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A hook of a repository, as a shell script. */
export function writeHook(repository: string, name: string, script: string): void {
  const path = join(repository, 'hooks', name);
  mkdirSync(join(repository, 'hooks'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
