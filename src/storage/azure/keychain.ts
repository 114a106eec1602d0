import { conceal } from '../../report/conceal.ts';
import { trace } from '../../report/trace.ts';
import { keepRenewed } from '../wire/renewal.ts';
import type { Account, Identity } from './credentials.ts';

/** A way to access tokens. */
export interface TokenSource {
  /** In words for people. */
  readonly name: string;
  /** What to type when its tokens do not open the door. */
  readonly hints: readonly string[];
  /** A fresh one. */
  readonly fetch: () => Promise<AccessToken>;
}

export interface AccessToken {
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** One lookup for all requests of a storage remote, and a token renewed in time. */
export interface Keychain {
  /** Rejects with the reason of an abort; the lookup itself goes on for others. */
  get(signal: AbortSignal): Promise<Identity>;
  /** After the service refused `used`: true when there is another to try. */
  renew(used: Identity, signal: AbortSignal): Promise<boolean>;
}

/** @param find the source of tokens, asked again only after it failed; not at all where the account needs none */
export function openKeychain({ identity }: Account, find: () => Promise<TokenSource>): Keychain {
  if (identity !== undefined) return { get: async () => identity, renew: async () => false };
  let source: TokenSource | undefined;
  const tokens = keepRenewed<Identity>(async () => {
    source ??= await find();
    const { name, hints, fetch } = source;
    const { text, expiresMs } = await fetch();
    conceal(text);
    trace(() => `storage: an access token from ${name}`);
    return { value: { proof: { kind: 'token', token: text }, source: name, hints, from: 'ambient' }, expiresMs };
  });
  return {
    get: tokens.get,
    async renew(used, signal) {
      const { proof } = await tokens.replace(used, signal);
      return proof.kind === 'token' && used.proof.kind === 'token' && proof.token !== used.proof.token;
    },
  };
}
