import type { AuthClient } from 'google-auth-library';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { textOf } from '../wire/request.ts';
import { type Credential, googleTokenUrl } from './credential.ts';
import type { ClientOptions } from './direct-client.ts';
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
  const transporter = openTransporter(credential, transport);
  const options: ClientOptions = { transporter, useAuthRequestParameters: false };
  if (credential.kind !== 'derived') {
    const { openDirectClient } = await import('./direct-client.ts');
    return openDirectClient(credential, scopes, options);
  }
  const { openDerivedClient } = await import('./derived-client.ts');
  return openDerivedClient(credential.json, scopes, options, (source, sourceScopes) =>
    openAuthClient(source, sourceScopes, transport),
  );
}

/** The library's client for HTTP, of which it calls one method only. */
type Transporter = ClientOptions['transporter'];
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
