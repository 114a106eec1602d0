import { join } from 'node:path';
import { HelperError } from '../model/error.ts';
import { type DvcObject, keyOf } from '../model/object.ts';
import type { Content, Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { createCacheDirectories } from './cache-directories.ts';
import { isWhole, readVerified, readWhole, sizeOf } from './cache-reader.ts';
import { createCacheWriter } from './cache-writer.ts';
import { largestListing } from './listing.ts';
import { createRunCache, type RunCache } from './run-cache.ts';

/**
 * The DVC cache of one project: objects by name, never changed in place. Everything that is read is checked against
 * its name, since DVC trusts the mode of a file and the mode proves nothing. Need not exist before the first write.
 */
export interface Cache {
  readonly directory: string;
  /** Where the object's file is or would be. */
  path(object: DvcObject): string;
  /** Bytes; undefined: absent, or not a regular file. Asks the disk, does not check the bytes. */
  size(object: DvcObject): number | undefined;
  /**
   * The object's bytes. Throws `missing` when it is absent; iterating throws `corrupt` when the bytes are not the
   * object's, before the last of them is handed out.
   */
  content(object: DvcObject): Content;
  /** A small object (a listing) as a whole. Throws `missing`, `corrupt`. */
  read(object: DvcObject): Uint8Array;
  /**
   * Places an object: invisible until whole and checked, then mode 0444. An object that is there and right stays, a
   * damaged one is replaced. Throws `corrupt` when the bytes are not the object's, `io` when the disk refuses, and
   * whatever `bytes` throws; then nothing stays behind.
   *
   * @returns bytes received
   */
  write(object: DvcObject, bytes: AsyncIterable<Uint8Array> | Uint8Array, operation: Operation): Promise<number>;
  /**
   * As `write`, of bytes that can be asked for from any place. What came of a big object before a run broke off (it was
   * stopped, killed, or `read` threw `unavailable` or `auth`) stays beside the object's place, under a name that nobody
   * takes for an object, and is gone on from; the hash is of the whole. Two processes never go on with the same bytes.
   *
   * @param read the object's bytes from `start` on
   * @returns bytes of the object
   */
  receive(object: DvcObject, read: (start: number) => AsyncIterable<Uint8Array>, operation: Operation): Promise<number>;
  /**
   * Removes the object when its bytes are not those of its name, for what a crash of the machine may have torn.
   *
   * @returns true when it was damaged
   */
  removeDamaged(object: DvcObject): Promise<boolean>;
  /** Runs of stages that DVC remembers beside the objects. */
  readonly runs: RunCache;
  /**
   * Removes temporary files that killed runs of this program left more than a day ago, and parts of big objects that
   * nobody went on with for three. Never throws.
   */
  removeStaleTemporaries(): void;
}

export interface CacheOptions {
  /** `cache.shared`: directories are made 2775, so that a group can work on one cache. */
  readonly shared: 'group' | undefined;
  /** Bring every object to the disk before it appears, as Git's `core.fsync=loose-object` asks. */
  readonly fsyncObjects: boolean;
}

/** Opens nothing yet: the directory is looked at when an object is asked for. There is nothing to close. */
export function openCache(directory: string, options: CacheOptions): Cache {
  const pathOf = (object: DvcObject): string => join(directory, keyOf(object));
  const directories = createCacheDirectories(directory, options.shared);
  const writer = createCacheWriter(directories, options.fsyncObjects);

  const requireSize = (object: DvcObject): number => {
    const size = sizeOf(pathOf(object));
    if (size !== undefined) return size;
    throw new HelperError('missing', `object '${keyOf(object)}' is not in the cache '${printable(directory)}'`);
  };

  return {
    directory,
    path: pathOf,
    size: (object) => sizeOf(pathOf(object)),
    content(object) {
      const size = requireSize(object);
      return { size, open: () => readVerified(object, pathOf(object), size) };
    },
    read(object) {
      const size = requireSize(object);
      if (size > largestListing) {
        throw new HelperError('corrupt', `object '${keyOf(object)}' is too large for a listing`);
      }
      return readWhole(object, pathOf(object), size);
    },
    write: writer.write,
    receive: writer.receive,
    async removeDamaged(object) {
      const path = pathOf(object);
      const size = sizeOf(path);
      if (size === undefined) return false;
      if (await isWhole(object, path, size)) return false;
      writer.remove(path);
      return true;
    },
    runs: createRunCache(directories),
    removeStaleTemporaries: writer.removeStaleTemporaries,
  };
}
