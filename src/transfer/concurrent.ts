import { setMaxListeners } from 'node:events';
import type { Operation } from '../model/operation.ts';

/** How many pieces of work may run at once; asked again before each start, so it may change meanwhile. */
export interface Limit {
  readonly current: number;
  /** One piece of work is done. */
  finished(): void;
}

export function fixedLimit(current: number): Limit {
  return { current, finished: () => {} };
}

const windowMs = 200;

/**
 * Feels its way: starts at `start`, doubles while that raises the number of finished pieces a second by a tenth,
 * settles when it does not, halves when `throttled` says the service asked for less.
 *
 * @param throttled how often the service has asked for less so far
 */
export function adaptiveLimit(
  start: number,
  most: number,
  throttled: () => number,
  now: () => number = Date.now,
): Limit {
  let current = Math.min(start, most);
  let growing = true;
  let done = 0;
  let since = now();
  let bestRate = 0;
  let complaints = 0;
  return {
    get current(): number {
      return current;
    },
    finished(): void {
      done += 1;
      const elapsedMs = now() - since;
      if (elapsedMs < windowMs || done < current) return;
      const rate = done / elapsedMs;
      if (throttled() > complaints) {
        complaints = throttled();
        current = Math.max(1, Math.floor(current / 2));
        growing = false;
      } else if (growing && rate > bestRate * 1.1) current = Math.min(most, current * 2);
      else growing = false;
      bestRate = Math.max(bestRate, rate);
      done = 0;
      since = now();
    },
  };
}

/**
 * Runs `work` on every item, never more at once than `limit` allows, in the order given. Rejects with the first
 * error; the others are told to stop through their signal and waited for before it does, so none is left behind.
 */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  limit: Limit,
  work: (item: T, operation: Operation) => Promise<void>,
  operation: Operation,
): Promise<void> {
  operation.signal.throwIfAborted();
  const stop = new AbortController();
  // Every request listens to this one signal; Node would warn on stderr from the eleventh on.
  setMaxListeners(0, stop.signal);
  const forward = (): void => stop.abort(operation.signal.reason);
  operation.signal.addEventListener('abort', forward, { once: true });
  const inner: Operation = { signal: stop.signal };
  const iterator = items[Symbol.iterator]();
  let running = 0;
  let failed = false;
  try {
    await new Promise<void>((resolve, reject) => {
      let failure: unknown;
      const settle = (): void => {
        if (running > 0) return;
        if (failed) reject(failure);
        else resolve();
      };
      const fail = (error: unknown): void => {
        if (!failed) failure = error;
        failed = true;
        stop.abort(error);
      };
      const start = (): void => {
        while (!failed && !stop.signal.aborted && running < limit.current) {
          const next = iterator.next();
          if (next.done === true) break;
          running += 1;
          work(next.value, inner).then(
            () => {
              running -= 1;
              limit.finished();
              start();
            },
            (error: unknown) => {
              running -= 1;
              fail(error);
              settle();
            },
          );
        }
        if (stop.signal.aborted && !failed) fail(operation.signal.reason);
        settle();
      };
      start();
    });
  } finally {
    operation.signal.removeEventListener('abort', forward);
  }
}
