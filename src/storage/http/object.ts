import { HelperError } from '../../model/error.ts';
import type { Content, Operation, TransferOperation } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import { measure, readWhole } from '../content.ts';
import type { Call } from './call.ts';
import type { Client } from './client.ts';

/** Content up to this size is read before the first byte is sent: what is wrong with it then never reaches the server. */
const smallBytes = 1024 * 1024;
/** How long a failed write may take to remove what it left. */
const patienceMs = 10_000;

/**
 * Bytes of an object, by HEAD. undefined: there is none. `unknown`: the server does not answer HEAD, or not with a length
 * (then something that is no object may be there as well).
 */
export async function headObject(
  client: Client,
  action: string,
  key: string,
  { signal }: Operation,
): Promise<number | 'unknown' | undefined> {
  const head = await client.ask({ action, method: 'HEAD', key, expects: [400, 403, 404, 405, 410, 501] }, signal);
  if (head.status === 404 || head.status === 410) return undefined;
  const length = head.headers['content-length'];
  return head.status === 200 && length !== undefined && /^\d+$/.test(length) ? Number(length) : 'unknown';
}

export type Send = (
  client: Client,
  call: Omit<Call, 'body' | 'moved'>,
  content: Content,
  operation: TransferOperation,
) => Promise<number>;

/**
 * Sends content in one request and answers its status. What content throws comes through unchanged; its last chunk goes
 * only once it has ended well.
 */
export const sendObject: Send = async (client, call, content, { signal, moved }) => {
  const about = { ...call, content, signal };
  const { size } = content;
  const whole = size <= smallBytes ? await readWhole(about) : undefined;
  const body = { size, open: () => whole ?? measure(about) };
  return (await client.ask({ ...call, body, moved }, signal)).status;
};

/**
 * As `sendObject`, straight to the name that readers look for. What a request that broke has left there is removed:
 * something shorter than what was sent.
 */
export const sendInPlace: Send = async (client, call, content, operation) => {
  let sent = 0;
  const moved = (bytes: number): void => {
    sent += bytes;
    operation.moved?.(bytes);
  };
  try {
    return await sendObject(client, call, content, { ...operation, moved });
  } catch (error) {
    // A server that refuses has kept nothing.
    const refused = error instanceof HelperError && ['auth', 'config'].includes(error.code);
    if (sent > 0 && !refused) await takeBack(client, call, content.size);
    throw error;
  }
};

async function takeBack(client: Client, { action, key }: Pick<Call, 'action' | 'key'>, size: number): Promise<void> {
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const head = await client.askOnce({ action, method: 'HEAD', key, expects: [404] }, signal);
    const length = Number(head.headers['content-length'] ?? size);
    if (head.status !== 404 && length < size) await client.askOnce({ action, method: 'DELETE', key }, signal);
  } catch (error) {
    trace(() => `storage: what a broken write left of ${key} could not be removed: ${String(error)}`);
  }
}
