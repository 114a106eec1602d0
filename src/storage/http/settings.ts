import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { HelperError } from '../../model/error.ts';
import { createOrigin, type Origin } from '../../model/origin.ts';
import { percentDecoded } from '../../model/percent.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import type { Guard, LocateStorage, SecretUse, Surroundings } from '../remote.ts';
import { seconds } from '../wire/seconds.ts';
import { readTrust } from '../wire/trust.ts';
import type { WireSettings } from '../wire/wire.ts';

/** What proves who we are. Shown to the origin of the storage remote's URL and to nobody else. */
export type Login =
  | { readonly kind: 'none' }
  /** `digest` waits for the server's challenge; `either` sends Basic and answers a challenge for Digest as well. */
  | {
      readonly kind: 'basic' | 'digest' | 'either';
      /** Without both, they are Git's to know, or the user's. */
      readonly user: string | undefined;
      readonly password: string | undefined;
    }
  | { readonly kind: 'header'; readonly name: string; readonly value: string };

/** Everything that configuration and environment say about one HTTP or WebDAV storage remote. */
export interface HttpSettings extends WireSettings {
  /** Printable name of the storage remote. */
  readonly remote: string;
  readonly displayUrl: string;
  /** `host` or `host:port`, without the scheme's own port. */
  readonly host: string;
  readonly origin: Origin;
  /** Path of the URL, encoded, without the slash at its end. */
  readonly base: string;
  /** A WebDAV server is often one with a thread for each connection, which is all of them for ten or twenty. */
  readonly connections: number;
  readonly login: Login;
  /** Who set what `login` shows. */
  readonly loginFrom: 'repository' | 'options';
  /** Why there is no login although one is configured: it may not be shown here. */
  readonly refusal?: HelperError | undefined;
  /** How an object is sent to a plain HTTP server. */
  readonly method: string;
  /** WebDAV; else plain HTTP, whose options are other ones. */
  readonly webdav: boolean;
}

type Fault = (text: string, ...hints: string[]) => HelperError;
const faultOf =
  (config: StorageConfig): Fault =>
  (text, ...hints) =>
    new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });

/** Reads the files that options name. Throws `config` for what cannot be. */
export function readHttpSettings(config: StorageConfig, context: Surroundings): HttpSettings {
  const { options } = config;
  const fail = faultOf(config);
  const webdav = config.scheme.startsWith('webdav');
  const url = parseUrl(config.url, fail);
  const timeout = webdav ? seconds(options.timeout, 30) : undefined;
  const login = webdav ? webdavLogin(config, url, fail) : httpLogin(config, url, fail);
  return {
    remote: printable(config.name),
    displayUrl: displayUrl(config.url),
    host: url.host,
    origin: originOf(config, url),
    base: url.pathname.replace(/\/+$/, ''),
    webdav,
    connections: webdav ? 8 : 32,
    login: checkedLogin(login, fail),
    loginFrom: loginFrom(config, url),
    method: readMethod(options.method, fail),
    secure: url.protocol === 'https:',
    ...readTrust(config, context),
    identity: readIdentity(options, fail),
    connectMs: timeout ?? seconds(options.connect_timeout, 60),
    stallMs: timeout ?? seconds(options.read_timeout, 60),
  };
}

function parseUrl(text: string, fail: Fault): URL {
  const web = text.replace(/^(?:webdav|http)(s?):/i, 'http$1:');
  // A backslash ends the host for whoever connects, and not for whoever reads the URL.
  const url = /^https?:\/\/[^/\\][^\\]*$/.test(web) && URL.canParse(web) ? new URL(web) : undefined;
  if (url === undefined) throw fail(`'${displayUrl(text)}' names no server`, "write 'https://host/path'");
  // Keys come behind it, and what stands there is often a secret.
  if (url.search !== '' || url.hash !== '') {
    throw fail(`'${displayUrl(text)}' is followed by a query or a fragment`, 'a storage URL ends with its path');
  }
  return url;
}

/** Where a storage remote over HTTP or WebDAV is. Throws `config` for a URL that cannot be. */
export const locateHttp: LocateStorage = (config) => originOf(config, parseUrl(config.url, faultOf(config)));

function originOf({ committed, options }: StorageConfig, { protocol, host, pathname, username }: URL): Origin {
  const namedBy = committed.has('url') ? 'repository' : 'user';
  // Servers with a home for each user show it under the same path.
  const namespace = options.user ?? percentDecoded(username);
  return createOrigin(protocol.slice(0, -1), host, percentDecoded(pathname), { provider: false, namedBy, namespace });
}

type Options = StorageConfig['options'];

/** The settings without what the guard does not let be shown. */
export async function guardLogin(settings: HttpSettings, guard: Guard): Promise<HttpSettings> {
  const { login, loginFrom: from, identity } = settings;
  const uses: SecretUse[] = [];
  const known = login.kind === 'header' || (login.kind !== 'none' && login.user !== undefined);
  if (known) uses.push({ from, shows: login.kind === 'digest' ? 'proof' : 'secret' });
  if (identity !== undefined) uses.push({ from: 'options', shows: 'proof' });
  for (const use of uses) {
    const refusal = await guard.admit(use);
    if (refusal !== undefined) return { ...settings, login: { kind: 'none' }, identity: undefined, refusal };
  }
  return settings;
}

function loginFrom({ options, committed }: StorageConfig, url: URL): HttpSettings['loginFrom'] {
  const used = ['user', 'password', 'token'].filter((key) => options[key] !== undefined);
  const all = url.username === '' ? used : [...used, 'url'];
  return all.every((key) => committed.has(key)) ? 'repository' : 'options';
}

/** DVC's order: token, then user, then a header of one's own. */
function webdavLogin(config: StorageConfig, url: URL, fail: Fault): Login {
  const { options } = config;
  if (options.bearer_token_command !== undefined) {
    throw fail("the option 'bearer_token_command' is not supported", setting(config, 'token'));
  }
  if (options.token !== undefined) return { kind: 'header', name: 'authorization', value: `Bearer ${options.token}` };
  const user = options.user ?? percentDecoded(url.username);
  if (user !== '') return { kind: 'either', user, password: passwordOf(config, url) };
  const name = options.custom_auth_header;
  if (name === undefined) return { kind: 'none' };
  return { kind: 'header', name, value: passwordOf(config, url) ?? needed(config, fail, name, 'password') };
}

/** DVC heeds `user` and `password` only when `auth` says how; those of the URL are Basic. */
function httpLogin(config: StorageConfig, url: URL, fail: Fault): Login {
  const { options } = config;
  const auth = options.auth?.toLowerCase() ?? '';
  if (auth === 'basic' || auth === 'digest') {
    const user = options.user ?? percentDecoded(url.username);
    return { kind: auth, user: user === '' ? undefined : user, password: passwordOf(config, url) };
  }
  if (auth === 'custom') {
    const name = options.custom_auth_header ?? needed(config, fail, auth, 'custom_auth_header');
    return { kind: 'header', name, value: passwordOf(config, url) ?? needed(config, fail, auth, 'password') };
  }
  if (auth !== '') throw fail(`'${printable(auth)}' is no way to sign in`, "'auth' is basic, digest or custom");
  if (url.username === '') return { kind: 'none' };
  return { kind: 'basic', user: percentDecoded(url.username), password: percentDecoded(url.password) };
}

function passwordOf(config: StorageConfig, url: URL): string | undefined {
  return config.options.password ?? (url.password === '' ? undefined : percentDecoded(url.password));
}

const setting = (config: StorageConfig, option: string): string =>
  `set it for this machine: dvc remote modify --local ${printable(config.name)} ${option} <${option}>`;

function needed(config: StorageConfig, fail: Fault, what: string, option: string): never {
  throw fail(`'${printable(what)}' authentication needs the option '${option}'`, setting(config, option));
}

/** Nothing of a secret is in the message when it cannot be sent. */
function checkedLogin(login: Login, fail: Fault): Login {
  if (login.kind !== 'header') return login;
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(login.name) || /^(?:host|content-length|connection)$/i.test(login.name)) {
    throw fail(`'${printable(login.name)}' cannot be the name of a header`, "see the option 'custom_auth_header'");
  }
  if (/^[\x20-\x7e]*$/.test(login.value)) return login;
  throw fail("the token or password has characters that a header cannot carry, such as a line's end");
}

function readMethod(text: string | undefined, fail: Fault): string {
  const method = text?.toUpperCase() ?? 'POST';
  if (['POST', 'PUT', 'PATCH'].includes(method)) return method;
  throw fail(`'${printable(method)}' is no way to send an object`, "'method' is POST, PUT or PATCH");
}

function readIdentity({ cert_path: certPath, key_path: keyPath }: Options, fail: Fault): WireSettings['identity'] {
  if (certPath === undefined) {
    if (keyPath === undefined) return undefined;
    throw fail("'key_path' is set and 'cert_path' is not");
  }
  try {
    // A file may hold both.
    const identity = { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath ?? certPath, 'utf8') };
    createSecureContext(identity);
    return identity;
  } catch {
    const shown = printable(keyPath === undefined ? certPath : `${certPath}' and '${keyPath}`);
    throw fail(
      `'${shown}' are no certificate and key`,
      "'cert_path' and 'key_path' name PEM files, the key without passphrase",
    );
  }
}
