import { conceal } from '../../report/conceal.ts';
import { trace } from '../../report/trace.ts';
import { unlessAborted } from '../wire/unless-aborted.ts';
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

// Renewed this long before the end, so that no request is under way when it comes.
const marginMs = 5 * 60_000;

/** @param find the source of tokens, asked again only after it failed; not at all where the account needs none */
export function openKeychain({ identity }: Account, find: () => Promise<TokenSource>): Keychain {
  if (identity !== undefined) return { get: async () => identity, renew: async () => false };
  let source: TokenSource | undefined;
  let current: { readonly identity: Identity; readonly expiresMs: number } | undefined;
  let renewal: Promise<Identity> | undefined;

  const acquire = async (): Promise<Identity> => {
    source ??= await find();
    const { name, hints, fetch } = source;
    const { text, expiresMs } = await fetch();
    conceal(text);
    trace(() => `storage: an access token from ${name}`);
    const identity: Identity = { proof: { kind: 'token', token: text }, source: name, hints, from: 'ambient' };
    current = { identity, expiresMs };
    return current.identity;
  };
  /** One at a time, whoever asks. */
  const refresh = (signal: AbortSignal): Promise<Identity> => {
    renewal ??= acquire().finally(() => {
      renewal = undefined;
    });
    return unlessAborted(renewal, signal);
  };
  return {
    async get(signal) {
      if (current !== undefined && current.expiresMs - Date.now() > marginMs) return current.identity;
      const old = current;
      try {
        return await refresh(signal);
      } catch (error) {
        signal.throwIfAborted();
        if (old !== undefined && old.expiresMs > Date.now()) return old.identity;
        throw error;
      }
    },
    async renew(used, signal) {
      if (current?.identity === used) await refresh(signal);
      const { proof } = current?.identity ?? used;
      return proof.kind === 'token' && used.proof.kind === 'token' && proof.token !== used.proof.token;
    },
  };
}
