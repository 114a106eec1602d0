import { setTimeout as sleep } from 'node:timers/promises';
import { errorKinds, HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { trace } from '../report/trace.ts';
import type { Entry, ReadOperation, RetryPolicy, Storage } from './remote.ts';

const defaults: RetryPolicy = {
  tries: 5,
  shortestMs: 200,
  firstMs: 1000,
  longestMs: 20_000,
  longestWishMs: 60_000,
};

/** Of one read, after which those that brought something count like those that brought nothing. */
const mostBreaks = 100;

/** The service is there and asks for patience. */
export class BusyError extends HelperError {
  /** Its own wish, when it told one. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { retryAfterMs?: number | undefined; hints?: readonly string[]; cause?: unknown } = {},
  ) {
    super('unavailable', message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Tried as often as is sensible; whoever meets this must not try again on top of it. */
export class ExhaustedError extends HelperError {}

export type Repeat = <T>(what: string, signal: AbortSignal, attempt: () => Promise<T>) => Promise<T>;

/** Runs `attempt` until it succeeds, fails for good, or `policy` says it is enough. */
export function retrying(policy: Partial<RetryPolicy> = {}): Repeat {
  return async (what, signal, attempt) => {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt();
      } catch (error) {
        await pause({ ...defaults, ...policy }, what, tried, error, signal);
      }
    }
  };
}

/**
 * The same storage, with failures that may pass tried again. `write` rewinds its content. A `list` that breaks off
 * starts again. A `read` goes on behind what has been handed out: whoever reads checks the whole.
 */
export function withRetries(storage: Storage, options: Partial<RetryPolicy> = {}): Storage {
  const policy: RetryPolicy = { ...defaults, ...options };
  const repeat = retrying(policy);

  async function* list(prefix: string, operation: Operation): AsyncGenerator<Entry> {
    for (let tried = 1; ; tried++) {
      try {
        yield* storage.list(prefix, operation);
        return;
      } catch (error) {
        await pause(policy, `list ${prefix}`, tried, error, operation.signal);
      }
    }
  }

  async function* read(key: string, operation: ReadOperation): AsyncGenerator<Uint8Array> {
    let start = operation.start ?? 0;
    for (let [tried, breaks] = [1, 1]; ; tried++, breaks++) {
      const began = start;
      try {
        for await (const chunk of storage.read(key, { ...operation, start })) {
          start += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        // A connection that brings something before it breaks is worth more patience.
        if (start > began && breaks <= mostBreaks) tried = 1;
        await pause(policy, `read ${key} from ${start}`, tried, error, operation.signal);
      }
    }
  }

  return {
    displayUrl: storage.displayUrl,
    concurrency: storage.concurrency,
    canList: storage.canList,
    vouches: storage.vouches === true,
    stat: (key, operation) => repeat(`stat ${key}`, operation.signal, () => storage.stat(key, operation)),
    list,
    read,
    write: (key, content, operation) =>
      repeat(`write ${key}`, operation.signal, () => storage.write(key, content, operation)),
    close: () => storage.close(),
  };
}

/** Waits before the next try, or throws `error` when there is to be none. */
async function pause(
  policy: RetryPolicy,
  what: string,
  tried: number,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || !(error instanceof HelperError) || !errorKinds[error.code].retried) throw error;
  if (error instanceof ExhaustedError) throw error;
  const most = error instanceof BusyError ? (policy.busyTries ?? policy.tries) : policy.tries;
  if (tried >= most) {
    const times = tried > 1 ? ` (tried ${tried} times)` : '';
    throw new ExhaustedError(error.code, `${error.message}${times}`, {
      hints: error.hints,
      cause: error,
    });
  }
  const wish = error instanceof BusyError ? (error.retryAfterMs ?? 0) : 0;
  const bound = Math.min(policy.longestMs, policy.firstMs * 2 ** (tried - 1));
  // Full jitter: many clients that met the same failure must not come back at the same moment.
  const delayMs = Math.max(Math.random() * bound, policy.shortestMs, Math.min(wish, policy.longestWishMs));
  trace(() => `storage: ${what}: ${error.message}; try ${tried + 1} in ${Math.round(delayMs)} ms`);
  policy.onRetry?.({ error, tried, throttled: error instanceof BusyError, delayMs });
  await sleep(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
}
