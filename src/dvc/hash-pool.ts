import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { diskError } from './cache-error.ts';

/** Hashes files, each on one of a few cores. */
export interface HashPool {
  /** How many it works on at once. */
  readonly width: number;
  /**
   * MD5 of a file, hex; no link is followed. undefined: it is not there. Throws `io` when it cannot be read.
   *
   * @param moved told of bytes as they are hashed
   */
  digest(path: string, moved: (bytes: number) => void): Promise<string | undefined>;
  /** Ends the threads; what is under way fails. */
  close(): Promise<void>;
}

/** More would only wait for the disk. */
const mostThreads = 4;

// Text and not a module, so that the bundle and the sources start it the same way.
const program = `
const { parentPort } = require('node:worker_threads');
const { closeSync, constants, openSync, readSync } = require('node:fs');
const { createHash } = require('node:crypto');
const buffer = Buffer.allocUnsafeSlow(1 << 20);
const told = 1 << 24;
parentPort.on('message', (path) => {
  let file;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const hash = createHash('md5');
    let moved = 0;
    for (let count; (count = readSync(file, buffer)) > 0; ) {
      hash.update(buffer.subarray(0, count));
      moved += count;
      if (moved >= told) {
        parentPort.postMessage({ moved });
        moved = 0;
      }
    }
    parentPort.postMessage({ moved, digest: hash.digest('hex') });
  } catch (error) {
    parentPort.postMessage({ code: error.code ?? '', message: error.message });
  } finally {
    if (file !== undefined) closeSync(file);
  }
});
`;

interface Answer {
  readonly moved?: number;
  readonly digest?: string;
  readonly code?: string;
  readonly message?: string;
}

interface Task {
  readonly path: string;
  readonly moved: (bytes: number) => void;
  readonly resolve: (digest: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Threads are started as there is work for them. */
export function openHashPool(): HashPool {
  const width = Math.max(1, Math.min(mostThreads, availableParallelism()));
  const waiting: Task[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Task>();
  const next = (): void => {
    while (waiting.length > 0 && (idle.length > 0 || busy.size < width)) {
      const task = waiting.shift();
      if (task === undefined) return;
      const worker = idle.pop() ?? start();
      busy.set(worker, task);
      worker.postMessage(task.path);
    }
  };
  const start = (): Worker => {
    const worker = new Worker(program, { eval: true, execArgv: [], stdout: false });
    const lose = (cause?: unknown): void => {
      const task = busy.get(worker);
      busy.delete(worker);
      const at = idle.indexOf(worker);
      if (at >= 0) idle.splice(at, 1);
      task?.reject(new HelperError('io', `cannot hash '${printable(task.path)}'`, { cause }));
      next();
    };
    worker.on('message', ({ moved = 0, digest, code, message = '' }: Answer) => {
      const task = busy.get(worker);
      if (moved > 0) task?.moved(moved);
      if (digest === undefined && code === undefined) return;
      busy.delete(worker);
      idle.push(worker);
      if (digest !== undefined || code === 'ENOENT') task?.resolve(digest);
      else
        task?.reject(
          diskError(
            Object.assign(new Error(message), { code }),
            `cannot read '${printable(task.path)}' in the cache`,
            task.path,
          ),
        );
      next();
    });
    worker.once('error', lose);
    worker.once('exit', () => lose());
    return worker;
  };
  return {
    width,
    digest: (path, moved) =>
      new Promise((resolve, reject) => {
        waiting.push({ path, moved, resolve, reject });
        next();
      }),
    async close() {
      waiting.length = 0;
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
    },
  };
}
