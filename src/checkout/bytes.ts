import { readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import { createHasher, digestOf } from '../dvc/hash.ts';
import { HelperError } from '../model/error.ts';
import { type DvcObject, type HashKind, parseKey, parseObjectId } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';

const wholeLimit = 2 ** 20;
const chunkSize = 2 ** 20;

/** The object that a file's bytes make, read now. Throws the system's error. */
export async function objectOf(path: string, kind: HashKind, size: number, { signal }: Operation): Promise<DvcObject> {
  if (size <= wholeLimit) return named(kind, digestOf(kind, readFileSync(path)));
  const hasher = createHasher(kind);
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafeSlow(chunkSize);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, chunkSize, null);
      if (bytesRead === 0) break;
      hasher.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  return named(kind, hasher.digest());
}

function named(kind: HashKind, digest: string): DvcObject {
  const id = parseObjectId(digest);
  if (id === undefined) throw new HelperError('corrupt', `'${digest}' is not an object name`);
  return { kind, id };
}

/** True when the cache has the object, whole and of this size, so that nothing is lost with another copy of it. */
export async function holds(cache: Cache, object: DvcObject, size: number): Promise<boolean> {
  if (cache.size(object) !== size) return false;
  try {
    for await (const _ of cache.content(object).open());
    return true;
  } catch (error) {
    if (error instanceof HelperError && error.code !== 'interrupted') return false;
    throw error;
  }
}

/** The object of the cache that a symbolic link leads to; undefined: it leads elsewhere. */
export function linkedObject(path: string, cache: Cache): DvcObject | undefined {
  const target = resolve(dirname(path), readlinkSync(path));
  return keyBelow(cache.directory, target) ?? keyBelow(realOf(cache.directory), target);
}

function keyBelow(directory: string, target: string): DvcObject | undefined {
  const way = relative(directory, target);
  return isAbsolute(way) ? undefined : parseKey(way.split(sep).join('/'));
}

function realOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}

/** Bytes of the regular file behind a link of the user's; undefined: there is none. */
export function sizeBehind(path: string): number | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat.size : undefined;
  } catch {
    return undefined;
  }
}
