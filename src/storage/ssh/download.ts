import type { Stats } from 'ssh2';
import { HelperError } from '../../model/error.ts';
import type { Tell } from './failure.ts';
import type { Task } from './link.ts';
import type { Window } from './window.ts';

/** Every server answers that many bytes at once; more is its own choice. */
export const sliceBytes: number = 32 * 1024;
/** Bytes of one object that are asked for ahead of the reader. */
const aheadBytes = 4 * 1024 * 1024;

export interface Download {
  readonly task: Task;
  readonly window: Window;
  readonly handle: Buffer;
  /** For messages. */
  readonly tell: Tell;
  /** What to throw when it is no file. */
  readonly absent: () => HelperError;
  /** The first byte wanted. */
  readonly start: number;
  readonly moved: ((bytes: number) => void) | undefined;
}

interface Slice {
  readonly buffer: Buffer;
  readonly position: number;
  readonly length: number;
  readonly filled: Promise<number>;
  /** Whether the window has to be given back. */
  readonly taken: boolean;
}

/** The bytes of an open file from `start`, in order; slices are asked for ahead. A slice is used again once the next one is asked for. */
export async function* readHandle(download: Download): AsyncGenerator<Uint8Array> {
  const { task, window, handle, start, moved } = download;
  const spare: Buffer[] = [];
  const ahead: Slice[] = [];
  const ask = (position: number, length: number, taken: boolean): void => {
    const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(length < sliceBytes ? length : sliceBytes);
    const filled = readSlice(task, handle, buffer, 0, length, position);
    // Met when its turn comes; a reader who left does not want to know.
    filled.catch(() => undefined);
    ahead.push({ buffer, position, length, filled, taken });
  };
  try {
    // Most objects are as small as this: how long it is, is asked in the same breath.
    const described = task.request<Stats>((sftp, done) => sftp.fstat(handle, done));
    ask(start, sliceBytes, false);
    const stats = await described;
    if (!stats.isFile()) throw download.absent();
    let next = start + sliceBytes;
    const fill = (): void => {
      while (next < stats.size && ahead.length * sliceBytes < aheadBytes) {
        const taken = window.take(sliceBytes);
        // One is always allowed, or a reader who waits for another one would wait for ever.
        if (!taken && ahead.length > 0) return;
        const length = Math.min(sliceBytes, stats.size - next);
        ask(next, length, taken);
        next += length;
      }
    };
    for (fill(); ahead.length > 0; fill()) {
      const [slice] = ahead;
      if (slice === undefined) return;
      const wanted = Math.max(0, Math.min(slice.length, stats.size - slice.position));
      const got = await completed(download, slice, wanted);
      ahead.shift();
      if (slice.taken) window.give(sliceBytes);
      moved?.(got);
      if (got > 0) yield slice.buffer.subarray(0, got);
      if (slice.buffer.length === sliceBytes) spare.push(slice.buffer);
    }
  } finally {
    for (const { taken } of ahead) if (taken) window.give(sliceBytes);
  }
}

/** A server may answer less than it was asked for; only nothing at all is the end. */
async function completed({ task, handle, tell }: Download, slice: Slice, wanted: number): Promise<number> {
  let got = Math.min(await slice.filled, wanted);
  while (got < wanted) {
    const more = await readSlice(task, handle, slice.buffer, got, wanted - got, slice.position + got);
    if (more === 0) {
      const end = slice.position + got;
      throw new HelperError('unavailable', tell(`the server said it is longer than the ${end} bytes that came`));
    }
    got += more;
  }
  return got;
}

function readSlice(
  task: Task,
  handle: Buffer,
  buffer: Buffer,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  return task.request<number>((sftp, done) => sftp.read(handle, buffer, offset, length, position, done));
}
