import type { IncomingHttpHeaders } from 'node:http';
import { HelperError } from '../../model/error.ts';
import type { ReadOperation } from '../remote.ts';
import type { Client } from './client.ts';

export interface Download {
  readonly client: Client;
  /** For messages. */
  readonly action: string;
  readonly key: string;
  /** What to throw when the server says there is no such object. */
  readonly absent: () => Promise<HelperError>;
}

/** One connection's part of the object. */
interface Source {
  /** Offset of its first byte. */
  readonly start: number;
  /** Bytes of the whole object; undefined where the server does not tell. */
  readonly total: number | undefined;
  /** For If-Match; undefined where the server has none that is strong. */
  readonly tag: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

// A connection that breaks more often, or so often without a byte, is not worth another.
const mostBreaks = 100;
const mostEmpty = 3;

/**
 * The object's bytes in order. Where the connection broke, another takes it up (RFC 9110, 14). Before the first byte it
 * throws, since whoever asked can start again himself.
 */
export async function* downloadObject(download: Download, operation: ReadOperation): AsyncGenerator<Uint8Array> {
  const { signal, moved, start = 0 } = operation;
  let at = start;
  let first: Source | undefined;
  let [breaks, empty] = [0, 0];
  for (;;) {
    const source: Source = await openSource(download, at, first, signal);
    first ??= source;
    const began = at;
    try {
      for await (const chunk of skip(source.body, at - source.start)) {
        moved?.(chunk.length);
        at += chunk.length;
        yield chunk;
      }
      if (at >= (first.total ?? at)) return;
      throw failure(download, 'the object ends too early');
    } catch (error) {
      breaks += 1;
      empty = at === began ? empty + 1 : 0;
      const passing = error instanceof HelperError && error.code === 'unavailable';
      if (signal.aborted || !passing || at === start || breaks > mostBreaks || empty > mostEmpty) throw error;
    }
  }
}

async function openSource(
  download: Download,
  at: number,
  first: Source | undefined,
  signal: AbortSignal,
): Promise<Source> {
  const { client, action, key } = download;
  const match = first?.tag === undefined ? [] : ['if-match', first.tag];
  const headers = at === 0 ? [] : ['range', `bytes=${at}-`, ...match];
  const answer = await client.open({ action, method: 'GET', key, headers, expects: [404, 410, 412, 416] }, signal);
  const { status } = answer;
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (status < 300 && encoding === 'identity') {
    const source = { ...extent(status, answer.headers), tag: strongTag(answer.headers.etag), body: answer.body };
    const same = first === undefined || source.total === first.total;
    if (same && (source.start === at || source.start === 0)) return source;
  }
  answer.discard();
  // Nothing is left to come, or the object is shorter than whoever asked believes.
  if (status === 416 && first === undefined) return { start: at, total: at, tag: undefined, body: none() };
  if (status === 404 || status === 410) throw await download.absent();
  if (encoding !== 'identity') {
    throw new HelperError('config', `${action}: the server sends objects compressed ('${key}')`, {
      hints: ['whoever runs the server has to switch that off below this URL'],
    });
  }
  throw new HelperError('corrupt', `${action}: the object changed meanwhile ('${key}')`);
}

function failure({ action, key }: Download, why: string): HelperError {
  return new HelperError('unavailable', `${action}: ${why} ('${key}')`);
}

function extent(status: number, headers: IncomingHttpHeaders): { start: number; total: number | undefined } {
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
  if (status === 206) return { start: Number(from ?? Number.NaN), total: Number(size) };
  const length = headers['content-length'];
  return { start: 0, total: length === undefined ? undefined : Number(length) };
}

async function* none(): AsyncGenerator<Uint8Array> {}

function strongTag(tag: string | undefined): string | undefined {
  return tag?.startsWith('"') === true ? tag : undefined;
}

/** Without the first bytes: a server that knows no ranges sends all of them again. */
async function* skip(body: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of body) {
    const rest = chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
    if (rest.length > 0) yield rest;
  }
}
