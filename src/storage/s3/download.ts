import { HelperError } from '../../model/error.ts';
import type { Budget } from './budget.ts';
import type { Client } from './client.ts';
import type { Headers } from './settings.ts';
import type { WireResponse } from './wire.ts';

const mib = 1024 * 1024;
/** Objects are asked for in ranges of this size; most come whole with the first. */
const rangeBytes: number = 8 * mib;
const rangesAtOnce = 5;
// A service that knows no ranges must not fill the memory.
const mostUnranged: number = 64 * mib;

export interface Download {
  readonly client: Client;
  readonly budget: Budget;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  /** What to throw when the service says there is no such object. */
  readonly absent: () => HelperError;
  readonly objectHeaders: Headers;
  readonly signal: AbortSignal;
}

interface Piece {
  readonly response: WireResponse;
  /** Gives the memory back. */
  readonly release: () => void;
}

/** The object's bytes in order; ranges are fetched ahead of the reader. */
export async function* downloadObject(download: Download): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const signal = AbortSignal.any([download.signal, stop.signal]);
  const ahead: Promise<Piece>[] = [];
  try {
    const first = await fetchRange(download, 0, undefined, signal);
    const total = totalOf(first.response, download);
    const match = first.response.headers.etag;
    let next = first.response.length;
    const fill = (): void => {
      for (; next < total && ahead.length < rangesAtOnce; next += rangeBytes) {
        const piece = fetchRange(download, next, { total, match }, signal);
        // Met when its turn comes; a reader who left does not want to know.
        piece.catch(() => {});
        ahead.push(piece);
      }
    };
    fill();
    for (let piece: Piece | undefined = first; piece !== undefined; piece = await ahead.shift()) {
      yield* piece.response.chunks;
      piece.release();
      fill();
    }
  } finally {
    stop.abort();
    for (const piece of await Promise.allSettled(ahead)) if (piece.status === 'fulfilled') piece.value.release();
  }
}

/** One range, whole. The first (`known` undefined) finds out how big the object is. */
async function fetchRange(
  download: Download,
  start: number,
  known: { readonly total: number; readonly match: string | undefined } | undefined,
  signal: AbortSignal,
): Promise<Piece> {
  const { client, key, action, objectHeaders, budget } = download;
  const end = Math.min(known?.total ?? Number.POSITIVE_INFINITY, start + rangeBytes) - 1;
  let release = (): void => {};
  const hold = async (bytes: number): Promise<void> => {
    release();
    if (bytes > mostUnranged) throw new HelperError('unsupported', `${action}: the service ignores byte ranges`);
    release = await budget.take(bytes, signal);
  };
  try {
    if (known !== undefined) await hold(end + 1 - start);
    const extra = ['range', `bytes=${start}-${end}`];
    if (known?.match !== undefined) extra.push('if-match', known.match);
    const admit = known === undefined ? hold : undefined;
    const expects = [404, 412, 416];
    const response = await client.request({ action, method: 'GET', key, headers: objectHeaders, extra, expects, admit }, signal);
    check(response, download, start, known === undefined ? undefined : end + 1 - start);
    return { response, release };
  } catch (error) {
    release();
    throw error;
  }
}
