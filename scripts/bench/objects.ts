import { createCipheriv, createHash } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const blockBytes = 1 << 24;

/** An object of DVC's cache; the name of a listing ends in `.dir`. */
export interface CacheObject {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Path in the directory → its object. */
export type Listing = ReadonlyMap<string, CacheObject>;

/** Writes objects into a DVC cache as DVC itself would, read-only and under their MD5. */
export interface ObjectWriter {
  /** The next file of random bytes. */
  leaf(sizeBytes: number): CacheObject;
  /** The object that lists a directory. */
  listing(entries: Listing): CacheObject;
}

/** `files/md5/<2>/<30>[.dir]`, below a cache as below a storage remote. */
export function objectPath(name: string): string {
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
}

/** @param seed the same one gives the same bytes again */
export function openObjectWriter(cache: string, seed: string): ObjectWriter {
  const zeros = Buffer.alloc(blockBytes);
  const series = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16));
  mkdirSync(cache, { recursive: true });
  const keep = (name: string, write: (path: string) => void): void => {
    const path = join(cache, objectPath(name));
    mkdirSync(dirname(path), { recursive: true });
    write(path);
    // DVC hashes an object again that is not read-only.
    chmodSync(path, 0o444);
  };
  const largeLeaf = (sizeBytes: number): CacheObject => {
    const temporary = join(cache, 'new');
    const file = openSync(temporary, 'w');
    const hash = createHash('md5');
    for (let left = sizeBytes; left > 0; left -= blockBytes) {
      const block = series.update(zeros.subarray(0, Math.min(left, blockBytes)));
      hash.update(block);
      writeSync(file, block);
    }
    closeSync(file);
    const name = hash.digest('hex');
    keep(name, (path) => renameSync(temporary, path));
    return { name, sizeBytes };
  };
  return {
    leaf(sizeBytes) {
      if (sizeBytes > blockBytes) return largeLeaf(sizeBytes);
      const bytes = series.update(zeros.subarray(0, sizeBytes));
      const name = createHash('md5').update(bytes).digest('hex');
      keep(name, (path) => writeFileSync(path, bytes));
      return { name, sizeBytes };
    },
    listing(entries) {
      const bytes = Buffer.from(formatListing(entries));
      const name = `${createHash('md5').update(bytes).digest('hex')}.dir`;
      keep(name, (path) => writeFileSync(path, bytes));
      return { name, sizeBytes: bytes.length };
    },
  };
}

/** Python's json.dumps with sorted keys, entries in the order of their paths. Plain ASCII paths only. */
function formatListing(entries: Listing): string {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return `[${sorted.map(([path, { name }]) => `{"md5": "${name}", "relpath": "${path}"}`).join(', ')}]`;
}

/** The `.dvc` file of a tracked file. */
export function formatFileEntry(path: string, { name, sizeBytes }: CacheObject): string {
  return `outs:\n- md5: ${name}\n  size: ${sizeBytes}\n  hash: md5\n  path: ${path}\n`;
}

/** The `.dvc` file of a tracked directory, whose size is that of its files. */
export function formatDirectoryEntry(path: string, { name }: CacheObject, entries: Listing): string {
  const sizeBytes = [...entries.values()].reduce((sum, entry) => sum + entry.sizeBytes, 0);
  return `outs:\n- md5: ${name}\n  size: ${sizeBytes}\n  nfiles: ${entries.size}\n  hash: md5\n  path: ${path}\n`;
}
