import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '../../report/trace.ts';
import type { Client } from '../http/client.ts';

/** The status of what somebody else is at (RFC 4918, 11.3). */
const locked = 423;
/** How long the removal of what was left may take. */
const patienceMs = 10_000;

/** Best effort: what is left lies under a name that nobody reads. */
export async function removeTemporary(client: Client, key: string): Promise<void> {
  const call = { action: 'cannot tidy up', method: 'DELETE', key, expects: [404, 409, locked] };
  const signal = AbortSignal.timeout(patienceMs);
  try {
    // A server that has not met the end of a broken PUT yet holds on to its file (rclone).
    for (let waitMs = 50; (await client.askOnce(call, signal)).status === locked; waitMs *= 2) {
      await sleep(waitMs, undefined, { signal });
    }
  } catch (error) {
    trace(() => `storage: ${key} could not be removed: ${String(error)}`);
  }
}
