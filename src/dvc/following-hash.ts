import { Worker } from 'node:worker_threads';
import { HelperError } from '../model/error.ts';

/** MD5 of a file that is still being written, computed on another core from what has reached it. */
export interface FollowingHash {
  /** The first `size` bytes are in the file now. */
  reached(size: number): void;
  /** Hex digits of the hash of the first `size` bytes, which are all in the file. Ends the work. */
  digest(size: number): Promise<string>;
  /** Ends the work in any state; may be called twice. */
  close(): void;
}

/** Objects smaller than this are hashed in passing: starting a thread takes as long. Bytes. */
export const followFrom: number = 32 * 2 ** 20;
/** A thread more would only take memory: the cores are busy then. */
const mostAtOnce = 2;
const stepBytes = 4 * 2 ** 20;
let running = 0;

// Text and not a module, so that the bundle and the sources start it the same way.
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const { openSync, readSync } = require('node:fs');
const hash = require('node:crypto').createHash('md5');
const file = openSync(workerData, 'r');
const buffer = Buffer.allocUnsafeSlow(1 << 20);
let at = 0;
parentPort.on('message', ({ size, last }) => {
  while (at < size) {
    const count = readSync(file, buffer, 0, Math.min(buffer.length, size - at), at);
    if (count === 0) throw new Error('the file is shorter than what was written to it');
    hash.update(buffer.subarray(0, count));
    at += count;
  }
  if (last) parentPort.postMessage(hash.digest('hex'));
});
`;

/** Starts to follow the file from its beginning; undefined when enough are followed already. */
export function followHash(path: string): FollowingHash | undefined {
  if (running >= mostAtOnce) return undefined;
  running += 1;
  const worker = new Worker(program, { eval: true, workerData: path, execArgv: [], stdout: false });
  let told = 0;
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    running -= 1;
    void worker.terminate();
  };
  const answer = new Promise<string>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (cause) =>
      reject(new HelperError('io', `cannot hash '${path}' while it is written`, { cause })),
    );
    worker.once('exit', () => reject(new HelperError('io', `cannot hash '${path}' while it is written`)));
  });
  answer.catch(() => undefined);
  return {
    reached(size) {
      if (size - told < stepBytes) return;
      told = size;
      worker.postMessage({ size, last: false });
    },
    async digest(size) {
      worker.postMessage({ size, last: true });
      try {
        return await answer;
      } finally {
        close();
      }
    },
    close,
  };
}
