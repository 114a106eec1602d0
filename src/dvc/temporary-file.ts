import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
  writev,
} from 'node:fs';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Key } from '../model/object.ts';
import type { CacheDirectories } from './cache-directories.ts';
import { isSpent, partialOf, written } from './partial-name.ts';

/** A file beside the place where an object will be. `publish`, `keep` or `discard` ends it. */
export interface TemporaryFile {
  readonly path: string;
  /** Bytes that were in it when it was opened. */
  readonly begun: number;
  /** Appends chunks of together `size` bytes. One at a time. */
  append(chunks: readonly Uint8Array[], size: number): Promise<void>;
  /** The same without giving way to other work; three times cheaper for a small file. */
  appendNow(bytes: Uint8Array): void;
  /** Brings what was written to the disk. */
  sync(): Promise<void>;
  /** Makes the file the object at `path`, over what is there. */
  publish(path: string): void;
  /** Leaves the file, under a name by which a later run finds what came of the object. Never throws. */
  keep(): void;
  /** Removes the file. Never throws, and may be called in any state before a successful `publish`. */
  discard(): void;
}

/** DVC trusts files of this mode without hashing them. */
const objectMode = 0o444;
const staleMs = 24 * 60 * 60 * 1000;
/** Ends in `.tmp`, as DVC's own do, which everybody passes over; the middle says that it is ours to remove. */
const namePattern = /^\.[\w-]{22}\.dvcexp\.tmp$/;

const writevAsync = promisify(writev);
const fsyncAsync = promisify(fsync);

/** Nobody else may read it until it is checked, and no link is followed: the name is new. Throws what the disk says. */
export function createTemporaryFile(
  directories: CacheDirectories,
  key: Key,
  name: string = `.${randomBytes(16).toString('base64url')}.dvcexp.tmp`,
): TemporaryFile {
  const { path, file } = openNew(directories, key, name);
  return temporaryFile(path, file, 0);
}

/** The file at `path`, which is ours, with what is in it. Throws what the disk says. */
export function reopenTemporaryFile(path: string): TemporaryFile {
  const flags = constants.O_WRONLY | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);
  const file = openSync(path, flags);
  try {
    return temporaryFile(path, file, fstatSync(file).size);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function temporaryFile(path: string, file: number, begun: number): TemporaryFile {
  const name = path.slice(path.lastIndexOf(sep) + 1);
  written.add(name);
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    written.delete(name);
    closeSync(file);
  };
  const closeQuietly = (): void => {
    try {
      close();
    } catch {
      // The error that brought us here is the one to tell.
    }
  };
  const appendNow = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  };
  return {
    path,
    begun,
    appendNow,
    async append(chunks, size) {
      const { bytesWritten } = await writevAsync(file, chunks);
      // A short write is rare (a signal, a disk about to be full): the rest goes the simple way and meets the error.
      if (bytesWritten < size) appendNow(Buffer.concat(chunks).subarray(bytesWritten));
    },
    sync: () => fsyncAsync(file),
    publish(target) {
      // Last before the rename: wrong or partial bytes must never be seen with this mode.
      fchmodSync(file, objectMode);
      close();
      renameSync(path, target);
    },
    keep: closeQuietly,
    discard() {
      closeQuietly();
      rmQuietly(path);
    },
  };
}

function openNew(
  directories: CacheDirectories,
  key: Key,
  name: string,
): { readonly path: string; readonly file: number } {
  for (let tried = 1; ; tried++) {
    const path = join(directories.prepare(key), name);
    try {
      return { path, file: openSync(path, 'wx', 0o600) };
    } catch (error) {
      const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (tried > 1 || !gone) throw error;
      // Somebody (`dvc gc`, a person) removed the directory after it was made.
      directories.forget();
    }
  }
}

/** Removes the temporary files in `directory` that nobody has written to for a day, or will want. Never throws. */
export function removeStaleTemporaries(directory: string): void {
  for (const name of namesIn(directory)) {
    if (!name.endsWith('.dvcexp.tmp')) continue;
    const path = join(directory, name);
    if (partialOf(name) === undefined ? namePattern.test(name) && isStale(path) : isSpent(directory, name))
      rmQuietly(path);
  }
}

function isStale(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && Date.now() - stat.mtimeMs > staleMs;
}

/** Empty when the directory cannot be read. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function rmQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is swept by a later run.
  }
}
