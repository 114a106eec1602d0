import { HelperError } from '../../model/error.ts';
import { createOrigin, type Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import type { LocateStorage } from '../remote.ts';

/** A storage remote `ssh://[user@]host[:port]/path` and DVC's options for it; what is undefined ssh's configuration says. */
export interface SshSettings {
  /** Name of the storage remote. */
  readonly name: string;
  /** Without user information. */
  readonly displayUrl: string;
  readonly origin: Origin;
  /** As written, which may be a `Host` of ssh_config(5). An IPv6 address has no brackets. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Absolute on the server, no slash at the end: '' is its root. */
  readonly path: string;
  readonly keyfile: string | undefined;
  readonly passphrase: string | undefined;
  readonly password: string | undefined;
  /** Who set it. */
  readonly passwordFrom: 'repository' | 'options';
  readonly allowAgent: boolean;
  /** `ask_password` or `ask_passphrase`, where it is set. */
  readonly asks: readonly string[];
  /** How long the server may keep silent while it owes an answer. */
  readonly stallMs: number;
  /** SFTP sessions over the one connection. */
  readonly sessions: number;
}

const urlPattern = /^ssh:\/\/(?:([^/]*)@)?(\[[^\]/]*\]|[^/:@]*)(?::([^/]*))?(\/.*)?$/is;
// Both reach the command lines of ProxyCommand and `Match exec` in ssh_config(5), as %h and %r (CVE-2023-51385).
const hostPattern = /^(?!-)[\p{L}\p{N}_.-]+$|^[0-9a-f:.]+(?:%[\w.-]+)?$/iu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const userPattern = /^(?!-)[^\u0000-\u0020\u007f'"`$\\;&<>|(){}[\]*?!#~%]+$/u;
const defaults = { stallSeconds: 60, longestSeconds: 600, sessions: 4, mostSessions: 16 };

/** Throws `config` for what cannot be, `unsupported` for an option that this program does not serve. */
export function readSshSettings(config: StorageConfig): SshSettings {
  const { options } = config;
  const name = printable(config.name);
  const fail = (what: string, ...hints: string[]): HelperError =>
    new HelperError('config', `storage remote '${name}': ${what}`, { hints });
  const [, userInformation, bracketed = '', urlPort, path = '/'] = urlPattern.exec(config.url) ?? [];
  const host = bracketed.replace(/^\[(.*)\]$/, '$1');
  if (!hostPattern.test(host)) {
    throw fail(
      `'${displayUrl(config.url)}' names no possible host`,
      `write: dvc remote modify ${name} url ssh://<host>/<path>`,
    );
  }
  if (options.gss_auth === 'true') {
    throw new HelperError('unsupported', `storage remote '${name}': 'gss_auth' (Kerberos) is not supported`, {
      hints: [`use a key: dvc remote modify --local ${name} gss_auth false`],
    });
  }
  const [, urlUser, urlPassword] = /^([^:]*)(?::(.*))?$/s.exec(userInformation ?? '') ?? [];
  const user = options.user || urlUser || undefined;
  if (user !== undefined && !userPattern.test(user)) throw fail(`'${printable(user)}' cannot be the name of a user`);
  const port = readPort(options.port || urlPort, fail);
  const address = `${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`;
  const namedBy = config.committed.has('url') ? 'repository' : 'user';
  return {
    name,
    displayUrl: displayUrl(config.url),
    origin: createOrigin('ssh', address, path, { provider: false, namedBy, namespace: user ?? '' }),
    host,
    user,
    port,
    path: path.replace(/\/+$/, ''),
    keyfile: options.keyfile || undefined,
    passphrase: options.passphrase || undefined,
    password: options.password || urlPassword || undefined,
    passwordFrom: config.committed.has(options.password ? 'password' : 'url') ? 'repository' : 'options',
    allowAgent: options.allow_agent !== 'false',
    asks: ['ask_password', 'ask_passphrase'].filter((key) => options[key] === 'true'),
    stallMs: 1000 * within(options.timeout, 1, defaults.longestSeconds, defaults.stallSeconds),
    sessions: within(options.max_sessions, 1, defaults.mostSessions, defaults.sessions),
  };
}

/** Where a storage remote over SSH is: the host as written, which ssh_config(5) may know better. Throws as `readSshSettings`. */
export const locateSsh: LocateStorage = (config) => readSshSettings(config).origin;

function readPort(text: string | undefined, fail: (what: string) => HelperError): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port < 1 || port > 65_535) throw fail(`'${printable(text)}' is no port`);
  return port;
}

function within(text: string | undefined, least: number, most: number, fallback: number): number {
  const value = Number(text || fallback);
  return Math.round(Math.min(most, Math.max(least, Number.isFinite(value) ? value : fallback)));
}

/** What to type to have ssh itself go there. */
export function sshCommand({ host, port, user }: SshSettings, options: readonly string[] = []): string {
  const place = [
    ...options,
    ...(port === undefined ? [] : ['-p', `${port}`]),
    ...(user === undefined ? [] : ['-l', user]),
  ];
  return ['ssh', ...place, host].join(' ');
}
