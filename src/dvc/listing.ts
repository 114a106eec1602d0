import { createHash } from 'node:crypto';
import { HelperError } from '../model/error.ts';
import { isListing, type ObjectId, requireObjectId } from '../model/object.ts';
import { printable } from '../report/printable.ts';
import { compareText, formatText } from './python-json.ts';

/** A file of a directory that DVC tracks. */
export interface ListingEntry {
  /** Below the directory, parts separated by `/`. It neither leaves the directory nor names Git's own folder. */
  readonly relpath: string;
  readonly id: ObjectId;
}

/** Bytes of any listing, and of one in another layout than DVC's own, which has to be parsed as a whole. */
export const largestListing: number = 512 * 1024 * 1024;
const largestForeignListing = 8 * 1024 * 1024;
const mostEntries = 10_000_000;

/**
 * The files of a `.dir` object, in its order.
 * Throws `corrupt`, beginning with `where`, when the bytes are no listing, or name a nested listing or an unsafe path.
 */
export function parseListing(bytes: Uint8Array, where: string): ListingEntry[] {
  const entries: ListingEntry[] = [];
  scan(bytes, where, (id, relpath) => entries.push({ relpath, id }));
  return entries;
}

/** The distinct objects of a listing, checked like parseListing but without building its entries. */
export function parseListingIds(bytes: Uint8Array, where: string): Set<ObjectId> {
  const ids = new Set<ObjectId>();
  scan(bytes, where, (id) => ids.add(id));
  return ids;
}

/** The bytes that DVC writes for these files, in whatever order they come. */
export function formatListing(entries: readonly ListingEntry[]): Uint8Array {
  const sorted = [...entries].sort((a, b) => compareText(a.relpath, b.relpath));
  const items = sorted.map(({ id, relpath }) => `{"md5": "${id}", "relpath": ${formatText(relpath)}}`);
  return Buffer.from(`[${items.join(', ')}]`, 'latin1');
}

/** Name of the listing that has these bytes. */
export function listingId(bytes: Uint8Array): ObjectId {
  return requireObjectId(`${createHash('md5').update(bytes).digest('hex')}.dir`, 'listing');
}

type Visit = (id: ObjectId, relpath: string) => void;

function scan(bytes: Uint8Array, where: string, visit: Visit): void {
  if (bytes.length > largestListing)
    throw new HelperError(
      'corrupt',
      `${where}: a listing of more than ${largestListing / 1024 / 1024} MiB is not read`,
    );
  let count = 0;
  let folder = '';
  const checked: Visit = (id, relpath) => {
    count += 1;
    if (count > mostEntries)
      throw new HelperError('corrupt', `${where}: a listing of more than ${mostEntries} files is not read`);
    // Neighbours share their folder: judge it once.
    const name = relpath.lastIndexOf('/') + 1;
    const sameFolder = name > 0 && relpath.startsWith(folder) && folder.length === name;
    if (isUnsafe(sameFolder ? relpath.slice(name) : relpath))
      throw new HelperError('corrupt', `${where}: path '${printable(relpath)}' is not safe`);
    if (!sameFolder) folder = relpath.slice(0, name);
    visit(id, relpath);
  };
  for (const items of readItems(bytes, where)) {
    for (const item of items) {
      const { md5, relpath } = (item ?? {}) as { md5?: unknown; relpath?: unknown };
      if (typeof relpath !== 'string') throw new HelperError('corrupt', `${where}: a file without 'relpath'`);
      const id = requireObjectId(md5, where);
      if (isListing(id)) throw new HelperError('corrupt', `${where}: a listing may not name another one, '${id}'`);
      checked(id, relpath);
    }
  }
}

const windowBytes = 1024 * 1024;
/** DVC's own, and without blanks. They cannot stand inside JSON text, where a quote has a backslash before it. */
const between = ['"}, {"', '"},{"'];

/** The files of a listing, a window of its bytes after the other, so that a huge one needs little memory. */
function* readItems(bytes: Uint8Array, where: string): Iterable<readonly unknown[]> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  do {
    const window = buffer.subarray(start, start + windowBytes);
    const cut =
      start + window.length < buffer.length ? Math.max(...between.map((mark) => window.lastIndexOf(mark))) : -1;
    const end = cut > 0 ? start + cut + 2 : buffer.length;
    // Another layout than DVC's own has no place to cut.
    if (end - start > largestForeignListing)
      throw new HelperError(
        'corrupt',
        `${where}: more than ${largestForeignListing / 1024 / 1024} MiB in another layout than DVC's`,
      );
    yield parseItems(buffer.subarray(start, end), start > 0, end < buffer.length, where);
    start = end + 1;
  } while (start < buffer.length);
}

function parseItems(bytes: Uint8Array, before: boolean, after: boolean, where: string): readonly unknown[] {
  let items: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    items = JSON.parse(`${before ? '[' : ''}${text}${after ? ']' : ''}`);
  } catch (error) {
    throw new HelperError('corrupt', `${where}: a listing has to be JSON`, { cause: error });
  }
  if (!Array.isArray(items)) throw new HelperError('corrupt', `${where}: a listing has to be a JSON array`);
  return items;
}

const climbs = /^[/\\]|^[A-Za-z]:[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)|(?:^|\/)\.?(?:\/|$)|\0/;
// `.git` as any system takes it (git-config(1), core.protectNTFS and core.protectHFS).
const gitFolder = /(?:^|[/\\])(?:\.git|git~1)[ .]*(?::[^/\\]*)?(?:[/\\]|$)/i;
const ignoredByHfs = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/**
 * True for what would leave the tracked directory, or become Git's own folder in it, when DVC checks the listing out.
 * Names that are merely impossible on some systems (`a:b`, a trailing dot) are fine: people have such files.
 */
export function isUnsafe(relpath: string): boolean {
  return climbs.test(relpath) || gitFolder.test(asHfsReads(relpath));
}

/** Without the characters that a file system of macOS passes over: with them a name is no other one. */
export function asHfsReads(path: string): string {
  return path.replace(ignoredByHfs, '');
}
