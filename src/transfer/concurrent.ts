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
  // A signal of its own for each piece: adding a listener to a signal takes longer the more it has, and hundreds of
  // requests would all listen to one.
  const running = new Set<AbortController>();
  const iterator = items[Symbol.iterator]();
  let stopped: { readonly reason: unknown } | undefined;
  const stop = (reason: unknown): void => {
    stopped ??= { reason };
    for (const controller of running) controller.abort(reason);
  };
  const forward = (): void => stop(operation.signal.reason);
  operation.signal.addEventListener('abort', forward, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        if (running.size > 0) return;
        if (stopped === undefined) resolve();
        else reject(stopped.reason);
      };
      const start = (): void => {
        while (stopped === undefined && running.size < limit.current) {
          const next = iterator.next();
          if (next.done === true) break;
          const controller = new AbortController();
          // The parts of a big object listen to it together; Node would warn on stderr from the eleventh on.
          setMaxListeners(0, controller.signal);
          running.add(controller);
          work(next.value, { signal: controller.signal }).then(
            () => {
              running.delete(controller);
              limit.finished();
              start();
            },
            (error: unknown) => {
              running.delete(controller);
              stop(error);
              settle();
            },
          );
        }
        settle();
      };
      start();
    });
  } finally {
    operation.signal.removeEventListener('abort', forward);
  }
}
