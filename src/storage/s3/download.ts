import { HelperError } from '../../model/error.ts';
import type { WireResponse } from '../wire/request.ts';
import type { Budget } from './budget.ts';
import type { Client } from './client.ts';
import type { Headers } from './settings.ts';

const mib = 1024 * 1024;
/** Objects are asked for in ranges of this size; most come whole with the first. */
export const rangeBytes: number = 16 * mib;
/** With the one that the reader has, so that one object leaves memory for others. */
const rangesAtOnce = 3;
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
  /** The first byte wanted, 0 unless told. */
  readonly start?: number | undefined;
  readonly signal: AbortSignal;
  readonly moved?: ((bytes: number) => void) | undefined;
}

interface Piece {
  readonly response: WireResponse;
  /** Gives the memory back. */
  readonly release: () => void;
}

/** The object's bytes in order; ranges are fetched ahead of the reader. */
export async function* downloadObject(download: Download): AsyncGenerator<Uint8Array> {
  const { start = 0 } = download;
  const first = await fetchRange(download, start);
  const total = totalOf(first.response);
  const known = { total, match: first.response.headers.etag };
  // Under way while the reader is busy with the first.
  const isPart = first.response.status === 206 && start + rangeBytes < total;
  const rest = isPart ? fetchRest(download, known, start + rangeBytes) : undefined;
  try {
    try {
      yield* wanted(first.response, start);
    } finally {
      first.release();
    }
    if (rest !== undefined) yield* rest.read();
  } finally {
    await rest?.stop();
  }
}

/** A service that knows no ranges sends all of the object; a 416 has nothing of it. */
function wanted({ status, chunks }: WireResponse, start: number): readonly Uint8Array[] {
  if (status === 416) return [];
  return status === 200 && start > 0 ? [Buffer.concat(chunks).subarray(start)] : chunks;
}

interface Rest {
  /** May be called once. */
  read(): AsyncIterable<Uint8Array>;
  /** Gives all memory back, whatever has been read. */
  stop(): Promise<void>;
}

function fetchRest(download: Download, known: Known, from: number): Rest {
  const ending = new AbortController();
  const inner = { ...download, signal: AbortSignal.any([download.signal, ending.signal]) };
  const ahead: Promise<Piece>[] = [];
  const spare: Buffer[] = [];
  let next = from;
  const fill = (): void => {
    for (; next < known.total && ahead.length + 1 < rangesAtOnce; next += rangeBytes) {
      const length = Math.min(rangeBytes, known.total - next);
      const into = (length === rangeBytes ? spare.pop() : undefined) ?? Buffer.from(new SharedArrayBuffer(length));
      const piece = fetchRange(inner, next, { ...known, into });
      // Met when its turn comes; a reader who left does not want to know.
      piece.catch(() => {});
      ahead.push(piece);
    }
  };
  fill();
  return {
    async *read() {
      for (; ahead.length > 0; fill()) {
        const piece = await ahead.shift();
        if (piece === undefined) return;
        try {
          yield* piece.response.chunks;
        } finally {
          piece.release();
        }
        spare.push(...piece.response.chunks.filter(({ length }) => length === rangeBytes));
      }
    },
    async stop() {
      ending.abort();
      for (const piece of await Promise.allSettled(ahead)) if (piece.status === 'fulfilled') piece.value.release();
    },
  };
}

/** What the first range told about the object. */
interface Known {
  readonly total: number;
  readonly match: string | undefined;
}

interface Part extends Known {
  /** To be filled by the range. Shared memory: another thread may hash it while this one writes it. */
  readonly into: Buffer;
}

/** One range, whole. The first (`known` undefined) finds out how big the object is. */
async function fetchRange(download: Download, start: number, known?: Part): Promise<Piece> {
  const { client, key, action, objectHeaders, budget, signal, moved } = download;
  const end = Math.min(known?.total ?? Number.POSITIVE_INFINITY, start + rangeBytes) - 1;
  let release = (): void => {};
  const hold = async (bytes: number): Promise<void> => {
    release();
    if (bytes > mostUnranged)
      throw new HelperError('unsupported', `${action}: the service ignores byte ranges ('${key}')`);
    release = await budget.take(bytes, signal);
  };
  try {
    if (known !== undefined) await hold(end + 1 - start);
    const range = ['range', `bytes=${start}-${end}`];
    const extra = known?.match === undefined ? range : [...range, 'if-match', known.match];
    const call = {
      action,
      method: 'GET',
      key,
      headers: objectHeaders,
      extra,
      expects: [404, 412, 416],
      moved,
    } as const;
    const how = known === undefined ? { admit: hold } : { into: known.into };
    const response = await client.request({ ...call, ...how }, signal);
    check(response, download, start, known);
    return { response, release };
  } catch (error) {
    release();
    throw error;
  }
}

const contentRange = /^bytes (\d+)-(\d+)\/(\d+)$/;

/** Bytes of the whole object. */
function totalOf(response: WireResponse): number {
  if (response.status === 416) return 0;
  const [, , , total] = contentRange.exec(response.headers['content-range'] ?? '') ?? [];
  return total === undefined ? response.length : Number(total);
}

function check(response: WireResponse, download: Download, start: number, known: Known | undefined): void {
  const { status, length } = response;
  if (status === 404) throw download.absent();
  // An object that is empty, or no longer than what is there of it already, has no first byte to ask for.
  if ((status === 416 || status === 200) && known === undefined) return;
  const [, from, to, total] = (contentRange.exec(response.headers['content-range'] ?? '') ?? []).map(Number);
  const asked = status === 206 && from === start && to === start + length - 1;
  if (asked && (known === undefined || (total === known.total && to === Math.min(total, start + rangeBytes) - 1)))
    return;
  const tell = (why: string): string => `${download.action}: ${why} ('${download.key}')`;
  if (status === 412) throw new HelperError('corrupt', tell('the object changed meanwhile'));
  throw new HelperError('unavailable', tell('the service sent other bytes than were asked for'));
}
