import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Cache } from '../dvc/cache.ts';
import type { LinkType } from '../dvc/config.ts';
import { formatListing, type ListingEntry, listingId } from '../dvc/listing.ts';
import type { Recording } from '../dvc/metafile-edit.ts';
import { HelperError } from '../model/error.ts';
import type { DvcObject } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { holds, linkedObject, objectOf } from './bytes.ts';
import { type Folders, isReserved, openFolders } from './folders.ts';
import { openIgnored } from './ignored.ts';
import { type Memory, openMemory } from './memory.ts';
import { isTemporary, openPlacer } from './place.ts';
import { isSame, look } from './stamp.ts';

/** Where an output is to go. Paths are from the top of the repository. */
export interface Added {
  readonly path: string;
  /** Of its DVC project. */
  readonly root: string;
  readonly cache: Cache;
  readonly linkTypes: readonly LinkType[];
}

export interface AddOptions {
  readonly top: string;
  readonly gitDirectory: string;
  readonly meter: (files: number) => { object(): void; finish(done: boolean): void };
}

const wholeLimit = 2 ** 20;
/** Files until signals are looked at. */
const breath = 64;
const ownerMayRun = 0o100n;
const foreign = new Set(['.git', '.hg', '.dvc']);

/**
 * Brings the bytes of a file or a directory into the cache, and answers what a metafile records of them. A directory goes with its
 * listing; what `.dvcignore` leaves out is not part of it. Where `cache.type` wants links, files become such. Throws `usage` for
 * what cannot be an output, `corrupt` when a file changes while it is read.
 */
export async function addOutput(added: Added, options: AddOptions, operation: Operation): Promise<Recording> {
  const folders = openFolders(options.top);
  const memory = openMemory(options.gitDirectory);
  const obstacle = folders.obstacle(added.path);
  const stat = look(folders.at(added.path));
  if (obstacle !== undefined) throw new HelperError('usage', `'${printable(added.path)}' cannot be added: ${obstacle}`);
  if (stat === undefined) throw new HelperError('usage', `there is no '${printable(added.path)}'`);
  const bring = bringer(added, folders, memory);
  const files = stat.isDirectory() ? [...filesBelow(added, folders)] : [added.path];
  const meter = options.meter(files.length);
  let whole = false;
  try {
    if (!stat.isDirectory()) {
      const { object, size } = await bring(added.path, operation);
      return { object, size, files: undefined, executable: (stat.mode & ownerMayRun) !== 0n && !stat.isSymbolicLink() };
    }
    const entries: ListingEntry[] = [];
    let total = 0;
    for (const path of files) {
      if (entries.length % breath === 0) {
        await setImmediate();
        operation.signal.throwIfAborted();
      }
      const { object, size } = await bring(path, operation);
      entries.push({ relpath: path.slice(added.path.length + 1), id: object.id });
      total += size;
      meter.object();
    }
    const bytes = formatListing(entries);
    const object: DvcObject = { kind: 'md5', id: listingId(bytes) };
    await added.cache.write(object, bytes, operation);
    whole = true;
    return { object, size: total, files: entries.length, executable: false };
  } finally {
    meter.finish(whole);
    memory.save();
  }
}

function* filesBelow({ path, root }: Pick<Added, 'path' | 'root'>, folders: Folders): Iterable<string> {
  const ignored = openIgnored(folders);
  function* walk(folder: string): Iterable<string> {
    for (const entry of readdirSync(folders.at(folder), { withFileTypes: true })) {
      const each = posix.join(folder, entry.name);
      if (foreign.has(entry.name) || isTemporary(entry.name) || ignored.has(each, root, entry.isDirectory())) continue;
      if (isReserved(each)) throw new HelperError('usage', `'${printable(each)}' cannot be part of an output`);
      if (entry.isDirectory()) yield* walk(each);
      else yield each;
    }
  }
  yield* walk(path);
}

interface Brought {
  readonly object: DvcObject;
  readonly size: number;
}

/** Brings single files into the cache. */
function bringer(
  { path: output, cache, linkTypes }: Added,
  { at }: Folders,
  memory: Memory,
): (path: string, operation: Operation) => Promise<Brought> {
  const placer = openPlacer(cache, linkTypes);
  const [wanted] = linkTypes;
  return async (path, operation) => {
    const stamp = look(at(path));
    if (stamp?.isSymbolicLink() === true) return linked(path, at(path), cache);
    if (stamp?.isFile() !== true) throw new HelperError('usage', `'${printable(path)}' is no file`);
    const size = Number(stamp.size);
    const known = memory.find(path, stamp);
    const object = known?.kind === 'md5' ? known : await objectOf(at(path), 'md5', size, operation);
    const isThere = known === undefined ? await holds(cache, object, size) : cache.size(object) === size;
    if (!isThere) {
      const bytes = size <= wholeLimit ? readFileSync(at(path)) : createReadStream(at(path));
      await cache.write(object, bytes, operation);
    }
    const isStill = (): boolean => {
      const now = look(at(path));
      return now !== undefined && isSame(now, stamp);
    };
    if (!isStill()) throw new HelperError('corrupt', `'${printable(path)}' changed while it was read`);
    const executable = (stamp.mode & ownerMayRun) !== 0n;
    if (wanted === 'hardlink' || wanted === 'symlink') {
      if (stamp.nlink < 2n) await placer.place(object, at(path), { executable, isStill }, operation);
    }
    const seen = look(at(path));
    if (seen !== undefined) memory.remember(path, seen, object, output);
    return { object, size };
  };
}

/** A link into the cache is the object itself. Any other would be lost, and its target be taken for the data. */
function linked(path: string, at: string, cache: Cache): Brought {
  const object = linkedObject(at, cache);
  const size = object === undefined ? undefined : cache.size(object);
  if (object !== undefined && size !== undefined) return { object, size };
  throw new HelperError('usage', `'${printable(path)}' is a symbolic link that leads elsewhere than into the cache`, {
    hints: ['put the file itself there, or leave it out with .dvcignore'],
  });
}
