import { createPrivateKey } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { conceal } from '../../report/conceal.ts';
import { printable } from '../../report/printable.ts';
import {
  type AuthorizedUser,
  googleTokenUrl,
  isGoogle,
  parseCredential,
  type ServiceAccount,
} from '../google/credential.ts';
import type { AccessToken } from '../google/exchange.ts';
import type { SecretUse, StorageContext } from '../remote.ts';
import { fieldsOf, parseJson } from './complaint.ts';
import { findKeptToken } from './kept-token.ts';

/** What proves to Google who we are. */
export interface DriveCredentials {
  /** undefined: the access token is all there is. */
  readonly credential: ServiceAccount | AuthorizedUser | undefined;
  /** One that was kept, and may be good for a while. */
  readonly accessToken: AccessToken | undefined;
  /** Where it comes from, in words for people. */
  readonly source: string;
  /** Where it comes from, for the guard. */
  readonly from: SecretUse['from'];
  /** Tells whoever keeps them that Google took them, or calls them wrong; undefined: nobody wants to know. */
  readonly report?: ((verdict: 'approve' | 'reject') => void) | undefined;
}

type Found = Omit<DriveCredentials, 'from' | 'report'>;

/** Where somebody may have put credentials; undefined: not there. */
type Source = (config: StorageConfig, context: StorageContext) => Found | undefined;

/** The name under which DVC itself is registered with Google. People's tokens of it lie under this name. */
const dvcClientId = '710796635688-iivsgbgsb6uv1fap6635dhvuei09o66c.apps.googleusercontent.com';
const mostBytes = 256 * 1024;

/**
 * Looks where DVC looks, in its order, and where Git keeps a token before that of DVC: who signed in for Git wants this
 * one. The first hit counts. Reads files and writes none. Throws `config` for credentials that cannot be, `auth` when there
 * are none.
 */
export async function findCredentials(config: StorageConfig, context: StorageContext): Promise<DriveCredentials> {
  const service = isTrue(config.options.gdrive_use_service_account);
  const sources: readonly (readonly [SecretUse['from'], Source])[] = [
    ['ambient', fromEnvironment],
    ['options', service ? fromKeyFile : fromUserFile],
  ];
  for (const [from, source] of sources) {
    const found = source(config, context);
    if (found !== undefined) return { ...found, from };
  }
  const kept = service ? undefined : await findKeptToken(config, context);
  if (kept !== undefined) return kept;
  const found = service ? undefined : fromDvc(config, context);
  if (found !== undefined) return { ...found, from: 'ambient' };
  throw noCredentials(config, service);
}

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === 'true';

const fromEnvironment: Source = (config, { env }) => {
  const text = env.GDRIVE_CREDENTIALS_DATA;
  if (text === undefined || text === '') return undefined;
  return parse(text, config, { name: 'GDRIVE_CREDENTIALS_DATA', trusted: true });
};

const fromOption =
  (option: string): Source =>
  (config) => {
    const path = config.options[option];
    return path === undefined ? undefined : fromFile(path, config, option, !config.committed.has(option));
  };

const keyFile = 'gdrive_service_account_json_file_path';
const fromKeyFile = fromOption(keyFile);
const fromUserFile = fromOption('gdrive_user_credentials_file');

/** What `dvc push` and `dvc pull` keep once somebody has signed in. */
const fromDvc: Source = (config, context) => {
  const { gdrive_client_id: clientId = dvcClientId, profile = 'default' } = config.options;
  // They may come with the repository, and must not name a file elsewhere.
  if (![clientId, profile].every(isFileName)) return undefined;
  const folder = dvcTokenFolder(context, platform());
  return fromFile(join(folder, clientId, `${profile}.json`), config, "DVC's token", false);
};

const isFileName = (text: string): boolean => text !== '' && text !== '.' && text !== '..' && !/[/\\:\0]/.test(text);

/** The user's cache folder as Python's appdirs has it. */
export function dvcTokenFolder({ env, home }: Pick<StorageContext, 'env' | 'home'>, system: string): string {
  if (system === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'pydrive2fs', 'Cache');
  if (system === 'darwin') return join(home, 'Library', 'Caches', 'pydrive2fs');
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'pydrive2fs');
}

interface Place {
  readonly name: string;
  /** As in google/credential.ts. */
  readonly trusted: boolean;
}

/** undefined: there is no such file. */
function fromFile(path: string, config: StorageConfig, what: string, trusted: boolean): Found | undefined {
  const name = `'${printable(path)}' (${what})`;
  let text: string;
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      if (!fstatSync(file).isFile() || size > mostBytes) throw fault(config, `${name} holds no credentials`);
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof HelperError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fault(config, `cannot read ${name}: ${code}`);
  }
  return parse(text, config, { name, trusted });
}

/** Nothing of the text is ever told: it is a secret, or some other file that somebody would like to see. */
function parse(text: string, config: StorageConfig, place: Place): Found {
  const { name: source } = place;
  const json = parseJson(text);
  if (json === undefined) throw fault(config, `${source} is no JSON`, ...forms);
  const { type } = fieldsOf(json);
  // What oauth2client keeps, and DVC with it, names no type.
  if (type === undefined) return { ...parseKept(fieldsOf(json), config, place), source };
  if (type !== 'service_account' && type !== 'authorized_user') {
    throw fault(config, `${source} holds credentials of a kind that is not accepted`, ...forms);
  }
  const credential = parseCredential(text, place);
  if (credential.kind === 'derived') throw fault(config, `${source} holds no credentials of its own`, ...forms);
  if (credential.kind === 'authorized_user') return { credential, accessToken: undefined, source };
  if (!isPrivateKey(credential.key)) throw fault(config, `${source} is no whole key of a service account`, ...forms);
  const subject = config.options.gdrive_service_account_user_email;
  return { credential: { ...credential, subject }, accessToken: undefined, source };
}

const forms = ["accepted are the JSON key of a service account and the token that 'dvc push' keeps"];

function isPrivateKey(key: string): boolean {
  try {
    return createPrivateKey(key).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}

type Kept = Pick<DriveCredentials, 'credential' | 'accessToken'>;

function parseKept(fields: Readonly<Record<string, unknown>>, config: StorageConfig, { name, trusted }: Place): Kept {
  const field = (key: string): string | undefined => {
    const value = fields[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const tokenUrl = field('token_uri') ?? googleTokenUrl;
  if (!URL.canParse(tokenUrl) || !(trusted || isGoogle(new URL(tokenUrl)))) {
    throw fault(config, `${name} names a 'token_uri' that is not Google's`, ...forms);
  }
  const [clientId, clientSecret, refreshToken] = [field('client_id'), field('client_secret'), field('refresh_token')];
  const [text, expiresMs] = [field('access_token'), Date.parse(field('token_expiry') ?? '')];
  conceal(clientSecret, refreshToken, text);
  const accessToken = text === undefined || Number.isNaN(expiresMs) ? undefined : { text, expiresMs };
  if (clientId !== undefined && clientSecret !== undefined && refreshToken !== undefined) {
    const kind = 'authorized_user';
    const credential = { kind, clientId, clientSecret, refreshToken, tokenUrl, quotaProject: undefined } as const;
    return { credential, accessToken };
  }
  if (accessToken !== undefined) return { credential: undefined, accessToken };
  throw fault(config, `${name} holds no credentials of Google's`, ...forms);
}

function fault(config: StorageConfig, text: string, ...hints: readonly string[]): HelperError {
  return new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });
}

function noCredentials({ name, options }: StorageConfig, service: boolean): HelperError {
  const remote = printable(name);
  const message = `storage remote '${remote}': no credentials for Google Drive`;
  if (service) {
    const path = options[keyFile];
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
  const signIn = `sign in once with: git dvcexp credential login ${remote}`;
  if (ownClient) return [signIn];
  return [
    'Google blocks the OAuth client that DVC brings along; it takes one of your own, or a service account',
    `with your own: ${set('gdrive_client_id', false)} <id>, ${set('gdrive_client_secret')} <secret>, then ${signIn}`,
    `with a service account: ${set('gdrive_use_service_account', false)} true, ${set(
      'gdrive_service_account_json_file_path',
    )} <key.json>`,
  ];
}
