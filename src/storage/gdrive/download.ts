import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import type { ReadOperation } from '../remote.ts';
import type { WireStream } from '../wire/request.ts';
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

/** The object's bytes in order, over one connection: where it breaks, whoever asked goes on behind what he has. */
export async function* downloadObject(
  { client, action, key, acknowledgeAbuse, find }: Download,
  { signal, moved, start = 0 }: ReadOperation,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const { id, size } = await find({ signal });
  if (start >= size) return;
  const path = `/drive/v3/files/${encodeURIComponent(id)}?alt=media&supportsAllDrives=true`;
  const headers = start === 0 ? [] : ['range', `bytes=${start}-`];
  const about = { action, key };
  const open = (query: string): Promise<WireStream> =>
    client.open({ ...about, method: 'GET', path: path + query, headers, expects: [404, 416] }, signal);
  const answer = await open('').catch((error: unknown) => {
    // Only for what is flagged: Google refuses it to others than the owner, whatever the file.
    if (acknowledgeAbuse && error instanceof HelperError && error.code === 'corrupt') {
      return open('&acknowledgeAbuse=true');
    }
    throw error;
  });
  const failure = (why: string): HelperError =>
    new HelperError('unavailable', `${action}: ${why} ('${printable(key)}')`);
  if (answer.status === 404 || answer.status === 416) {
    answer.discard();
    // It was there a moment ago: somebody removed it, or put something shorter in its place.
    throw failure('the object changed meanwhile');
  }
  const [, from = '0', total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers['content-range'] ?? '') ?? [];
  const length = answer.status === 206 ? total : answer.headers['content-length'];
  if (Number(from) !== (answer.status === 206 ? start : 0) || Number(length ?? size) !== size) {
    answer.discard();
    throw failure('the object changed meanwhile');
  }
  let left = answer.status === 206 ? 0 : start;
  let came = start;
  try {
    for await (const chunk of answer.body) {
      // A server that knows no ranges sends all of it again.
      const rest = chunk.subarray(left);
      left = Math.max(0, left - chunk.length);
      came += rest.length;
      if (came > size) throw failure('the object is longer than Google Drive says');
      if (rest.length === 0) continue;
      moved?.(rest.length);
      yield rest;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw client.failures.broken(about, error);
  }
  if (came < size) throw failure('the object ends too early');
}
