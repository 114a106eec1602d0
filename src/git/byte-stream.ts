import type { Readable, Writable } from 'node:stream';
import { HelperError } from '../model/error.ts';

/** Pulls bytes out of a stream, as lines, counts or chunks in turn; what one form leaves over the next one gets. */
export interface ByteReader {
  /** The next line without its LF; undefined at the end, also when the last line was cut off. Throws `unsupported` over 1 MiB. */
  line(): Promise<Buffer | undefined>;
  /** Exactly `count` bytes; undefined when the stream ends before. */
  bytes(count: number): Promise<Buffer | undefined>;
  /** Puts bytes back, to be read first. */
  unread(bytes: Buffer): void;
  /** Whatever is there, at least one byte; undefined at the end. */
  chunk(): Promise<Buffer | undefined>;
}

const longestLine = 1024 * 1024;
const newline = 10;

/** A stream that breaks (server gone, socket reset) reads as one that ends: who closed is told by the exit code. */
export function openByteReader(stream: Readable): ByteReader {
  const source: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let ended = false;

  async function pull(): Promise<Buffer | undefined> {
    if (ended) return undefined;
    try {
      const next = await source.next();
      if (!next.done) return next.value;
    } catch {
      // Falls through to the end of the stream.
    }
    ended = true;
    return undefined;
  }
  async function fill(): Promise<boolean> {
    const more = await pull();
    if (more === undefined) return false;
    held = held.length === 0 ? more : Buffer.concat([held, more]);
    return true;
  }
  function take(count: number): Buffer {
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    return taken;
  }
  return {
    line: async () => {
      let searched = 0;
      for (;;) {
        const at = held.indexOf(newline, searched);
        if (at >= 0) {
          const line = take(at);
          take(1);
          return line;
        }
        searched = held.length;
        if (searched > longestLine) throw new HelperError('unsupported', 'a line of the conversation is over 1 MiB');
        if (!(await fill())) return undefined;
      }
    },
    bytes: async (count) => {
      while (held.length < count) if (!(await fill())) return undefined;
      return take(count);
    },
    unread: (bytes) => {
      held = held.length === 0 ? bytes : Buffer.concat([bytes, held]);
    },
    chunk: async () => (held.length > 0 ? take(held.length) : await pull()),
  };
}

/**
 * Writes and waits until the stream wants more. False when its reader has gone: nothing written from then on arrives.
 * The caller must have put an `error` listener on the stream.
 */
export function writeBytes(stream: Writable, bytes: Uint8Array): Promise<boolean> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve(false);
  if (stream.write(bytes)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (alive: boolean): void => {
      stream.off('drain', onDrain);
      stream.off('close', onClose);
      stream.off('error', onClose);
      resolve(alive);
    };
    const onDrain = (): void => settle(true);
    const onClose = (): void => settle(false);
    stream.on('drain', onDrain);
    stream.on('close', onClose);
    stream.on('error', onClose);
  });
}
