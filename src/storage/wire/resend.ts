import { setTimeout as sleep } from 'node:timers/promises';
import { isStale } from './failure.ts';

/**
 * Sends; at once again, at most `times`, where a connection kept from an earlier request turned out to be of no use.
 * Every other error comes through, and the reason of an abort before any.
 */
export async function resend<Answer>(send: () => Promise<Answer>, times: number, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted();
  for (let turn = 1; ; turn++) {
    try {
      return await send();
    } catch (error) {
      signal.throwIfAborted();
      if (!isStale(error) || turn > times) throw error;
      await sleep(1, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
