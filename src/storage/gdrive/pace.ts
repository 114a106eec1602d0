import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Starts of requests, spread over time as much as the service asks for: not at all until it complains, then twice as
 * far apart with every complaint, and closer again as requests succeed.
 */
export interface Pace {
  /** Resolves when it is this request's turn. Rejects with the reason of an abort. */
  turn(signal: AbortSignal): Promise<void>;
  /** The service asked for less. */
  complained(): void;
  succeeded(): void;
}

// Ten a second is what Drive bears of one account for long; what is in flight together complains together.
const firstMs = 100;
const longestMs = 3000;
const deafMs = 1000;

export function openPace(now: () => number = Date.now): Pace {
  let intervalMs = 0;
  let nextMs = 0;
  let deafUntilMs = 0;
  return {
    async turn(signal) {
      signal.throwIfAborted();
      if (intervalMs === 0) return;
      const waitMs = nextMs - now();
      nextMs = Math.max(nextMs, now()) + intervalMs;
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    },
    complained() {
      if (now() < deafUntilMs) return;
      deafUntilMs = now() + deafMs;
      intervalMs = Math.min(longestMs, Math.max(firstMs, intervalMs * 2));
    },
    succeeded() {
      intervalMs = intervalMs < 10 ? 0 : intervalMs * 0.95;
    },
  };
}
