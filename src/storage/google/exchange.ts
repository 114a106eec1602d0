import type { AuthClient, ImpersonatedOptions } from 'google-auth-library';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { textOf } from '../wire/request.ts';
import { type Credential, type DerivedCredential, googleTokenUrl, parseCredential } from './credential.ts';
import type { Transport } from './transport.ts';

export interface AccessToken {
  readonly text: string;
  /** Milliseconds since 1970; undefined where nobody tells. */
  readonly expiresMs: number | undefined;
}

/**
 * A fresh access token for a credential, by Google's library, loaded when first needed. Throws HelperError, `auth` for a
 * credential that is refused or cannot be used.
 *
 * @param scopes what the token is to be good for, as URLs
 */
export async function exchange(
  credential: Credential,
  scopes: readonly string[],
  transport: Transport,
): Promise<AccessToken> {
  try {
    const client = await openAuthClient(credential, scopes, transport);
    const { token } = await client.getAccessToken();
    // It goes into a header.
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw new Error('the answer holds no access token');
    return { text: token, expiresMs: client.credentials.expiry_date ?? undefined };
  } catch (error) {
    if (error instanceof HelperError) {
      // The library puts words of its own in front of what our connections say.
      throw Object.assign(error, { message: error.message.replace(/^.*HelperError: /, '') });
    }
    // What the parser of JSON says quotes the text, which may be a secret.
    const quotes = !(error instanceof Error) || error instanceof SyntaxError;
    const why = quotes ? 'what it leads to cannot be read' : printable(error.message);
    throw new HelperError('auth', `cannot get an access token: ${why}`, { cause: error });
  }
}

/** A new one for each token: those in the library's own cache cannot be asked for again before their end. */
async function openAuthClient(
  credential: Credential,
  scopes: readonly string[],
  transport: Transport,
): Promise<AuthClient> {
  const options = { transporter: openTransporter(credential, transport), useAuthRequestParameters: false };
  if (credential.kind === 'service_account') {
    // Not the whole library, which takes twice as long to load.
    const { JWT } = await import('google-auth-library/build/src/auth/jwtclient.js');
    const { email, key, subject, tokenUrl } = credential;
    const whom = subject === undefined ? {} : { subject };
    // RFC 7523, 3: the assertion is meant for the place it is sent to.
    return new JWT({ ...options, email, key, ...whom, scopes: [...scopes], additionalClaims: { aud: tokenUrl } });
  }
  if (credential.kind === 'authorized_user') {
    const { UserRefreshClient } = await import('google-auth-library/build/src/auth/refreshclient.js');
    const { clientId, clientSecret, refreshToken } = credential;
    return new UserRefreshClient({ ...options, clientId, clientSecret, refreshToken });
  }
  return openDerived(credential.json, scopes, transport, options);
}

interface Options {
  readonly transporter: Transporter;
  readonly useAuthRequestParameters: boolean;
}

async function openDerived(
  json: DerivedCredential['json'],
  scopes: readonly string[],
  transport: Transport,
  options: Options,
): Promise<AuthClient> {
  const library = await import('google-auth-library');
  const known = { ...json, ...options, scopes: [...scopes] } as never;
  if (json.type === 'external_account') {
    const client = library.ExternalAccountClient.fromJSON(known);
    if (client === null) throw new Error('it names no source of a token');
    // The one request for which the library opens a connection of its own.
    const { stsCredential } = client as unknown as { readonly stsCredential: { transporter: Transporter } };
    stsCredential.transporter = options.transporter;
    return client;
  }
  if (json.type === 'external_account_authorized_user') return new library.ExternalAccountAuthorizedUserClient(known);
  return new library.Impersonated(await readImpersonated(json, scopes, transport, options));
}

/** Another credential, and leave to act as a service account. */
async function readImpersonated(
  json: DerivedCredential['json'],
  scopes: readonly string[],
  transport: Transport,
  options: Options,
): Promise<ImpersonatedOptions> {
  const name = 'to act as a service account with';
  const source = parseCredential(JSON.stringify(json.source_credentials ?? {}), { name, trusted: true });
  const url = String(json.service_account_impersonation_url);
  const [, targetPrincipal] = /\/serviceAccounts\/([^/]+):generateAccessToken$/.exec(url) ?? [];
  if (targetPrincipal === undefined || !URL.canParse(url)) throw new Error('they name no service account to act as');
  return {
    ...options,
    sourceClient: await openAuthClient(source, ['https://www.googleapis.com/auth/cloud-platform'], transport),
    targetPrincipal,
    targetScopes: [...scopes],
    delegates: Array.isArray(json.delegates) ? json.delegates.map(String) : [],
    endpoint: new URL(url).origin,
  };
}

/** The library's client for HTTP, of which it calls one method only. */
type Transporter = AuthClient['transporter'];
type LibraryRequest = Parameters<Transporter['request']>[0];

function openTransporter(credential: Credential, transport: Transport): Transporter {
  // The library knows one place for the tokens of service accounts and users; files may name another.
  const placeOf = (url: string): string =>
    url === googleTokenUrl && credential.kind !== 'derived' ? credential.tokenUrl : url;
  const request = async (wanted: LibraryRequest = {}): Promise<unknown> => {
    const { method = 'GET', data } = wanted;
    const headers: string[] = [];
    for (const [header, value] of new Headers(wanted.headers)) headers.push(header, value);
    const type = data instanceof URLSearchParams ? 'application/x-www-form-urlencoded' : 'application/json';
    if (data !== undefined && !headers.includes('content-type')) headers.push('content-type', type);
    const url = new URL(placeOf(String(wanted.url)));
    const response = await transport.ask({ method, url, headers, body: encodeBody(data) });
    const text = textOf(response);
    return { status: response.status, data: wanted.responseType === 'text' ? text : parse(text) };
  };
  return { request } as unknown as Transporter;
}

function encodeBody(data: unknown): string | undefined {
  if (data === undefined || typeof data === 'string') return data;
  return data instanceof URLSearchParams ? data.toString() : JSON.stringify(data);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
