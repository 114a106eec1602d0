// Clients, grants and tokens: what Google's authorization server remembers (RFC 6749, RFC 7523, RFC 7636).
import { createHash, createVerify, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Caller } from './store.ts';

/** The key file that the Google Cloud console gives out for a service account. */
export interface ServiceAccountKey {
  readonly type: 'service_account';
  readonly project_id: string;
  readonly private_key_id: string;
  readonly private_key: string;
  readonly client_email: string;
  readonly client_id: string;
  readonly auth_uri: string;
  readonly token_uri: string;
}

export interface OAuthClient {
  readonly id: string;
  readonly secret: string;
}

/** What the user once agreed to. */
interface Grant {
  readonly caller: Caller;
  readonly refreshToken: string | undefined;
}

interface Code {
  readonly grant: Grant;
  readonly redirectUri: string;
  readonly challenge: string | undefined;
}

export interface Accounts {
  readonly client: OAuthClient;
  readonly serviceAccount: ServiceAccountKey;
  /** The service account may act for people of its domain (`sub`). */
  delegation: boolean;
  /** Seconds that new access tokens are good for. */
  tokenLifetime: number;
  /** The caller behind a bearer token; undefined when it is unknown or has expired. */
  callerOf(token: string): Caller | undefined;
  /** Makes every access token invalid; refresh tokens stay good. */
  expireTokens(): void;
  /** The answer of the token endpoint, with a fresh access token. */
  issue(caller: Caller, more?: object): TokenAnswer;
  /** A refresh token of this person, as if they had signed in. */
  grant(caller: Caller): string;
  /** Takes back a refresh token, or an access token; false when there is none. */
  revoke(token: string): boolean;
  code(code: Omit<Code, 'grant'> & { readonly caller: Caller; readonly offline: boolean }): string;
  /** Answers the token endpoint. Throws TokenError. */
  token(form: URLSearchParams, basic: OAuthClient | undefined): object;
}

/** RFC 6749, section 5.1. */
interface TokenAnswer {
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in: number;
  readonly token_type: 'Bearer';
  readonly scope: string;
}

/** RFC 6749, section 5.2. */
export class TokenError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(code: string, description: string, status = 400) {
    super(description);
    this.code = code;
    this.status = status;
  }
}

export const tokenUri = 'https://oauth2.googleapis.com/token';

/** Each of these names the token endpoint, and may stand as the audience of an assertion. */
const audiences = [
  tokenUri,
  'https://accounts.google.com/o/oauth2/token',
  'https://www.googleapis.com/oauth2/v3/token',
  'https://www.googleapis.com/oauth2/v4/token',
];

/** @param ownTokenUri the token endpoint without the proxy */
export function openAccounts(ownTokenUri: string): Accounts {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const client = { id: '123-lab.apps.googleusercontent.com', secret: 'GOCSPX-not-a-secret' };
  const tokens = new Map<string, { caller: Caller; expires: number }>();
  const grants = new Map<string, Grant>();
  const codes = new Map<string, Code>();
  const random = (prefix: string): string => prefix + randomBytes(32).toString('base64url');
  const serviceAccount: ServiceAccountKey = {
    type: 'service_account',
    project_id: 'lab',
    private_key_id: randomBytes(20).toString('hex'),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: 'robot@lab.iam.gserviceaccount.com',
    client_id: '104000000000000000001',
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: tokenUri,
  };

  function issue(caller: Caller, more: object = {}): TokenAnswer {
    const access = random('ya29.');
    tokens.set(access, { caller, expires: Date.now() + accounts.tokenLifetime * 1000 });
    const scope = caller.scopes.join(' ');
    return { access_token: access, expires_in: accounts.tokenLifetime, token_type: 'Bearer', scope, ...more };
  }

  function checkClient(id: string | null, secret: string | null): void {
    if (id !== client.id) throw new TokenError('invalid_client', 'The OAuth client was not found.', 401);
    if (secret !== client.secret) throw new TokenError('invalid_client', 'Unauthorized', 401);
  }

  function asserted(assertion: string): Caller {
    const [head = '', payload = '', signature = ''] = assertion.split('.');
    const claims = json(payload);
    if (json(head).alg !== 'RS256' || claims.iss !== serviceAccount.client_email)
      throw new TokenError('invalid_grant', 'Invalid grant: account not found');
    const verify = createVerify('RSA-SHA256').update(`${head}.${payload}`);
    if (!verify.verify(publicKey, Buffer.from(signature, 'base64url')))
      throw new TokenError('invalid_grant', 'Invalid JWT Signature.');
    if (![...audiences, ownTokenUri].includes(String(claims.aud)))
      throw new TokenError('invalid_grant', 'Invalid JWT: Failed audience check');
    const now = Date.now() / 1000;
    const [issued, expires] = [Number(claims.iat), Number(claims.exp)];
    // Some minutes of difference between clocks are let pass, as the service does.
    if (!(issued < now + 300 && expires > now - 300 && expires > issued && expires <= issued + 3600)) {
      const text = 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.';
      throw new TokenError('invalid_grant', `${text} Check your iat and exp values in the JWT claim.`);
    }
    const scopes = String(claims.scope ?? '').split(' ');
    if (scopes[0] === '') throw new TokenError('invalid_scope', 'Empty or missing scope not allowed.');
    if (claims.sub !== undefined && claims.sub !== claims.iss && !accounts.delegation) {
      const text = 'Client is unauthorized to retrieve access tokens using this method, or client not authorized';
      throw new TokenError('unauthorized_client', `${text} for any of the scopes requested.`, 401);
    }
    return { email: String(claims.sub ?? claims.iss), clientId: serviceAccount.client_id, scopes };
  }

  function exchanged(form: URLSearchParams): object {
    const name = form.get('code') ?? '';
    const code = codes.get(name);
    codes.delete(name);
    if (code === undefined) throw new TokenError('invalid_grant', 'Malformed auth code.');
    if (form.get('redirect_uri') !== code.redirectUri) throw new TokenError('redirect_uri_mismatch', 'Bad Request');
    const verifier = form.get('code_verifier');
    if (code.challenge !== undefined) {
      if (verifier === null) throw new TokenError('invalid_grant', 'Missing code verifier.');
      if (createHash('sha256').update(verifier).digest('base64url') !== code.challenge)
        throw new TokenError('invalid_grant', 'Invalid code verifier.');
    }
    const { caller, refreshToken } = code.grant;
    return issue(caller, refreshToken === undefined ? {} : { refresh_token: refreshToken });
  }

  const accounts: Accounts = {
    client,
    serviceAccount,
    delegation: false,
    tokenLifetime: 3599,
    callerOf(token) {
      const found = tokens.get(token);
      return found !== undefined && found.expires > Date.now() ? found.caller : undefined;
    },
    issue,
    expireTokens: () => tokens.clear(),
    grant(caller) {
      const refreshToken = random('1//0');
      grants.set(refreshToken, { caller, refreshToken });
      return refreshToken;
    },
    revoke(token) {
      const caller = grants.get(token)?.caller ?? tokens.get(token)?.caller;
      if (caller === undefined) return false;
      for (const [name, each] of tokens) if (each.caller.email === caller.email) tokens.delete(name);
      for (const [name, each] of grants) if (each.caller.email === caller.email) grants.delete(name);
      return true;
    },
    code({ caller, offline, ...rest }) {
      const refreshToken = offline ? accounts.grant(caller) : undefined;
      const name = random('4/0');
      codes.set(name, { ...rest, grant: { caller, refreshToken } });
      return name;
    },
    token(form, basic) {
      const type = form.get('grant_type');
      if (type === 'urn:ietf:params:oauth:grant-type:jwt-bearer') return issue(asserted(form.get('assertion') ?? ''));
      checkClient(basic?.id ?? form.get('client_id'), basic?.secret ?? form.get('client_secret'));
      if (type === 'authorization_code') return exchanged(form);
      if (type !== 'refresh_token') throw new TokenError('unsupported_grant_type', `Invalid grant_type: ${type}`);
      const grant = grants.get(form.get('refresh_token') ?? '');
      if (grant === undefined) throw new TokenError('invalid_grant', 'Token has been expired or revoked.');
      return issue(grant.caller);
    },
  };
  return accounts;
}

function json(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    throw new TokenError('invalid_grant', 'Invalid JWT: not a JWT.');
  }
}
