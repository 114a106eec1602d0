import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import { type HashKind, isListing, requireObjectId } from '../model/object.ts';
import { formatListing, isUnsafe, type ListingEntry, listingId } from './listing.ts';
import type { Output, VersionedFile } from './outputs.ts';
import { formatNumber, isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** Where a metafile stands, paths from the top of the Git repository. */
export interface Place {
  readonly file: string;
  /** Root of the DVC project, '' for the top. */
  readonly root: string;
}

/** What an entry under `outs` of a .dvc file or of dvc.lock recorded about its output. */
export type Recorded = Pick<Output, 'object' | 'size' | 'versioned' | 'executable'>;

export const nothingRecorded: Recorded = {
  object: undefined,
  size: undefined,
  versioned: undefined,
  executable: false,
};

/** What an output's declaration says about moving it. */
export type Flags = Pick<Output, 'cache' | 'push' | 'remote'>;

/** `cache`, `push` and `remote` of an output; all else does not matter to us. */
export function readFlags(entry: YamlMap): Flags {
  const remote = readText(entry, 'remote');
  return {
    cache: entry.get('cache') !== false,
    push: entry.get('push') !== false,
    // DVC folds the names of storage remotes.
    remote: remote === undefined || remote === '' ? undefined : remote.toLowerCase(),
  };
}

/** Text under a key as it was written, also where YAML would see a number in it; undefined when it is absent or null. */
export function readText(entry: YamlMap, key: string): string | undefined {
  const value = entry.get(key);
  if (value === undefined || value === null) return undefined;
  const text = asText(value);
  if (text === undefined) throw new HelperError('corrupt', `'${key}' is not text`);
  return text;
}

function asText(value: Yaml): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return value !== null && 'number' in value ? value.number : undefined;
}

/** Throws `corrupt`, without saying where, when a hash is none. */
export function readRecorded(entry: YamlMap): Recorded {
  const kind = hashKindOf(entry);
  const files = entry.get('files');
  if (isYamlList(files) && files.length > 0) return readVersionedFolder(files, kind);
  const object = readObject(entry, kind);
  const versions = readVersions(entry);
  if (versions !== undefined && versions.size > 0 && kind !== undefined)
    requireHash(object, 'an output with a version');
  return {
    object,
    size: readSize(entry),
    executable: entry.get('isexec') === true,
    versioned: versions === undefined ? undefined : [{ relpath: '', object, versions }],
  };
}

/** No `hash` key: written by DVC 2. */
function hashKindOf(entry: YamlMap): HashKind | undefined {
  const hash = readText(entry, 'hash');
  if (hash === undefined) return 'md5-dos2unix';
  return hash === 'md5' ? hash : undefined;
}

function readObject(entry: YamlMap, kind: HashKind | undefined): Output['object'] {
  const name = readText(entry, 'md5');
  // Of another kind than MD5 are only things outside the project: nothing of them is in the cache.
  if (kind === undefined || name === undefined || name === '') return undefined;
  return { kind, id: requireObjectId(name, `'md5'`) };
}

function readSize(entry: YamlMap): number | undefined {
  const value = entry.get('size');
  if (value === null || typeof value !== 'object' || !('number' in value)) return undefined;
  const size = Number(formatNumber(value));
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

/**
 * Versions by storage remote: `cloud: {remote: {version_id}}`, or as DVC 2 wrote it, `version_id` and `remote` beside
 * the hash. undefined: the entry is no cloud-versioned one.
 */
function readVersions(entry: YamlMap): ReadonlyMap<string, string> | undefined {
  const cloud = entry.get('cloud');
  const versions = new Map<string, string>();
  const add = (remote: string, from: Yaml): void => {
    const version = isYamlMap(from) ? readText(from, 'version_id') : undefined;
    if (version !== undefined && version !== '') versions.set(remote.toLowerCase(), version);
  };
  if (isYamlMap(cloud)) for (const [remote, from] of cloud) add(remote, from);
  else if (entry.has('version_id')) add(readText(entry, 'remote') ?? '', entry);
  else return undefined;
  return versions;
}

/** A directory whose listing stands in the metafile: its object is the listing DVC makes of it in the cache. */
function readVersionedFolder(files: readonly Yaml[], kind: HashKind | undefined): Recorded {
  const versioned = files.map((file): VersionedFile => {
    const relpath = isYamlMap(file) ? readText(file, 'relpath') : undefined;
    if (!isYamlMap(file) || relpath === undefined)
      throw new HelperError('corrupt', "a file under 'files' has no 'relpath'");
    if (isUnsafe(relpath)) throw new HelperError('corrupt', `path '${relpath}' under 'files' is not safe`);
    const object = readObject(file, kind);
    if (kind !== undefined) requireHash(object, `'${relpath}' under 'files'`);
    return { relpath, object, versions: readVersions(file) ?? new Map() };
  });
  const sizes = files.map((file) => (isYamlMap(file) ? readSize(file) : undefined));
  const listing = formatInlineListing(versioned);
  return {
    object: listing === undefined || kind === undefined ? undefined : { kind, id: listingId(listing) },
    size: sumOf(sizes),
    executable: false,
    versioned,
  };
}

/** undefined where a part is: the whole is then not known. */
function sumOf(sizes: readonly (number | undefined)[]): number | undefined {
  return sizes.reduce<number | undefined>(
    (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
}

/** DVC's word for a file is its MD5. The service's own (`etag`) says nothing about bytes that could be checked. */
function requireHash(object: Output['object'], what: string): void {
  if (object === undefined || isListing(object.id)) {
    throw new HelperError('corrupt', `${what} has no 'md5' of a file to check its bytes with`);
  }
}

/** Bytes of the listing that DVC makes of files in a metafile; undefined when one of them has no hash. */
export function formatInlineListing(files: readonly VersionedFile[]): Uint8Array | undefined {
  const entries: ListingEntry[] = [];
  for (const { relpath, object } of files) {
    if (object === undefined) return undefined;
    entries.push({ relpath, id: object.id });
  }
  return formatListing(entries);
}

/** A path of an output from the top of the Git repository, or undefined when it leaves the DVC project. */
function locate(place: Place, wdir: string, path: string): string | undefined {
  if (isExternal(path)) return undefined;
  const full = posix.normalize(posix.join(posix.dirname(place.file), wdir, path)).replace(/\/$/, '');
  const inside =
    place.root === '' ? full !== '.' && full !== '..' && !full.startsWith('../') : full.startsWith(`${place.root}/`);
  return inside ? full : undefined;
}

/** Absolute paths and URLs: such outputs are in no cache since DVC 3. */
function isExternal(path: string): boolean {
  return path.startsWith('/') || /^[a-z][a-z0-9+.-]*:\/\//i.test(path);
}

/**
 * The output that an entry describes. One outside the project is kept for people to see, but has nothing to move.
 *
 * @param path as written in the metafile, relative to `wdir`, which is relative to the metafile
 */
export function describeOutput(
  place: Place,
  wdir: string,
  path: string,
  flags: Flags,
  recorded: Recorded,
  imported: Output['imported'],
  stage?: string,
): Output {
  const located = locate(place, wdir, path);
  const { cache, push, remote } = flags;
  const source = { imported, file: place.file, stage };
  if (located === undefined) return { path, cache: false, push, remote, ...source, ...nothingRecorded };
  return { path: located, cache, push, remote, ...source, ...recorded };
}

/** `./a//b/../c` → `a/c`, so that a declaration and its record meet whichever way they were written. */
export function normalisePath(path: string): string {
  return isExternal(path) ? path : posix.normalize(path).replace(/(?<=.)\/$/, '');
}
