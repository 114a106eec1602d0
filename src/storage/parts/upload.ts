import type { Content } from '../../model/operation.ts';
import { measure } from '../content.ts';
import type { Budget } from './budget.ts';

export interface PartsUpload {
  /** Sends one part, numbered from 1. The buffer is its own until it answers. */
  send(number: number, body: Buffer, signal: AbortSignal): Promise<void>;
  /** Bytes of every part but the last, which has the rest. */
  readonly partBytes: number;
  readonly partsAtOnce: number;
  readonly budget: Budget;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  readonly content: Content;
  readonly signal: AbortSignal;
}

/**
 * Sends the content in parts as they fill up, a few at once. Resolves when all have been sent and the content has proven
 * itself. After a failure it waits for those under way.
 */
export async function sendParts(upload: PartsUpload): Promise<void> {
  const { partBytes, partsAtOnce, budget } = upload;
  const stop = new AbortController();
  const signal = AbortSignal.any([upload.signal, stop.signal]);
  const buffers: Buffer[] = [];
  const underway = new Set<Promise<void>>();
  let release = await budget.take(partBytes, signal);
  const send = async (number: number, body: Buffer, free: () => void): Promise<void> => {
    try {
      await upload.send(number, body, signal);
      if (body.length === partBytes) buffers.push(body);
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      free();
    }
  };
  try {
    let number = 0;
    for await (const body of cut({ ...upload, signal }, buffers)) {
      number += 1;
      const sending = send(number, body, release).finally(() => underway.delete(sending));
      underway.add(sending);
      // A failure aborts `signal`, where this loop meets it.
      sending.catch(() => {});
      while (underway.size >= partsAtOnce) await Promise.race(underway);
      release = await budget.take(partBytes, signal);
    }
    await Promise.all(underway);
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    release();
    await Promise.allSettled(underway);
  }
}

/** The content cut into parts. Reads to the end, where content proves itself. */
async function* cut(upload: PartsUpload, buffers: Buffer[]): AsyncGenerator<Buffer> {
  const { partBytes } = upload;
  let part: Buffer = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of measure(upload)) {
    for (let at = 0; at < chunk.length; ) {
      if (filled === 0) part = buffers.pop() ?? Buffer.allocUnsafeSlow(partBytes);
      const count = Math.min(partBytes - filled, chunk.length - at);
      part.set(chunk.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled === partBytes) {
        yield part;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}
