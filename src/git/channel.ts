import { setTimeout } from 'node:timers/promises';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { trace } from '../report/trace.ts';
import { type ByteReader, openByteReader, writeBytes } from './byte-stream.ts';
import type { Configuration } from './configuration.ts';
import type { InnerUrl } from './inner-url.ts';
import { encodePacket } from './pkt-line.ts';
import {
  type Environment,
  pathWithGit,
  type RunningProcess,
  runGit,
  scrubbedEnvironment,
  startProcess,
} from './process.ts';
import { chooseSshCommand, quoteForShell, shellCommand } from './ssh-command.ts';
import { chooseProxy, daemonRequest, openSocket, startProxy } from './tcp-connection.ts';

type GitUrl = Extract<InnerUrl, { kind: 'git' }>;

/** An open connection to a Git server program (upload-pack, receive-pack, upload-archive). */
export interface Channel {
  readonly reader: ByteReader;
  /** False when the server has gone: nothing more will arrive there. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Says that nothing more will come from us. */
  finish(): void;
  /** Exit code of the server or of what carries it; 0 for a connection that has none. */
  readonly ended: Promise<number>;
  /**
   * Takes leave of a server that has answered everything, as Git does: waits for a program to exit (hooks may still be
   * running over there), but for no socket to be closed by the other side. Answers as `ended`.
   */
  leave(): Promise<number>;
  /** Ends it whatever its state. May be called twice. */
  close(): Promise<void>;
}

const patienceMs = 10_000;

/**
 * As `leave`, for a server of which nothing more is expected: one that does not go within ten seconds is ended, and
 * undefined is answered. Git would not wait for it either.
 */
export async function leaveSoon(channel: Channel): Promise<number | undefined> {
  const timer = new AbortController();
  const late = setTimeout(patienceMs, undefined, { signal: timer.signal }).catch(() => undefined);
  const code = await Promise.race([channel.leave(), late]);
  timer.abort();
  if (code === undefined) await channel.close();
  return code;
}

export type Service = 'git-upload-pack' | 'git-receive-pack' | 'git-upload-archive';

export interface ChannelRequest {
  readonly url: Exclude<InnerUrl, { kind: 'helper' }>;
  readonly service: Service;
  /** Of the protocol, whatever is configured. */
  readonly version?: 0;
  /** `--upload-pack`, `--receive-pack`: shell text that stands for the program over there. */
  readonly program: string | undefined;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  /** `-v`: tells people how the connection comes about. */
  readonly verbose: boolean;
}

export interface ChannelContext {
  readonly env: Environment;
  readonly configuration: Configuration;
  readonly stderr: (text: string) => void;
}

/** The version to ask for (protocol.version in git-config(1)). Pushing knows no version 2. Throws `config` on nonsense. */
export function protocolVersion(
  { service, version }: Pick<ChannelRequest, 'service' | 'version'>,
  { env, configuration }: ChannelContext,
): number {
  if (version !== undefined) return version;
  // GIT_TEST_PROTOCOL_VERSION is how Git's own test suite changes the default.
  const text = configuration.get('protocol.version') ?? (env.GIT_TEST_PROTOCOL_VERSION || '2');
  if (!/^[012]$/.test(text)) {
    throw new HelperError('config', `unknown value for config 'protocol.version': ${printable(text)}`);
  }
  const wanted = Number(text);
  return service === 'git-receive-pack' && wanted === 2 ? 0 : wanted;
}

/** A nested helper that answered `connect`, or any child with a conversation on its pipes. */
export function processChannel(child: RunningProcess, reader: ByteReader = openByteReader(child.stdout)): Channel {
  return {
    reader,
    write: (bytes) => writeBytes(child.stdin, bytes),
    finish: () => child.stdin.end(),
    ended: child.ended,
    leave: () => {
      child.stdin.end();
      return child.ended;
    },
    close: () => child.stop(),
  };
}

function withProtocol(env: Environment, version: number): Environment {
  // An inherited GIT_PROTOCOL speaks of the conversation that this process is in, not of the one it opens.
  return { ...env, GIT_PROTOCOL: version > 0 ? `version=${version}` : undefined };
}

async function openLocal(request: ChannelRequest, context: ChannelContext, { signal }: Operation): Promise<Channel> {
  const version = protocolVersion(request, context);
  const env = withProtocol(scrubbedEnvironment(context.env), version);
  const execPath =
    context.env.GIT_EXEC_PATH ?? (await runGit(['--exec-path'], { env: context.env, signal })).stdout.toString().trim();
  const text = `${request.program ?? request.service} ${quoteForShell(request.url.path)}`;
  const { program, args } = shellCommand(text, []);
  return processChannel(startProcess(program, args, { env: { ...env, PATH: pathWithGit(env, execPath) }, signal }));
}

async function openSsh(
  url: Extract<InnerUrl, { kind: 'ssh' }>,
  request: ChannelRequest,
  context: ChannelContext,
  { signal }: Operation,
): Promise<Channel> {
  const { family } = request;
  const version = protocolVersion(request, context);
  const scrubbed = scrubbedEnvironment(context.env);
  const command = `${request.program ?? request.service} ${quoteForShell(url.path)}`;
  const target = { destination: url.destination, port: url.port, family, protocolVersion: version, command };
  const ssh = await chooseSshCommand(target, context.configuration, withProtocol(scrubbed, version));
  const env = withProtocol(scrubbed, ssh.sendsProtocol ? version : 0);
  return processChannel(startProcess(ssh.program, ssh.args, { env, signal }));
}

async function openDaemon(
  url: GitUrl,
  request: ChannelRequest,
  context: ChannelContext,
  { signal }: Operation,
): Promise<Channel> {
  const version = protocolVersion(request, context);
  const proxy = chooseProxy(url.hostAndPort, context.configuration, context.env);
  const channel =
    proxy === undefined
      ? await socketChannel(url, request, context, signal)
      : processChannel(startProxy(proxy, url, context.env, signal));
  await channel.write(encodePacket(daemonRequest(url, request.program ?? request.service, version, context.env)));
  return channel;
}

async function socketChannel(
  url: GitUrl,
  { family, verbose }: ChannelRequest,
  { stderr }: ChannelContext,
  signal: AbortSignal,
): Promise<Channel> {
  const socket = await openSocket(url, { family, say: verbose ? stderr : undefined }, signal);
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(0)));
  return {
    reader: openByteReader(socket),
    write: (bytes) => writeBytes(socket, bytes),
    finish: () => socket.end(),
    ended: closed,
    leave: () => {
      socket.destroySoon();
      return closed;
    },
    close: async () => {
      socket.destroy();
      await closed;
    },
  };
}

/**
 * Connects to a server program as Git itself would. Throws `config` for what cannot be run or is forbidden,
 * `unavailable` when a host does not answer; a server that refuses shows in `ended`. The caller closes the channel.
 */
export async function openChannel(
  request: ChannelRequest,
  context: ChannelContext,
  operation: Operation,
): Promise<Channel> {
  trace(() => `connect ${request.service} by ${request.url.kind} ${displayUrl(request.url.path)}`);
  const { url } = request;
  if (url.kind === 'local') return await openLocal(request, context, operation);
  if (url.kind === 'ssh') return await openSsh(url, request, context, operation);
  return await openDaemon(url, request, context, operation);
}
