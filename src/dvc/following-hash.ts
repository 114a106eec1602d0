import { Worker } from 'node:worker_threads';
import { HelperError } from '../model/error.ts';

/** MD5 of a file that is still being written, computed on another core. */
export interface FollowingHash {
  /**
   * Takes the bytes that come next; resolves when more may follow. Those in shared memory are hashed where they are and
   * must stay as they are until then, others are copied.
   */
  update(bytes: Uint8Array): Promise<void>;
  /** Hex digits of the hash of all. Ends the work. */
  digest(): Promise<string>;
  /** Ends the work in any state; may be called twice. */
  close(): void;
}

/** Objects smaller than this are hashed in passing: starting a thread takes as long. Bytes. */
export const followFrom: number = 32 * 2 ** 20;
/** A thread more would only take memory: the cores are busy then. */
const mostAtOnce = 2;
/** Bytes of copies that may wait to be hashed. */
const mostBehind = 16 * 2 ** 20;
let running = 0;

// Text and not a module, so that the bundle and the sources start it the same way.
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const { closeSync, openSync, readSync } = require('node:fs');
const hash = require('node:crypto').createHash('md5');
const file = openSync(workerData.path, 'r');
const buffer = Buffer.allocUnsafeSlow(1 << 20);
for (let at = 0; at < workerData.size; ) {
  const count = readSync(file, buffer, 0, Math.min(buffer.length, workerData.size - at), at);
  if (count === 0) throw new Error('the file is shorter than what was written to it');
  hash.update(buffer.subarray(0, count));
  at += count;
}
closeSync(file);
parentPort.on('message', (bytes) => {
  if (bytes !== undefined) hash.update(bytes);
  parentPort.postMessage(bytes === undefined ? hash.digest('hex') : '');
});
`;

interface Sent {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: HelperError) => void;
}

/** Starts with the first `size` bytes, which are in the file; undefined when enough files are followed already. */
export function followHash(path: string, size: number): FollowingHash | undefined {
  if (running >= mostAtOnce) return undefined;
  running += 1;
  const worker = new Worker(program, { eval: true, workerData: { path, size }, execArgv: [], stdout: false });
  const sent: Sent[] = [];
  let failure: HelperError | undefined;
  let behind = 0;
  let closed = false;
  const fail = (cause?: unknown): void => {
    failure ??= new HelperError('io', `cannot hash '${path}' while it is written`, { cause });
    for (const { reject } of sent.splice(0)) reject(failure);
  };
  worker.on('message', (answer: string) => sent.shift()?.resolve(answer));
  worker.once('error', fail);
  worker.once('exit', () => fail());
  const send = (bytes: Uint8Array | undefined, transfer: readonly ArrayBuffer[] = []): Promise<string> => {
    const answer = new Promise<string>((resolve, reject) => {
      if (failure === undefined) sent.push({ resolve, reject });
      else reject(failure);
    });
    // Nobody waits for the answers to small pieces; a failure meets whoever comes next.
    answer.catch(() => undefined);
    worker.postMessage(bytes, transfer);
    return answer;
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    running -= 1;
    void worker.terminate();
  };
  return {
    async update(bytes) {
      const shared = bytes.buffer instanceof SharedArrayBuffer;
      const piece = shared ? bytes : new Uint8Array(bytes);
      const answer = send(piece, piece.buffer instanceof ArrayBuffer ? [piece.buffer] : []);
      behind += piece.length;
      const done = answer.then(() => {
        behind -= piece.length;
      });
      if (shared || behind > mostBehind) await done;
      else done.catch(() => undefined);
    },
    async digest() {
      try {
        return await send(undefined);
      } finally {
        close();
      }
    },
    close,
  };
}
