import { JWT } from 'google-auth-library/build/src/auth/jwtclient.js';
import { UserRefreshClient } from 'google-auth-library/build/src/auth/refreshclient.js';
import { HelperError } from '../../model/error.ts';
import { trace } from '../../report/trace.ts';
import type { AccessToken, DriveCredentials } from './credentials.ts';

/** Access tokens for one storage remote, renewed in time. */
export interface Tokens {
  /** Throws `auth` when Google gives none, `unavailable` when its token server cannot be reached. */
  get(signal: AbortSignal): Promise<string>;
  /** After Google refused `used`: true when there is another to try. */
  renew(used: string, signal: AbortSignal): Promise<boolean>;
  /** Stops what is under way. */
  close(): void;
}

/** Asks Google's token server. Answers what it answers, throws HelperError for a refusal. */
export type AskTokenServer = (form: URLSearchParams, signal: AbortSignal) => Promise<unknown>;

// Renewed this long before the end, so that no request is under way when it comes.
const marginMs = 5 * 60_000;

export function openTokens(credentials: DriveCredentials, scopes: readonly string[], ask: AskTokenServer): Tokens {
  const stop = new AbortController();
  let current = credentials.kind === 'user' ? credentials.accessToken : undefined;
  let renewal: Promise<AccessToken> | undefined;
  const fetchToken = async (): Promise<AccessToken> => {
    const { access_token: token, expiry_date: expiresMs } = await issue(credentials, scopes, (form) =>
      ask(form, stop.signal),
    );
    if (typeof token !== 'string' || token === '' || !/^[\x21-\x7e]+$/.test(token)) {
      throw new HelperError('unavailable', "Google's token server answers without a token");
    }
    trace(() => `storage: access token by ${credentials.source}`);
    return { token, expiresMs: expiresMs ?? Date.now() + 2 * marginMs };
  };
  /** One at a time, for everybody; nobody's abort stops it for the others. */
  const fresh = async (signal: AbortSignal): Promise<AccessToken> => {
    renewal ??= fetchToken().finally(() => {
      renewal = undefined;
    });
    current = await unlessAborted(renewal, signal);
    return current;
  };
  const renewable = credentials.kind === 'service-account' || credentials.refreshToken !== undefined;
  return {
    async get(signal) {
      const known = current;
      if (known !== undefined && (known.expiresMs - Date.now() > marginMs || !renewable)) return known.token;
      try {
        return (await fresh(signal)).token;
      } catch (error) {
        signal.throwIfAborted();
        if (known !== undefined && known.expiresMs > Date.now()) return known.token;
        throw error;
      }
    },
    async renew(used, signal) {
      if (current !== undefined && current.token !== used) return true;
      return renewable && (await fresh(signal)).token !== used;
    },
    close: () => stop.abort(),
  };
}

/** Google's library makes the request and signs it; it travels with our own connections. */
async function issue(
  credentials: DriveCredentials,
  scopes: readonly string[],
  ask: (form: URLSearchParams) => Promise<unknown>,
): Promise<{ access_token?: string | null; expiry_date?: number | null }> {
  const options = libraryOptions(ask);
  if (credentials.kind === 'service-account') {
    const { email, key, subject } = credentials;
    const delegated = subject === undefined ? {} : { subject };
    return new JWT({ ...options, ...delegated, email, key, scopes: [...scopes] }).authorize();
  }
  const { clientId, clientSecret, refreshToken = '' } = credentials;
  const client = new UserRefreshClient({ ...options, clientId, clientSecret, refreshToken });
  return (await client.refreshAccessToken()).credentials;
}

/** For the clients of Google's library: what they send goes through `ask` and nowhere else. */
export function libraryOptions(ask: (form: URLSearchParams) => Promise<unknown>): {
  readonly transporter: JWT['transporter'];
  readonly useAuthRequestParameters: false;
} {
  const request = async ({ data }: { data: URLSearchParams }): Promise<{ data: unknown }> => ({
    data: await ask(data),
  });
  // The one method that they call; without parameters of their own they do not look for another.
  return { transporter: { request } as unknown as JWT['transporter'], useAuthRequestParameters: false };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
