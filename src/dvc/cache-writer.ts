import { lstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HelperError, isAbort } from '../model/error.ts';
import { type DvcObject, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CacheDirectories } from './cache-directories.ts';
import { diskError } from './cache-error.ts';
import { isWhole } from './cache-reader.ts';
import { digestOf, isNamed } from './hash.ts';
import { interruptible } from './interruptible.ts';
import { openPartialFiles } from './partial-files.ts';
import { createReceiver } from './receiver.ts';
import { createTemporaryFile, namesIn, removeStaleTemporaries, type TemporaryFile } from './temporary-file.ts';

/** The writing half of the cache; see Cache. */
export interface CacheWriter {
  write(object: DvcObject, bytes: AsyncIterable<Uint8Array> | Uint8Array, operation: Operation): Promise<number>;
  receive(object: DvcObject, read: (start: number) => AsyncIterable<Uint8Array>, operation: Operation): Promise<number>;
  remove(path: string): void;
  removeStaleTemporaries(): void;
}

export function createCacheWriter(directories: CacheDirectories, fsyncObjects: boolean): CacheWriter {
  const pathOf = (key: Key): string => join(directories.root, key);
  const partials = openPartialFiles(directories);

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

  const placeFile = async (object: DvcObject, file: TemporaryFile, size: number, digest: string): Promise<void> => {
    requireNamed(object, digest);
    const path = pathOf(keyOf(object));
    if (sizeAt(path) === size && (await isWhole(object, path, size))) return file.discard();
    if (fsyncObjects) await file.sync();
    file.publish(path);
  };

  /** What the disk says, for people. What the source of the bytes says passes by here. */
  const onDisk = async <Result>(object: DvcObject, work: () => Result | Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, `cannot write '${printable(pathOf(keyOf(object)))}'`, directories.root);
    }
  };

  const receive = async (
    object: DvcObject,
    begun: TemporaryFile | undefined,
    read: (start: number) => AsyncIterable<Uint8Array>,
    operation: Operation,
    mayKeep: (error: unknown) => boolean,
  ): Promise<number> => {
    const receiver = createReceiver(object, {
      begun,
      create: () => partials.create(object),
      placeSmall: (bytes) => placeWhole(object, bytes),
      place: (file, size, digest) => placeFile(object, file, size, digest),
      keep: (file, bytes) => partials.keep(object, file, bytes),
    });
    try {
      await onDisk(object, () => receiver.begin(operation));
      for await (const chunk of interruptible(read(receiver.start), operation)) {
        const full = receiver.take(chunk);
        if (full !== undefined) await onDisk(object, () => full);
      }
      return await onDisk(object, () => receiver.finish());
    } catch (error) {
      receiver.abandon(mayKeep(error));
      throw error;
    }
  };

  return {
    async write(object, bytes, operation) {
      operation.signal.throwIfAborted();
      if (bytes instanceof Uint8Array) return onDisk(object, () => placeWhole(object, bytes));
      return receive(
        object,
        undefined,
        () => bytes,
        operation,
        () => false,
      );
    },
    async receive(object, read, operation) {
      operation.signal.throwIfAborted();
      return receive(object, partials.take(object), read, operation, mayPass);
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

/** True for what says nothing about the bytes so far, nor about the disk they are on. */
function mayPass(error: unknown): boolean {
  return isAbort(error) || (error instanceof HelperError && (error.code === 'unavailable' || error.code === 'auth'));
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
