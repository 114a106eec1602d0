import { unlessAborted } from './unless-aborted.ts';

/** Something that ends, an access token: one for all who ask, and another one in time. */
export interface Renewed<T> {
  /** Rejects with the reason of an abort; what was begun goes on for others. */
  get(signal: AbortSignal): Promise<T>;
  /** When `used` is still the one at hand, another one is fetched. Answers the one at hand. */
  replace(used: T, signal: AbortSignal): Promise<T>;
}

/** Milliseconds since 1970; infinite: it never ends. */
interface Ending<T> {
  readonly value: T;
  readonly expiresMs: number;
}

// Renewed this long before the end, so that no request is under way when it comes, or when most of its life is over.
const marginMs = 5 * 60_000;
const mostOfLife = 0.8;

/** @param fetch asked for one at a time, whoever wants it. Where it fails, one that has not ended is still given */
export function keepRenewed<T>(fetch: () => Promise<Ending<T>>): Renewed<T> {
  let current: (Ending<T> & { readonly renewMs: number }) | undefined;
  let renewal: Promise<T> | undefined;

  const acquire = async (): Promise<T> => {
    const { value, expiresMs } = await fetch();
    const nowMs = Date.now();
    current = { value, expiresMs, renewMs: Math.max(expiresMs - marginMs, nowMs + (expiresMs - nowMs) * mostOfLife) };
    return value;
  };
  const refresh = (signal: AbortSignal): Promise<T> => {
    renewal ??= acquire().finally(() => {
      renewal = undefined;
    });
    return unlessAborted(renewal, signal);
  };
  return {
    async get(signal) {
      const old = current;
      if (old !== undefined && Date.now() < old.renewMs) return old.value;
      try {
        return await refresh(signal);
      } catch (error) {
        signal.throwIfAborted();
        if (old !== undefined && old.expiresMs > Date.now()) return old.value;
        throw error;
      }
    },
    replace: async (used, signal) =>
      current?.value === used || current === undefined ? refresh(signal) : current.value,
  };
}
