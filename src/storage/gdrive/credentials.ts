import { createPrivateKey } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import type { StorageContext } from '../remote.ts';

/** What proves to Google who we are. */
export type DriveCredentials = ServiceAccount | UserCredentials;

export interface ServiceAccount {
  readonly kind: 'service-account';
  readonly email: string;
  /** PEM. */
  readonly key: string;
  /** The person on whose behalf it acts (domain-wide delegation); undefined: nobody's. */
  readonly subject: string | undefined;
  /** Where it comes from, in words for people. */
  readonly source: string;
}

export interface UserCredentials {
  readonly kind: 'user';
  readonly clientId: string;
  readonly clientSecret: string;
  /** Without one the access token is all there is. */
  readonly refreshToken: string | undefined;
  readonly accessToken: AccessToken | undefined;
  readonly source: string;
}

export interface AccessToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** Where somebody may have put credentials; undefined: not there. */
type Source = (config: StorageConfig, context: StorageContext) => DriveCredentials | undefined;

/** The name under which DVC itself is registered with Google. People's tokens of it lie under this name. */
const dvcClientId = '710796635688-iivsgbgsb6uv1fap6635dhvuei09o66c.apps.googleusercontent.com';
const mostBytes = 256 * 1024;

/**
 * Looks where DVC looks, in its order; the first hit counts. Reads files and writes none. Throws `config` for credentials
 * that cannot be, `auth` when there are none.
 */
export function findCredentials(config: StorageConfig, context: StorageContext): DriveCredentials {
  const service = isTrue(config.options.gdrive_use_service_account);
  const sources: readonly Source[] = service
    ? [fromEnvironment, fromKeyFile]
    : [fromEnvironment, fromUserFile, fromDvc];
  for (const source of sources) {
    const found = source(config, context);
    if (found !== undefined) return found;
  }
  throw noCredentials(config, service);
}

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === 'true';

const fromEnvironment: Source = (config, { env }) => {
  const text = env.GDRIVE_CREDENTIALS_DATA;
  return text === undefined || text === '' ? undefined : parse(text, config, 'GDRIVE_CREDENTIALS_DATA');
};

const fromKeyFile: Source = (config) => {
  const option = 'gdrive_service_account_json_file_path';
  const path = config.options[option];
  return path === undefined ? undefined : fromFile(path, config, option);
};

const fromUserFile: Source = (config) => {
  const option = 'gdrive_user_credentials_file';
  const path = config.options[option];
  return path === undefined ? undefined : fromFile(path, config, option);
};

/** What `dvc push` and `dvc pull` keep once somebody has signed in. */
const fromDvc: Source = (config, context) => {
  const { gdrive_client_id: clientId = dvcClientId, profile = 'default' } = config.options;
  // They may come with the repository, and must not name a file elsewhere.
  if (![clientId, profile].every(isFileName)) return undefined;
  const folder = dvcTokenFolder(context, platform());
  return fromFile(join(folder, clientId, `${profile}.json`), config, "DVC's token");
};

const isFileName = (text: string): boolean => text !== '' && text !== '.' && text !== '..' && !/[/\\:\0]/.test(text);

/** The user's cache folder as Python's appdirs has it. */
export function dvcTokenFolder({ env, home }: Pick<StorageContext, 'env' | 'home'>, system: string): string {
  if (system === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'pydrive2fs', 'Cache');
  if (system === 'darwin') return join(home, 'Library', 'Caches', 'pydrive2fs');
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'pydrive2fs');
}

/** undefined: there is no such file. */
function fromFile(path: string, config: StorageConfig, what: string): DriveCredentials | undefined {
  const source = `'${printable(path)}' (${what})`;
  let text: string;
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      if (!fstatSync(file).isFile() || size > mostBytes) throw fault(config, `${source} holds no credentials`);
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof HelperError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fault(config, `cannot read ${source}: ${code}`);
  }
  return parse(text, config, source);
}

/** Nothing of the text is ever told: it is a secret, or some other file that somebody would like to see. */
function parse(text: string, config: StorageConfig, source: string): DriveCredentials {
  const fields = parseFields(text);
  const field = (name: string): string | undefined => {
    const value = fields?.[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  if (fields === undefined) throw fault(config, `${source} is no JSON`, ...forms);
  if (!isGoogle(field('token_uri'))) {
    throw fault(config, `${source} names a 'token_uri' that is not Google's`, ...forms);
  }
  const type = field('type');
  if (type === 'service_account') return serviceAccount(field, config, source);
  // The format of oauth2client, which DVC writes, names no type.
  if (type !== undefined && type !== 'authorized_user') {
    throw fault(config, `${source} holds credentials of a kind that is not accepted`, ...forms);
  }
  const [clientId, clientSecret] = [field('client_id'), field('client_secret')];
  const [refreshToken, accessToken] = [field('refresh_token'), accessTokenOf(field)];
  if (clientId === undefined || clientSecret === undefined || (refreshToken ?? accessToken) === undefined) {
    throw fault(config, `${source} holds no credentials of Google's`, ...forms);
  }
  return { kind: 'user', clientId, clientSecret, refreshToken, accessToken, source };
}

const forms = ["accepted are the JSON key of a service account and the token that 'dvc push' keeps"];

function parseFields(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

type Field = (name: string) => string | undefined;

function serviceAccount(field: Field, config: StorageConfig, source: string): ServiceAccount {
  const [email, key] = [field('client_email'), field('private_key')];
  if (email === undefined || key === undefined || !isPrivateKey(key)) {
    throw fault(config, `${source} is no whole key of a service account`, ...forms);
  }
  return { kind: 'service-account', email, key, subject: config.options.gdrive_service_account_user_email, source };
}

function isPrivateKey(key: string): boolean {
  try {
    return createPrivateKey(key).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}

function accessTokenOf(field: Field): AccessToken | undefined {
  const token = field('access_token');
  const expiresMs = Date.parse(field('token_expiry') ?? '');
  return token === undefined || Number.isNaN(expiresMs) ? undefined : { token, expiresMs };
}

/** All of Google's token servers are one; what stands there must not send a secret elsewhere. */
function isGoogle(url: string | undefined): boolean {
  if (url === undefined) return true;
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  return protocol === 'https:' && /(?:^|\.)(?:googleapis|google)\.com$/.test(hostname);
}

function fault(config: StorageConfig, text: string, ...hints: readonly string[]): HelperError {
  return new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });
}

function noCredentials({ name, options }: StorageConfig, service: boolean): HelperError {
  const remote = printable(name);
  const message = `storage remote '${remote}': no credentials for Google Drive`;
  if (service) {
    const path = options.gdrive_service_account_json_file_path;
    const said = path === undefined ? '' : `: there is no '${printable(path)}'`;
    return new HelperError('auth', `${message}${said}`, { hints: [keyFileHint(remote)] });
  }
  return new HelperError('auth', message, { hints: signInHints(remote, options.gdrive_client_id !== undefined) });
}

const keyFileHint = (remote: string): string =>
  `name the key of the service account: dvc remote modify --local ${remote} gdrive_service_account_json_file_path <key.json>`;

/** How to get in, for those who have no service account yet. */
export function signInHints(remote: string, ownClient: boolean): readonly string[] {
  const set = (option: string, local = true): string =>
    `dvc remote modify ${local ? '--local ' : ''}${remote} ${option}`;
  const signIn = `sign in once with: dvc pull -r ${remote}`;
  if (ownClient) return [signIn];
  return [
    'Google blocks the OAuth client that DVC brings along; it takes one of your own, or a service account',
    `with your own: ${set('gdrive_client_id', false)} <id>, ${set('gdrive_client_secret')} <secret>, then ${signIn}`,
    `with a service account: ${set('gdrive_use_service_account', false)} true, ${set(
      'gdrive_service_account_json_file_path',
    )} <key.json>`,
  ];
}
