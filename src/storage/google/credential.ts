import { HelperError } from '../../model/error.ts';
import { conceal } from '../../report/conceal.ts';
import { printable } from '../../report/printable.ts';

/** What proves to Google who we are, as its JSON files tell it (Google's AIP-4110 and following). All of it is secret. */
export type Credential = ServiceAccount | AuthorizedUser | DerivedCredential;

export interface ServiceAccount {
  readonly kind: 'service_account';
  readonly email: string;
  /** PEM. */
  readonly key: string;
  readonly tokenUrl: string;
  /** The user it acts for, where an administrator has allowed that. */
  readonly subject?: string | undefined;
  readonly quotaProject: string | undefined;
}

export interface AuthorizedUser {
  readonly kind: 'authorized_user';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly tokenUrl: string;
  readonly quotaProject: string | undefined;
}

/** One that is had by means of another one: a token of another cloud, or leave to act as a service account. */
export interface DerivedCredential {
  readonly kind: 'derived';
  /** The file as it is, with its own `type`. May name files, programs and URLs. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly quotaProject: string | undefined;
}

export const googleTokenUrl = 'https://oauth2.googleapis.com/token';

/** Kinds of files that we leave to Google's library as they are. */
const derivedTypes = ['external_account', 'external_account_authorized_user', 'impersonated_service_account'];

export interface CredentialOrigin {
  /** For messages: `'/home/me/key.json' (GOOGLE_APPLICATION_CREDENTIALS)`. */
  readonly name: string;
  /**
   * Named by this machine's own configuration or environment. Otherwise only a service account or a user counts, whose
   * tokens are asked of Google itself: a file can name the place that its secrets are sent to.
   */
  readonly trusted: boolean;
}

/** Throws `config`, and never quotes the text. */
export function parseCredential(text: string, { name, trusted }: CredentialOrigin): Credential {
  const fail = (what: string, ...hints: string[]): HelperError =>
    new HelperError('config', `the Google credentials ${name} ${what}`, { hints });
  const json = parseObject(text);
  if (json === undefined)
    throw fail('are no JSON file', 'download the key again, or: gcloud auth application-default login');
  const field = (key: string): string => {
    const value = json[key];
    if (typeof value !== 'string' || value === '') throw fail(`have no '${key}'`);
    return value;
  };
  for (const key of ['private_key', 'client_secret', 'refresh_token']) {
    const secret = json[key];
    if (typeof secret === 'string') conceal(secret);
  }
  const { type, universe_domain: universe, quota_project_id: quota } = json;
  if (universe !== undefined && universe !== 'googleapis.com') {
    throw fail("are for a cloud other than Google's own ('universe_domain'), which is not supported");
  }
  const quotaProject = typeof quota === 'string' && quota !== '' ? quota : undefined;
  if (typeof type === 'string' && derivedTypes.includes(type)) {
    if (!trusted) throw fail(`are of the type '${printable(type)}', which counts only where this machine names it`);
    return { kind: 'derived', json, quotaProject };
  }
  const tokenUrl = readTokenUrl(json.token_uri, trusted);
  if (tokenUrl === undefined) throw fail("name a 'token_uri' that is not Google's");
  if (type === 'service_account') {
    return { kind: type, email: field('client_email'), key: field('private_key'), tokenUrl, quotaProject };
  }
  if (type === 'authorized_user') {
    const [clientId, clientSecret] = [field('client_id'), field('client_secret')];
    return { kind: type, clientId, clientSecret, refreshToken: field('refresh_token'), tokenUrl, quotaProject };
  }
  throw fail(
    typeof type === 'string' ? `are of an unknown type: '${printable(type)}'` : "have no 'type'",
    "it has to be a service account's key, or what gcloud writes",
  );
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function readTokenUrl(value: unknown, trusted: boolean): string | undefined {
  if (value === undefined) return googleTokenUrl;
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  return trusted || isGoogle(new URL(value)) ? value : undefined;
}

/** True for a host of Google's own, over TLS: there a token may always go. */
export function isGoogle({ protocol, hostname, port }: URL): boolean {
  const host =
    hostname === 'googleapis.com' || hostname === 'accounts.google.com' || hostname.endsWith('.googleapis.com');
  return protocol === 'https:' && port === '' && host;
}
