import { HelperError } from '../../model/error.ts';
import { conceal } from '../../report/conceal.ts';
import { trace } from '../../report/trace.ts';
import { keepRenewed } from '../wire/renewal.ts';
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

/** @param find asked again only after it failed */
export function openKeychain(find: () => Promise<TokenSource>): Keychain {
  let source: TokenSource | undefined;
  const tokens = keepRenewed<Identity>(async () => {
    source ??= await find();
    const { name } = source;
    const token = await fetchToken(source);
    conceal(token?.text);
    if (token !== undefined) trace(() => `storage: an access token from ${name}`);
    return { value: { token, source }, expiresMs: token?.expiresMs ?? Number.POSITIVE_INFINITY };
  });
  return {
    get: tokens.get,
    async renew(used, signal) {
      if (used.token === undefined) return false;
      return (await tokens.replace(used, signal)).token?.text !== used.token.text;
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
