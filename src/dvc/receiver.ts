import { open } from 'node:fs/promises';
import type { DvcObject } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { type FollowingHash, followFrom, followHash } from './following-hash.ts';
import { createHasher } from './hash.ts';
import type { TemporaryFile } from './temporary-file.ts';

/** Bytes. An object up to this size is gathered, checked and then written at once, a larger one in such batches. */
const batchSize = 2 ** 18;

/** Takes the bytes of one object as they come. Either `finish` or `abandon` ends it. */
export interface Receiver {
  /** The first byte that is wanted. */
  readonly start: number;
  /** Hashes what was there before the start. */
  begin(operation: Operation): Promise<void>;
  /** A promise when the disk has to be waited for before the next chunk. */
  take(chunk: Uint8Array): Promise<void> | undefined;
  /** Bytes of the object. */
  finish(): Promise<number>;
  /** @param keep what came is worth going on with */
  abandon(keep: boolean): void;
}

export interface ReceiverTools {
  /** What came of the object before. */
  readonly begun: TemporaryFile | undefined;
  create(): TemporaryFile;
  /** Checks and places an object that is all here. Answers its size. */
  placeSmall(bytes: Uint8Array): Promise<number>;
  /** Checks and places the object whose bytes are in the file. */
  place(file: TemporaryFile, size: number, digest: string): Promise<void>;
  keep(file: TemporaryFile, bytes: number): void;
}

export function createReceiver(object: DvcObject, tools: ReceiverTools): Receiver {
  const hasher = createHasher(object.kind);
  let file = tools.begun;
  const start = file?.begun ?? 0;
  let batch: Uint8Array[] = [];
  let batched = 0;
  let written = start;
  // Takes over from the hasher once the object turns out to be big.
  let following: FollowingHash | undefined;

  const flush = async (): Promise<void> => {
    file ??= tools.create();
    const appended = file.append(batch, batched);
    // Hashing uses the time the disk takes.
    const hashed = batch.map((chunk) => (following ?? hasher).update(chunk));
    await Promise.all([appended, ...hashed]);
    const before = written;
    written += batched;
    if (object.kind === 'md5' && before < followFrom && written >= followFrom)
      following = followHash(file.path, written);
    batch = [];
    batched = 0;
  };
  return {
    start,
    async begin({ signal }) {
      if (file === undefined) return;
      if (object.kind === 'md5' && start >= followFrom) following = followHash(file.path, start);
      if (following !== undefined) return;
      const reading = await open(file.path);
      for await (const chunk of reading.createReadStream({ highWaterMark: 2 ** 20, end: start - 1 })) {
        signal.throwIfAborted();
        hasher.update(chunk);
      }
    },
    take(chunk) {
      batched += chunk.length;
      const full = batched >= batchSize;
      // What waits for more is kept beyond the time that the chunk is ours.
      if (chunk.length > 0) batch.push(full ? chunk : Buffer.from(chunk));
      return full ? flush() : undefined;
    },
    async finish() {
      if (file === undefined) return tools.placeSmall(batch.length === 1 && batch[0] ? batch[0] : Buffer.concat(batch));
      if (batched > 0) await flush();
      await tools.place(file, written, following === undefined ? hasher.digest() : await following.digest());
      return written;
    },
    abandon(keep) {
      following?.close();
      if (keep && file !== undefined) tools.keep(file, written);
      else file?.discard();
    },
  };
}
