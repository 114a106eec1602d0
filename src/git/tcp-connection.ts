import { connect, isIP, type Socket } from 'node:net';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { Configuration } from './configuration.ts';
import type { InnerUrl } from './inner-url.ts';
import { type Environment, type RunningProcess, scrubbedEnvironment, startProcess } from './process.ts';

type GitUrl = Extract<InnerUrl, { kind: 'git' }>;

export const defaultPort = '9418';

/** The first line that git-daemon(1) reads: service, path, virtual host, and the protocol version behind two NULs. */
export function daemonRequest(url: GitUrl, program: string, protocolVersion: number, env: Environment): string {
  const host = env.GIT_OVERRIDE_VIRTUAL_HOST ?? url.hostAndPort;
  const version = protocolVersion > 0 ? `\0version=${protocolVersion}\0` : '';
  return `${program} ${url.path}\0host=${host}\0${version}`;
}

/**
 * The command that connects in our place, core.gitProxy in git-config(1): the first entry whose `for <domain>` is the
 * host or its parent decides, `none` means no proxy there. GIT_PROXY_COMMAND goes before.
 */
export function chooseProxy(hostAndPort: string, configuration: Configuration, env: Environment): string | undefined {
  const fromEnvironment = env.GIT_PROXY_COMMAND;
  if (fromEnvironment !== undefined) return fromEnvironment === '' ? undefined : fromEnvironment;
  for (const value of configuration.all('core.gitproxy')) {
    const [command = '', domain] = value.split(/ for (.*)/s);
    const matches = domain === undefined || hostAndPort === domain || hostAndPort.endsWith(`.${domain}`);
    if (matches) return command === 'none' || command === '' ? undefined : command;
  }
  return undefined;
}

export function startProxy(command: string, url: GitUrl, env: Environment, signal: AbortSignal): RunningProcess {
  if (url.host.startsWith('-')) throw new HelperError('config', `strange hostname '${printable(url.host)}' blocked`);
  return startProcess(command, [url.host, url.port ?? defaultPort], { env: scrubbedEnvironment(env), signal });
}

function connectError(url: GitUrl, error: NodeJS.ErrnoException): HelperError {
  const host = printable(url.host);
  const lookup = error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN';
  const port = url.port ?? defaultPort;
  return new HelperError(
    'unavailable',
    lookup
      ? `unable to look up ${host} (port ${port}) (${printable(error.code ?? '')})`
      : `unable to connect to ${host} (port ${port}): ${printable(error.code ?? error.message)}`,
    { cause: error },
  );
}

/** How to connect beyond the address. `say` is told each step in Git's words, when Git is asked to be talkative. */
export interface SocketOptions {
  readonly family: 'ipv4' | 'ipv6' | undefined;
  readonly say: ((text: string) => void) | undefined;
}

/** A connected socket. Throws `unavailable` when nobody answers, `interrupted` on abort. */
export function openSocket(url: GitUrl, { family, say }: SocketOptions, signal: AbortSignal): Promise<Socket> {
  const port = url.port ?? defaultPort;
  const host = printable(url.host);
  return new Promise((resolve, reject) => {
    say?.(`Looking up ${host} ... `);
    const onFound = (): void => say?.(`done.\nConnecting to ${host} (port ${printable(port)}) ... `);
    const socket = connect({
      host: url.host,
      port: Number(port),
      ...(family === undefined ? {} : { family: family === 'ipv4' ? 4 : 6 }),
      // Each side closes on its own: a server may send after we have said all we had to say.
      allowHalfOpen: true,
    });
    const onAbort = (): void => {
      socket.destroy();
      reject(new HelperError('interrupted', 'the connection was interrupted'));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', onAbort));
    socket.once('error', (error) => reject(connectError(url, error)));
    // There is nothing to look up in a number.
    if (isIP(url.host) > 0) onFound();
    else socket.once('lookup', (error: Error | null) => void (error === null && onFound()));
    socket.once('connect', () => {
      say?.(`${socket.remoteAddress} done.\n`);
      // From here on a broken connection shows as its end.
      socket.on('error', () => undefined);
      socket.setKeepAlive(true);
      resolve(socket);
    });
  });
}
