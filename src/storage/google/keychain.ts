import { HelperError } from '../../model/error.ts';
import { conceal } from '../../report/conceal.ts';
import { trace } from '../../report/trace.ts';
import { unlessAborted } from '../wire/unless-aborted.ts';
import type { AccessToken } from './exchange.ts';

/** Where access tokens come from, once it is known. */
export interface TokenSource {
  /** In words for people: `the service account x@y (credentialpath)`. */
  readonly name: string;
  /** What to type when its tokens do not open the door. */
  readonly hints: readonly string[];
  /** The project that pays and whose quota counts, where that is not the bucket's own. */
  readonly quotaProject?: string | undefined;
  /** Why there is no token although there might be one: it may not be shown here. */
  readonly refusal?: HelperError;
  /** A fresh token; undefined: anonymous, requests go without one. */
  readonly fetch: (() => Promise<AccessToken>) | undefined;
}

/** A token to show, and what to tell when it does not open the door. */
export interface Identity {
  readonly token: AccessToken | undefined;
  readonly source: TokenSource;
}

/** One lookup for all requests of a storage remote, and a token renewed in time. */
export interface Keychain {
  /** Rejects with the reason of an abort; the lookup itself goes on for others. */
  get(signal: AbortSignal): Promise<Identity>;
  /** After the service refused the token of `used`: true when there is another to try. */
  renew(used: Identity, signal: AbortSignal): Promise<boolean>;
}

// Renewed this long before the end, so that no request is under way when it comes, or when most of its life is over.
const marginMs = 5 * 60_000;
const mostOfLife = 0.8;

/** @param find asked again only after it failed */
export function openKeychain(find: () => Promise<TokenSource>): Keychain {
  let source: Promise<TokenSource> | undefined;
  let current: Identity | undefined;
  let renewMs = Number.POSITIVE_INFINITY;
  let renewal: Promise<Identity> | undefined;

  const acquire = async (): Promise<Identity> => {
    source ??= find();
    const found = await source.catch((error: unknown) => {
      source = undefined;
      throw error;
    });
    const token = await fetchToken(found);
    conceal(token?.text);
    if (token !== undefined) trace(() => `storage: an access token from ${found.name}`);
    const [nowMs, endMs] = [Date.now(), token?.expiresMs ?? Number.POSITIVE_INFINITY];
    renewMs = Math.max(endMs - marginMs, nowMs + (endMs - nowMs) * mostOfLife);
    current = { token, source: found };
    return current;
  };
  /** One at a time, whoever asks. */
  const refresh = (): Promise<Identity> => {
    renewal ??= acquire().finally(() => {
      renewal = undefined;
    });
    return renewal;
  };
  return {
    async get(signal) {
      const now = current;
      if (now === undefined) return unlessAborted(refresh(), signal);
      if (Date.now() < renewMs) return now;
      try {
        return await unlessAborted(refresh(), signal);
      } catch (error) {
        signal.throwIfAborted();
        if ((now.token?.expiresMs ?? 0) > Date.now()) return now;
        throw error;
      }
    },
    async renew(used, signal) {
      if (used.token === undefined) return false;
      if (current === used) await unlessAborted(refresh(), signal);
      return current?.token?.text !== used.token.text;
    },
  };
}

async function fetchToken({ fetch, name, hints }: TokenSource): Promise<AccessToken | undefined> {
  try {
    return await fetch?.();
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'auth') throw error;
    const from = `the credentials are ${name}`;
    throw new HelperError('auth', error.message, { hints: [from, ...error.hints, ...hints], cause: error });
  }
}
