import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import type { ReadOperation } from '../remote.ts';
import type { Client } from './client.ts';
import type { Candidate } from './lookup.ts';

export interface Download {
  readonly client: Client;
  /** For messages. */
  readonly action: string;
  readonly key: string;
  readonly acknowledgeAbuse: boolean;
  /** Throws `missing` or `corrupt` when there is nothing to read. */
  readonly find: (operation: Operation) => Promise<Candidate>;
}

// A connection that breaks more often, or so often without a byte, is not worth another.
const mostBreaks = 100;
const mostEmpty = 3;

/**
 * The object's bytes in order. Where the connection broke, another takes it up. Before the first byte it throws, since
 * whoever asked can start again himself.
 */
export async function* downloadObject(
  download: Download,
  { signal, moved, start = 0 }: ReadOperation,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const file = await download.find({ signal });
  let at = start;
  for (let [breaks, empty] = [0, 0]; at < file.size; ) {
    const began = at;
    try {
      for await (const chunk of readFrom(download, file, at, signal)) {
        moved?.(chunk.length);
        at += chunk.length;
        yield chunk;
      }
    } catch (error) {
      breaks += 1;
      empty = at === began ? empty + 1 : 0;
      const passing = error instanceof HelperError && error.code === 'unavailable';
      if (signal.aborted || !passing || at === start || breaks > mostBreaks || empty > mostEmpty) throw error;
    }
  }
}

async function* readFrom(
  { client, action, key, acknowledgeAbuse }: Download,
  { id, size }: Candidate,
  at: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const abuse = acknowledgeAbuse ? '&acknowledgeAbuse=true' : '';
  const path = `/drive/v3/files/${encodeURIComponent(id)}?alt=media&supportsAllDrives=true${abuse}`;
  const headers = at === 0 ? [] : ['range', `bytes=${at}-`];
  const about = { action, key };
  const answer = await client.open({ ...about, method: 'GET', path, headers, expects: [404, 416] }, signal);
  const failure = (why: string): HelperError =>
    new HelperError('unavailable', `${action}: ${why} ('${printable(key)}')`);
  if (answer.status === 404 || answer.status === 416) {
    answer.discard();
    // It was there a moment ago: somebody removed it, or put something shorter in its place.
    throw failure('the object changed meanwhile');
  }
  const [, from = '0', total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers['content-range'] ?? '') ?? [];
  const length = answer.status === 206 ? total : answer.headers['content-length'];
  if (Number(from) !== (answer.status === 206 ? at : 0) || Number(length ?? size) !== size) {
    answer.discard();
    throw failure('the object changed meanwhile');
  }
  let left = answer.status === 206 ? 0 : at;
  let came = at;
  try {
    for await (const chunk of answer.body) {
      // A server that knows no ranges sends all of it again.
      const rest = chunk.subarray(left);
      left = Math.max(0, left - chunk.length);
      came += rest.length;
      if (came > size) throw failure('the object is longer than Google Drive says');
      if (rest.length > 0) yield rest;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw client.failures.broken(about, error);
  }
  if (came < size) throw failure('the object ends too early');
}
