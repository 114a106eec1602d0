import { HelperError } from '../../model/error.ts';
import type { WireRequest, WireResponse } from '../wire/request.ts';
import type { Budget } from './budget.ts';

const mib = 1024 * 1024;
/** Objects are asked for in ranges of this size; most come whole with the first. */
export const rangeBytes: number = 16 * mib;
/** With the one that the reader has, so that one object leaves memory for others. */
const rangesAtOnce = 3;
// A service that knows no ranges must not fill the memory.
const mostUnranged: number = 64 * mib;

export interface Download {
  /** Asks for one range. Answers 2xx, 404, 412 and 416, throws HelperError for the rest. */
  ask(range: RangeCall, signal: AbortSignal): Promise<WireResponse>;
  readonly budget: Budget;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  /** What to throw when the service says there is no such object. */
  readonly absent: () => HelperError;
  /** The first byte wanted, at most the object's size. */
  readonly start?: number | undefined;
  readonly signal: AbortSignal;
}

export interface RangeCall {
  /** `bytes=0-16777215` */
  readonly range: string;
  /**
   * What the service said of the object with the first range; undefined: this is it. Every other range has to be asked
   * for in a way that is answered by 412 when the object is no longer that one.
   */
  readonly first: WireResponse['headers'] | undefined;
  readonly admit?: WireRequest['admit'];
  readonly into?: WireRequest['into'];
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
  const known = { total, first: first.response.headers };
  const next = start + rangeBytes;
  // Under way while the reader is busy with the first.
  const rest = first.response.status === 206 && next < total ? fetchRest(download, known, next) : undefined;
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

/** Without ranges all of the object came; a 416 has nothing of it. */
function wanted({ status, chunks }: WireResponse, start: number): readonly Uint8Array[] {
  if (status === 416) return [];
  if (status !== 200 || start === 0) return chunks;
  return [Buffer.concat(chunks).subarray(start)];
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
  readonly first: WireResponse['headers'];
}

interface Part extends Known {
  /** To be filled by the range. Shared memory: another thread may hash it while this one writes it. */
  readonly into: Buffer;
}

/** One range, whole. The first (`known` undefined) finds out how big the object is and which it is. */
async function fetchRange(download: Download, start: number, known?: Part): Promise<Piece> {
  const { key, action, budget, signal } = download;
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
    const how = known === undefined ? { admit: hold } : { into: known.into };
    const call = { range: `bytes=${start}-${end}`, first: known?.first, ...how };
    const response = await download.ask(call, signal);
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
  const [, , , total] = contentRange.exec(response.headers['content-range'] ?? '') ?? [];
  return total === undefined ? response.length : Number(total);
}

function check(response: WireResponse, download: Download, start: number, known: Known | undefined): void {
  const { status, length } = response;
  if (status === 404) throw download.absent();
  if (known === undefined && complete(response, start)) return;
  const tell = (why: string): string => `${download.action}: ${why} ('${download.key}')`;
  if (known === undefined && (status === 416 || status === 200))
    throw new HelperError('corrupt', tell(`the object ends before byte ${start}`));
  const [, from, to, total = 0] = (contentRange.exec(response.headers['content-range'] ?? '') ?? []).map(Number);
  const whole = to === start + length - 1 && to === Math.min(total, start + rangeBytes) - 1;
  if (status === 206 && from === start && whole && total === (known?.total ?? total)) return;
  if (status === 412) throw new HelperError('corrupt', tell('the object changed meanwhile'));
  throw new HelperError('unavailable', tell('the service sent other bytes than were asked for'));
}

/** True where the first answer is all there is to come: a service without ranges, an object that ends where we begin. */
function complete({ status, headers, length }: WireResponse, start: number): boolean {
  if (status === 200) return start <= length;
  // An empty object has no first byte to ask for, and not every service tells its size then.
  const size = /^bytes \*\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? start;
  return status === 416 && Number(size) === start;
}
