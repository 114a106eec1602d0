// The authorization server over HTTP: consent page, token endpoint, revocation (RFC 6749; "OAuth 2.0 for Desktop Apps").
import { type Accounts, type OAuthClient, TokenError } from './accounts.ts';
import { type Exchange, send, sendJson, textOf } from './exchange.ts';

/** What the person in front of the consent page does. */
export interface Consent {
  /** `blocked`: Google shows "This app is blocked" and never comes back. */
  answer: 'allow' | 'deny' | 'blocked';
  /** E-mail address that they sign in with. */
  email: string;
}

const hosts: Readonly<Record<string, readonly string[]>> = {
  '/token': ['oauth2.googleapis.com'],
  '/revoke': ['oauth2.googleapis.com'],
  '/oauth2/v3/token': ['www.googleapis.com'],
  '/oauth2/v4/token': ['www.googleapis.com'],
  '/o/oauth2/token': ['accounts.google.com'],
  '/o/oauth2/auth': ['accounts.google.com'],
  '/o/oauth2/v2/auth': ['accounts.google.com'],
};

/** False when the request is not for the authorization server. */
export async function serveOAuth(
  { accounts, consent }: { readonly accounts: Accounts; readonly consent: Consent },
  exchange: Exchange,
): Promise<boolean> {
  const { url, method, host } = exchange;
  const own = hosts[url.pathname];
  if (own === undefined || (host !== undefined && !own.includes(host))) return false;
  try {
    if (url.pathname.endsWith('/auth')) {
      exchange.operation = 'oauth.auth';
      await authorize(accounts, consent, exchange);
    } else if (method !== 'POST') {
      throw new TokenError('invalid_request', 'Use POST.', 405);
    } else if (url.pathname === '/revoke') {
      exchange.operation = 'oauth.revoke';
      const form = new URLSearchParams((await textOf(exchange)) || url.search);
      if (!accounts.revoke(form.get('token') ?? '')) throw new TokenError('invalid_token', 'Token expired or revoked');
      await sendJson(exchange, 200, {});
    } else {
      exchange.operation = 'oauth.token';
      const form = new URLSearchParams(await textOf(exchange));
      await sendJson(exchange, 200, accounts.token(form, basicOf(exchange.request.headers.authorization)));
    }
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const { code, message, status } = error;
    await sendJson(exchange, status, { error: code, error_description: message });
  }
  return true;
}

function basicOf(header: string | undefined): OAuthClient | undefined {
  const text = /^Basic (\S+)$/i.exec(header ?? '')?.[1];
  if (text === undefined) return undefined;
  const [id = '', secret = ''] = Buffer.from(text, 'base64').toString().split(/:(.*)/s);
  return { id: decodeURIComponent(id), secret: decodeURIComponent(secret) };
}

/** The person answers at once, where a browser would show a page. */
async function authorize(accounts: Accounts, consent: Consent, exchange: Exchange): Promise<void> {
  const { params } = exchange;
  const given = (name: string): string => params.get(name) ?? '';
  const redirect = given('redirect_uri');
  const scopes = given('scope').split(' ').filter(Boolean);
  const refused =
    (given('client_id') !== accounts.client.id && 'Error 401: invalid_client. The OAuth client was not found.') ||
    (!isLoopback(redirect) && 'Error 400: redirect_uri_mismatch') ||
    (given('response_type') !== 'code' && 'Error 400: unsupported_response_type') ||
    (scopes.length === 0 && 'Error 400: invalid_request. Missing required parameter: scope') ||
    (consent.answer === 'blocked' && 'This app is blocked');
  if (refused) {
    const page = Buffer.from(`<!doctype html><title>Sign in</title><p>${refused}</p>`);
    await send(exchange, 400, { 'content-type': 'text/html; charset=utf-8', 'content-length': page.length }, [page]);
    return;
  }
  const back = new URL(redirect);
  if (params.has('state')) back.searchParams.set('state', given('state'));
  if (consent.answer === 'deny') {
    back.searchParams.set('error', 'access_denied');
  } else {
    const hasChallenge = params.has('code_challenge');
    const plain = (params.get('code_challenge_method') ?? 'plain') !== 'S256';
    if (hasChallenge && plain) throw new TokenError('invalid_request', 'The double takes S256 alone.');
    const code = accounts.code({
      caller: { email: consent.email, clientId: accounts.client.id, scopes },
      redirectUri: redirect,
      challenge: hasChallenge ? given('code_challenge') : undefined,
      offline: given('access_type') === 'offline',
    });
    back.searchParams.set('code', code);
    back.searchParams.set('scope', scopes.join(' '));
  }
  await send(exchange, 302, { location: back.href, 'content-length': 0 }, []);
}

/** The only redirects that desktop clients may use. */
function isLoopback(address: string): boolean {
  return /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:\/|$)/.test(address);
}
