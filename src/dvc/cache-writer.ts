import { lstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HelperError } from '../model/error.ts';
import { type DvcObject, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CacheDirectories } from './cache-directories.ts';
import { diskError } from './cache-error.ts';
import { isWhole } from './cache-reader.ts';
import { type FollowingHash, followFrom, followHash } from './following-hash.ts';
import { createHasher, digestOf, isNamed } from './hash.ts';
import { interruptible } from './interruptible.ts';
import { createTemporaryFile, namesIn, removeStaleTemporaries, type TemporaryFile } from './temporary-file.ts';

/** The writing half of the cache; see Cache. */
export interface CacheWriter {
  write(object: DvcObject, bytes: AsyncIterable<Uint8Array> | Uint8Array, operation: Operation): Promise<number>;
  remove(path: string): void;
  removeStaleTemporaries(): void;
}

/** Bytes. An object up to this size is gathered, checked and then written at once, a larger one in such batches. */
const batchSize = 2 ** 18;

/** Takes the bytes of one object as they come. Either `finish` or `abandon` ends it. */
interface Receiver {
  /** A promise when the disk has to be waited for before the next chunk. */
  take(chunk: Uint8Array): Promise<void> | undefined;
  /** Bytes received. */
  finish(): Promise<number>;
  abandon(): void;
}

export function createCacheWriter(directories: CacheDirectories, fsyncObjects: boolean): CacheWriter {
  const pathOf = (key: Key): string => join(directories.root, key);

  const placeWhole = async (object: DvcObject, bytes: Uint8Array): Promise<number> => {
    requireNamed(object, digestOf(object.kind, bytes));
    const key = keyOf(object);
    if (holds(pathOf(key), bytes)) return bytes.length;
    const file = createTemporaryFile(directories, key);
    try {
      file.appendNow(bytes);
      if (fsyncObjects) await file.sync();
      file.publish(pathOf(key));
    } catch (error) {
      file.discard();
      throw error;
    }
    return bytes.length;
  };

  const createReceiver = (object: DvcObject): Receiver => {
    const key = keyOf(object);
    const hasher = createHasher(object.kind);
    let file: TemporaryFile | undefined;
    let batch: Uint8Array[] = [];
    let batched = 0;
    let written = 0;
    // Takes over from the hasher once the object turns out to be big.
    let following: FollowingHash | undefined;

    const flush = async (): Promise<void> => {
      file ??= createTemporaryFile(directories, key);
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
      take(chunk) {
        batched += chunk.length;
        const full = batched >= batchSize;
        // What waits for more is kept beyond the time that the chunk is ours.
        if (chunk.length > 0) batch.push(full ? chunk : Buffer.from(chunk));
        return full ? flush() : undefined;
      },
      async finish() {
        if (file === undefined)
          return placeWhole(object, batch.length === 1 && batch[0] ? batch[0] : Buffer.concat(batch));
        if (batched > 0) await flush();
        requireNamed(object, following === undefined ? hasher.digest() : await following.digest());
        const path = pathOf(key);
        if (sizeAt(path) === written && (await isWhole(object, path, written))) {
          file.discard();
          return written;
        }
        if (fsyncObjects) await file.sync();
        file.publish(path);
        return written;
      },
      abandon() {
        following?.close();
        file?.discard();
      },
    };
  };

  /** What the disk says, for people. What the source of the bytes says passes by here. */
  const onDisk = async <Result>(object: DvcObject, work: () => Result | Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, `cannot write '${printable(pathOf(keyOf(object)))}'`, directories.root);
    }
  };

  return {
    async write(object, bytes, operation) {
      operation.signal.throwIfAborted();
      if (bytes instanceof Uint8Array) return onDisk(object, () => placeWhole(object, bytes));
      const receiver = createReceiver(object);
      try {
        for await (const chunk of interruptible(bytes, operation)) {
          const full = receiver.take(chunk);
          if (full !== undefined) await onDisk(object, () => full);
        }
        return await onDisk(object, () => receiver.finish());
      } catch (error) {
        receiver.abandon();
        throw error;
      }
    },
    remove(path) {
      try {
        rmSync(path, { force: true });
      } catch (error) {
        throw diskError(error, `cannot remove '${printable(path)}'`, directories.root);
      }
    },
    removeStaleTemporaries() {
      for (const base of [directories.root, join(directories.root, 'files', 'md5')]) {
        for (const name of namesIn(base)) {
          if (/^[0-9a-f]{2}$/.test(name)) removeStaleTemporaries(join(base, name));
        }
      }
    },
  };
}

function requireNamed(object: DvcObject, digest: string): void {
  if (isNamed(object, digest)) return;
  throw new HelperError('corrupt', `the bytes received for object '${keyOf(object)}' hash to '${digest}'`);
}

/** Bytes of the regular file at `path`; undefined when there is none. */
function sizeAt(path: string): number | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : undefined;
}

function holds(path: string, bytes: Uint8Array): boolean {
  return sizeAt(path) === bytes.length && readFileSync(path).equals(bytes);
}
