import * as fs from 'node:fs';
import { join, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HelperError } from '../../model/error.ts';
import type { Content, Operation, TransferOperation } from '../../model/operation.ts';
import { createOrigin } from '../../model/origin.ts';
import { realPath } from '../../model/real-path.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import { isKey, requireKey } from '../key.ts';
import type { Entry, LocateStorage, OpenStorage, ReadOperation, Storage } from '../remote.ts';
import { isLeftOver, temporaryName } from '../temporary.ts';
import { codeOf, failure, guard, type Tell, telling } from './failure.ts';

// Below this a file is read and written synchronously: promises cost three times as much for small files.
const chunkBytes = 1024 * 1024;
const readChunk = promisify(fs.read);
const writeChunk = promisify(fs.write);

/**
 * A directory, mounted share or another clone's cache. Objects are files of mode 0444, entries of the run cache of
 * 0644, as DVC writes them.
 */
export const openLocalStorage: OpenStorage = async (config, context) => {
  const base = openBase(config, context.createBase === true);
  const folders = new Set<string>();
  return {
    displayUrl: printable(config.url),
    concurrency: 8,
    canList: true,
    async stat(key, operation) {
      operation.signal.throwIfAborted();
      const found = statFile(base, requireKey(key));
      return found && { key, size: found.size };
    },
    // Whoever pushes has such a memory, and may tidy up.
    list: (prefix, operation) => listFiles(base, prefix, context.uploads !== undefined, operation),
    read: (key, operation) => readFile(base, requireKey(key), operation),
    async write(key, content, operation) {
      operation.signal.throwIfAborted();
      await writeFile(base, folders, requireKey(key), content, operation);
    },
    async close() {},
  } satisfies Storage;
};

export const locateLocal: LocateStorage = (config) => {
  const namedBy = config.committed.has('url') ? 'repository' : 'user';
  // A link in the work tree must not be what is trusted: the next commit may have it lead elsewhere.
  const path = namedBy === 'repository' ? realPath(config.url) : config.url;
  return createOrigin('file', '', path.split(sep).join('/'), { provider: false, namedBy });
};

/** The directory that the URL names, and what its absence means. */
interface Base {
  readonly path: string;
  /** Throws when the directory is not there (unless it may be created) or is none. Answers whether it is there. */
  check(): boolean;
}

function openBase(config: StorageConfig, create: boolean): Base {
  const path = config.url;
  return {
    path,
    check() {
      let found: fs.Stats | undefined;
      try {
        found = fs.statSync(path, { throwIfNoEntry: false });
      } catch (error) {
        throw failure(error, (why) => `cannot open storage directory '${printable(path)}': ${why}`);
      }
      if (found?.isDirectory() === true) return true;
      if (found !== undefined) {
        throw new HelperError('config', `storage '${printable(path)}' is not a directory`, {
          hints: [`name one: dvc remote modify ${printable(config.name)} url <directory>`],
        });
      }
      if (create) return false;
      // A share that is not mounted must not look like storage that has lost its objects.
      throw new HelperError('unavailable', `storage directory '${printable(path)}' does not exist`, {
        hints: [`mount it, or create it with: mkdir -p '${printable(path)}'`],
      });
    },
  };
}

function statFile(base: Base, key: string): fs.Stats | undefined {
  let found: fs.Stats | undefined;
  try {
    found = fs.statSync(join(base.path, key), { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) !== 'ENOTDIR') throw failure(error, telling('cannot look into', base.path, key));
  }
  if (found?.isFile() === true) return found;
  base.check();
  return undefined;
}

async function* listFiles(base: Base, prefix: string, sweeps: boolean, operation: Operation): AsyncGenerator<Entry> {
  if (!base.check()) return;
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') requireKey(folder.slice(0, -1));
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    // Reading a folder is synchronous: let timers, signals and other transfers run between two of them.
    await setImmediate();
    operation.signal.throwIfAborted();
    for (const entry of readFolder(base, next)) {
      const key = `${next}${entry.name}`;
      if (sweeps) removeLeftOver(join(base.path, key), entry);
      if (!isKey(key) || key.endsWith('.tmp')) continue;
      // Not descending into symlinks keeps the walk finite; DVC makes none here.
      if (entry.isDirectory() && (key.startsWith(prefix) || prefix.startsWith(`${key}/`))) waiting.push(`${key}/`);
      if (!key.startsWith(prefix) || entry.isDirectory()) continue;
      const found = statFile(base, key);
      // A file that was moved here keeps the time of its bytes: the later of both is when it came.
      if (found !== undefined) yield { key, size: found.size, modified: Math.max(found.mtimeMs, found.ctimeMs) };
    }
  }
}

/** Best effort: what cannot be removed lies under a name that nobody reads. */
function removeLeftOver(path: string, entry: fs.Dirent): void {
  if (!entry.isFile() || !isLeftOver(entry.name, Number.NEGATIVE_INFINITY)) return;
  try {
    if (isLeftOver(entry.name, fs.lstatSync(path).mtimeMs)) fs.rmSync(path, { force: true });
  } catch {
    // Not ours to remove, or gone already.
  }
}

function readFolder(base: Base, folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(join(base.path, folder), { withFileTypes: true });
  } catch (error) {
    // Removed by somebody since we saw it, or never there: then it holds nothing.
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
    throw failure(error, (why) => `cannot list '${printable(join(base.path, folder))}': ${why}`);
  }
}

async function* readFile(base: Base, key: string, operation: ReadOperation): AsyncGenerator<Uint8Array> {
  operation.signal.throwIfAborted();
  const tell = telling('cannot read from', base.path, key);
  const fd = openForReading(base, key, tell);
  try {
    let at = operation.start ?? 0;
    const size = Math.max(0, fs.fstatSync(fd).size - at);
    if (size <= chunkBytes) {
      const bytes = Buffer.allocUnsafe(size);
      const length = guard(tell, () => readFully(fd, bytes, at));
      operation.moved?.(length);
      if (length > 0) yield bytes.subarray(0, length);
      return;
    }
    for (;;) {
      operation.signal.throwIfAborted();
      const chunk = readChunk(fd, Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at);
      const { bytesRead, buffer } = await chunk.catch((error) => Promise.reject(failure(error, tell)));
      if (bytesRead === 0) return;
      at += bytesRead;
      operation.moved?.(bytesRead);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    fs.closeSync(fd);
  }
}

function readFully(fd: number, bytes: Uint8Array, start: number): number {
  let length = 0;
  while (length < bytes.length) {
    const count = fs.readSync(fd, bytes, length, bytes.length - length, start + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}

function openForReading(base: Base, key: string, tell: Tell): number {
  const absent = (): HelperError => {
    base.check();
    return new HelperError('missing', `storage '${printable(base.path)}' has no object '${key}'`);
  };
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO that somebody left there must not wait for its writer.
    fd = fs.openSync(join(base.path, key), fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw absent();
    throw failure(error, tell);
  }
  if (fs.fstatSync(fd).isFile()) return fd;
  fs.closeSync(fd);
  throw absent();
}

async function writeFile(
  base: Base,
  folders: Set<string>,
  key: string,
  content: Content,
  operation: TransferOperation,
): Promise<void> {
  const tell = telling('cannot write to', base.path, key);
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  const temporary = join(base.path, folder, temporaryName());
  const fd = guard(tell, () => openForWriting(base, folders, folder, temporary));
  let open = true;
  try {
    const size = await writeStream(fd, content, operation, tell);
    if (size !== content.size) {
      throw new HelperError('corrupt', tell(`the source gave ${size} bytes where ${content.size} were announced`));
    }
    operation.signal.throwIfAborted();
    guard(tell, () => {
      fs.fchmodSync(fd, key.startsWith('runs/') ? 0o644 : 0o444);
      open = false;
      fs.closeSync(fd);
      fs.renameSync(temporary, join(base.path, key));
    });
  } catch (error) {
    if (open) fs.closeSync(fd);
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function openForWriting(base: Base, folders: Set<string>, folder: string, temporary: string): number {
  // O_EXCL: never through a symlink that somebody planted. Mode: bytes in transit are nobody else's business.
  const open = (): number => fs.openSync(temporary, 'wx', 0o600);
  if (folders.has(folder)) {
    try {
      return open();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  makeFolder(base, folder);
  folders.add(folder);
  return open();
}

async function writeStream(fd: number, content: Content, operation: TransferOperation, tell: Tell): Promise<number> {
  let size = 0;
  for await (const chunk of content.open()) {
    operation.signal.throwIfAborted();
    for (let start = 0; start < chunk.length; ) {
      if (content.size <= chunkBytes) {
        start += guard(tell, () => fs.writeSync(fd, chunk, start));
      } else {
        const written = writeChunk(fd, chunk, start, chunk.length - start, null);
        start += (await written.catch((error) => Promise.reject(failure(error, tell)))).bytesWritten;
      }
    }
    size += chunk.length;
    operation.moved?.(chunk.length);
  }
  return size;
}

/** Makes `a/b/` below the base, one part at a time, and refuses a part that is a symlink: it could lead anywhere. */
function makeFolder(base: Base, folder: string): void {
  fs.mkdirSync(base.path, { recursive: true });
  let path = base.path;
  for (const part of folder.split('/').filter((text) => text !== '')) {
    path = join(path, part);
    try {
      fs.mkdirSync(path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (!fs.lstatSync(path).isDirectory()) {
        throw new HelperError('config', `'${printable(path)}' in storage is a link or a file, not a directory`, {
          hints: ['let the storage URL name the real place, or move that entry away'],
        });
      }
    }
  }
}
