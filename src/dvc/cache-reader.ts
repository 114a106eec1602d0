import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { HelperError } from '../model/error.ts';
import { type DvcObject, isListing } from '../model/object.ts';
import { printable } from '../report/printable.ts';
import { diskError } from './cache-error.ts';
import { damaged, digestOf, isNamed, verified } from './hash.ts';

/** Up to here a file is read at once and checked before its first byte is handed out. */
const wholeLimit = 2 ** 20;
const chunkSize = 2 ** 19;

/** Bytes of a regular file; undefined for anything else. */
export function sizeOf(path: string): number | undefined {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? stat.size : undefined;
  } catch (error) {
    throw diskError(error, `cannot look at '${printable(path)}' in the cache`, path);
  }
}

/** Links are for work trees; an object that is one was planted. Windows has no such flag. */
const readFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);

/** The object's bytes at once. Throws `corrupt` when they are not the object's or not `size` of them. */
export function readWhole(object: DvcObject, path: string, size: number): Uint8Array {
  const bytes = reading(path, () => {
    const file = openSync(path, readFlags);
    try {
      if (fstatSync(file).size !== size) throw changed(path);
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  });
  const digest = digestOf(object.kind, bytes);
  if (!isNamed(object, digest)) throw damagedHere(object, path, digest);
  return bytes;
}

/** The object's bytes. Throws `corrupt` before the last of them is out. */
export async function* readVerified(object: DvcObject, path: string, size: number): AsyncIterable<Uint8Array> {
  if (size <= wholeLimit) {
    const bytes = readWhole(object, path, size);
    if (bytes.length > 0) yield bytes;
    return;
  }
  try {
    yield* verified(object, chunksOf(path), path);
  } catch (error) {
    if (error instanceof HelperError && error.code === 'corrupt') throw withHints(error, object, path);
    throw error;
  }
}

/** True when the file holds the object's bytes. */
export async function isWhole(object: DvcObject, path: string, size: number): Promise<boolean> {
  try {
    for await (const _ of readVerified(object, path, size));
    return true;
  } catch (error) {
    if (error instanceof HelperError && error.code === 'corrupt') return false;
    throw error;
  }
}

async function* chunksOf(path: string): AsyncIterable<Uint8Array> {
  const failed = (error: unknown): never => {
    throw diskError(error, `cannot read '${printable(path)}' in the cache`, path);
  };
  const file = await open(path, readFlags).catch(failed);
  const readChunk = async (): Promise<Uint8Array> => {
    const buffer = Buffer.allocUnsafeSlow(chunkSize);
    const { bytesRead } = await file.read(buffer, 0, chunkSize, null).catch(failed);
    return buffer.subarray(0, bytesRead);
  };
  let ahead = readChunk();
  try {
    for (;;) {
      const chunk = await ahead;
      if (chunk.length === 0) return;
      // The disk works while the one who asked hashes and sends.
      ahead = readChunk();
      yield chunk;
    }
  } finally {
    await ahead.catch(() => undefined);
    await file.close();
  }
}

function reading<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw diskError(error, `cannot read '${printable(path)}' in the cache`, path);
  }
}

function changed(path: string): HelperError {
  return new HelperError('corrupt', `'${printable(path)}' in the cache changed while it was read`);
}

function hintsFor(object: DvcObject, path: string): readonly string[] {
  const command = /^[\w./-]+$/.test(path) ? `rm -f ${path}` : 'remove the file';
  return [
    `the ${isListing(object.id) ? 'listing' : 'file'} in the cache was changed after it was added; to get it again: ` +
      `${command}, then git fetch or dvc fetch, or dvc commit where the output still is`,
  ];
}

function damagedHere(object: DvcObject, path: string, digest: string): HelperError {
  return damaged(object, digest, path, hintsFor(object, path));
}

function withHints(error: HelperError, object: DvcObject, path: string): HelperError {
  return new HelperError(error.code, error.message, { hints: hintsFor(object, path), cause: error.cause });
}
