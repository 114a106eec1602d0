import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { dirname } from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type AuthHandlerMiddleware, type Client, type ServerHostKeyAlgorithm } from 'ssh2';
import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import type { Program, StorageContext } from '../remote.ts';
import { type Authentication, prepareAuthentication } from './authentication.ts';
import { type ClientConfig, readClientConfig } from './client-config.ts';
import { judgeHost } from './host-key.ts';
import { findHost, type KnownHostsFile, knownHostsLine } from './known-hosts.ts';
import { type SshSettings, sshCommand } from './settings.ts';

const connectMs = 30_000;
/** How long the program of a proxy may take to end when its connection is over. */
const graceMs = 500;
/** What ssh2 offers, without SHA-1. */
const hostKeyAlgorithms: readonly ServerHostKeyAlgorithm[] = [
  ...(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'] as const),
  ...(['rsa-sha2-512', 'rsa-sha2-256'] as const),
];

/**
 * A connection that is encrypted, to a host that known_hosts vouches for, and logged in. Throws `auth` when either
 * side does not trust the other, `unavailable` when there is no connection, `config` and `unsupported` for what
 * cannot be. The one place that opens one: ssh2 takes any host key when nobody checks it.
 */
export async function connectSsh(
  settings: SshSettings,
  context: StorageContext,
  operation: Operation,
): Promise<Client> {
  const config = await readClientConfig(settings, context, operation);
  const action = `cannot connect to '${settings.displayUrl}'`;
  const files = config.knownHostsFiles.flatMap(readKnownHosts);
  const host = findHost(files, config.knownAs);
  const authentication = await prepareAuthentication(settings, config, context, operation);
  const limitMs = Math.min(config.connectMs ?? connectMs, settings.stallMs);
  operation.signal.throwIfAborted();
  const { socket, lastWords } = await openSocket(config, context, action, limitMs, operation);
  let refusal: HelperError | undefined;
  const client = new ssh2.Client();
  const limit = openLimit(limitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      limit.start(() => reject(new HelperError('unavailable', `${action}: ${noAnswer}`)));
      // `null` before the server has said what it takes, and `false` for the end: the types of ssh2 know neither.
      const authHandler: AuthHandler = (left, _partial, next) => {
        // The user may take as long as he likes to find his password.
        const resume = limit.pause();
        authentication.next(left).then(next, reject).finally(resume);
      };
      const stop = (): void => reject(operation.signal.reason);
      operation.signal.addEventListener('abort', stop, { once: true });
      client.on('ready', () => {
        authentication.accepted();
        resolve();
      });
      client.on('error', reject);
      client.on('close', () => reject(new Error('the server closed the connection')));
      client.connect({
        sock: socket,
        username: config.user,
        authHandler: authHandler as AuthHandlerMiddleware,
        // Ours, which can be paused.
        readyTimeout: 0,
        keepaliveInterval: config.keepaliveMs,
        keepaliveCountMax: config.keepaliveCount,
        algorithms: {
          serverHostKey: algorithmsFor(host.types),
          // GCM first: half the processor time of the others.
          cipher: {
            prepend: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'],
            append: [],
            remove: [],
          },
        },
        hostVerifier: (key: Buffer): boolean => {
          const verdict = host.judge(key);
          if (verdict.kind === 'unknown' && config.acceptsNew) remember(settings, config, key, context);
          else refusal = judgeHost(verdict, key, settings, config);
          return refusal === undefined;
        },
      });
    });
  } catch (error) {
    client.on('error', () => undefined);
    client.destroy();
    socket.destroy();
    operation.signal.throwIfAborted();
    throw refusal ?? explain(error, { action, settings, config, authentication, lastWords: await lastWords() });
  } finally {
    limit.end();
  }
  trace(() => `ssh: connected to ${config.hostname} port ${config.port} as ${printable(config.user)}`);
  return client;
}

const noAnswer = 'the server does not answer as ssh does';

type AuthHandler = (
  left: Parameters<Authentication['next']>[0],
  partial: boolean | null,
  next: (method: Awaited<ReturnType<Authentication['next']>>) => void,
) => void;

interface Limit {
  /** Calls `late` when the time has passed since now, or since the last pause. */
  start(late: () => void): void;
  /** Answers what ends the pause. */
  pause(): () => void;
  end(): void;
}

function openLimit(limitMs: number): Limit {
  let timer: NodeJS.Timeout | undefined;
  let expire = (): void => {};
  let over = false;
  const run = (): void => {
    clearTimeout(timer);
    if (!over) timer = setTimeout(() => expire(), limitMs);
  };
  return {
    start(late) {
      expire = late;
      run();
    },
    pause() {
      clearTimeout(timer);
      return run;
    },
    end() {
      over = true;
      clearTimeout(timer);
    },
  };
}

/** Types by which the host is known first, so that a server with several keys shows one that can be checked. */
function algorithmsFor(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const known = (algorithm: string): boolean =>
    types.includes(algorithm) || (algorithm.startsWith('rsa-') && types.includes('ssh-rsa'));
  return [...hostKeyAlgorithms.filter(known), ...hostKeyAlgorithms.filter((each) => !known(each))];
}

function readKnownHosts(path: string): KnownHostsFile[] {
  try {
    return [{ path, text: readFileSync(path, 'utf8') }];
  } catch {
    return [];
  }
}

/** `StrictHostKeyChecking accept-new`: written down, so that it is only new once, and told. */
function remember(settings: SshSettings, config: ClientConfig, key: Buffer, context: StorageContext): void {
  const [path] = config.knownHostsFiles;
  const [name = settings.host] = config.knownAs;
  context.warn?.(`the host key of '${name}' was not known and is trusted from now on, as ssh's configuration says`);
  if (path === undefined) return;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const salt = config.hashKnownHosts ? randomBytes(20) : undefined;
    appendFileSync(path, knownHostsLine(name, key, salt), { mode: 0o600 });
  } catch (error) {
    context.warn?.(`cannot write to '${printable(path)}': ${error instanceof Error ? printable(error.message) : ''}`);
  }
}

interface OpenSocket {
  readonly socket: Duplex;
  /** What the program that is the connection has to say of its end. */
  lastWords(): Promise<string>;
}

async function openSocket(
  config: ClientConfig,
  context: StorageContext,
  action: string,
  limitMs: number,
  { signal }: Operation,
): Promise<OpenSocket> {
  if (config.proxy !== undefined && context.start !== undefined) {
    return programAsSocket(context.start(config.proxy.program, config.proxy.args));
  }
  const { hostname: host, port } = config;
  const socket = connectTcp({ host, port, noDelay: true });
  try {
    await new Promise<void>((resolve, reject) => {
      const late = `no connection within ${limitMs / 1000} s`;
      const timer = setTimeout(() => reject(new HelperError('unavailable', `${action}: ${late}`)), limitMs);
      const stop = (): void => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
      };
      socket.once('connect', () => {
        settle();
        resolve();
      });
      socket.once('error', (error) => {
        settle();
        reject(error);
      });
    });
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    signal.throwIfAborted();
    throw error instanceof HelperError
      ? error
      : new HelperError('unavailable', `${action}: ${socketReason(error, config)}`);
  }
  return { socket, lastWords: async () => '' };
}

function programAsSocket(program: Program): OpenSocket {
  const socket = Duplex.from({ readable: program.stdout, writable: program.stdin });
  let ending: Promise<void> | undefined;
  // Without its pipes it ends by itself, and may still be about to say why.
  const end = async (): Promise<void> => {
    const grace = new AbortController();
    const gone = program.ended.catch(() => undefined).finally(() => grace.abort());
    await Promise.race([gone, sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined)]);
    await program.stop();
  };
  socket.once('close', () => {
    ending ??= end();
  });
  program.ended.catch((error: Error) => socket.destroy(error));
  return {
    socket,
    async lastWords() {
      ending ??= end();
      await ending;
      return program.stderrText().trim().split('\n').at(-1) ?? '';
    },
  };
}

function socketReason(error: unknown, { hostname, port }: ClientConfig): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: `nobody listens at '${printable(hostname)}' port ${port}`,
    ENOTFOUND: `there is no host '${printable(hostname)}'`,
    EAI_AGAIN: `the name '${printable(hostname)}' cannot be looked up now`,
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ETIMEDOUT: 'the host does not answer',
    ECONNRESET: 'the connection was reset',
  };
  return reasons[code] ?? (error instanceof Error ? printable(error.message) : printable(String(error)));
}

interface Circumstances {
  readonly action: string;
  readonly settings: SshSettings;
  readonly config: ClientConfig;
  readonly authentication: { tried(): string; hints(): readonly string[] };
  readonly lastWords: string;
}

function explain(error: unknown, circumstances: Circumstances): HelperError {
  const { action, config, authentication, lastWords } = circumstances;
  if (error instanceof HelperError) return error;
  const level = error instanceof Error && 'level' in error ? error.level : '';
  const said = lastWords === '' ? socketReason(error, config) : printable(lastWords);
  if (level === 'client-authentication') {
    const why = `the server refuses user '${printable(config.user)}' (${authentication.tried()})`;
    const hints = [...authentication.hints(), `see why: ${sshCommand(circumstances.settings, ['-v'])}`];
    return new HelperError('auth', `${action}: ${why}`, { hints, cause: error });
  }
  if (level === 'handshake') {
    return new HelperError('config', `${action}: no agreement on how to encrypt: ${said}`, { cause: error });
  }
  return new HelperError('unavailable', `${action}: ${said}`, { cause: error });
}
