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

/**
 * A stream that breaks (server gone, socket reset) reads as one that ends: who closed is told by the exit code.
 *
 * @param speaker who writes to the stream, for the message about a line without an end
 */
export function openByteReader(stream: Readable, speaker = 'the Git remote'): ByteReader {
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
  /** Joined only when enough is here: a peer that sends byte by byte must not cost the square of what it sends. */
  const behind: Buffer[] = [];
  let total = 0;
  function join(): void {
    if (behind.length > 0) held = Buffer.concat([held, ...behind.splice(0)]);
  }
  async function fill(): Promise<Buffer | undefined> {
    const more = await pull();
    if (more === undefined) return undefined;
    behind.push(more);
    total += more.length;
    return more;
  }
  function take(count: number): Buffer {
    join();
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    total -= taken.length;
    return taken;
  }
  const tooLong = (): HelperError => new HelperError('unsupported', `${speaker} sent a line of more than 1 MiB`);
  /** Where the next LF is, undefined when there is none before the end. */
  async function findNewline(): Promise<number | undefined> {
    join();
    let at = held.indexOf(newline);
    while (at < 0) {
      const before = total;
      if (before > longestLine) throw tooLong();
      const more = await fill();
      if (more === undefined) return undefined;
      const found = more.indexOf(newline);
      if (found >= 0) at = before + found;
    }
    if (at > longestLine) throw tooLong();
    return at;
  }
  return {
    line: async () => {
      const at = await findNewline();
      if (at === undefined) return undefined;
      const line = take(at);
      take(1);
      return line;
    },
    bytes: async (count) => {
      while (total < count) if ((await fill()) === undefined) return undefined;
      return take(count);
    },
    unread: (bytes) => {
      held = Buffer.concat([bytes, held]);
      total += bytes.length;
    },
    chunk: async () => (total > 0 ? take(total) : await pull()),
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
