import { lstatSync, type Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type DvcObject, type Key, parseKey } from '../model/object.ts';
import { printable } from '../report/printable.ts';
import { diskError } from './cache-error.ts';
import { parseRunPath, type RunPath } from './run.ts';

/** A file of the cache, as the disk tells it. */
interface Stocked {
  /** Absolute. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The later of when its bytes and when its name or mode changed: a file that was moved here keeps the former. Milliseconds since 1970. */
  readonly changed: number;
}

export type StockItem =
  | (Stocked & {
      readonly kind: 'object';
      readonly object: DvcObject;
      readonly key: Key;
      /** Nobody may write to it, as DVC wants it. */
      readonly guarded: boolean;
    })
  | (Stocked & { readonly kind: 'run'; readonly key: RunPath })
  /** What a run that was killed left, or is still writing. */
  | (Stocked & { readonly kind: 'temporary' })
  /** Stands where objects stand and is none. */
  | (Stocked & { readonly kind: 'foreign' });

/**
 * Everything in a cache, folder by folder; nothing when there is no cache. What lies beside DVC's own folders is passed over.
 * Throws `io` where a folder cannot be read: half of a cache must not pass for all of it.
 */
export async function* stockOf(directory: string): AsyncGenerator<StockItem> {
  // DVC 2 keeps objects at the top, DVC 3 below.
  for (const base of ['', 'files/md5/']) {
    for (const two of await namesIn(join(directory, base))) {
      if (/^[0-9a-f]{2}$/.test(two)) yield* folderOf(directory, `${base}${two}/`);
      else if (two.endsWith('.tmp')) yield* one(directory, `${base}${two}`);
    }
  }
  for (const two of await namesIn(join(directory, 'runs'))) {
    for (const key of await namesIn(join(directory, 'runs', two))) {
      yield* folderOf(directory, `runs/${two}/${key}/`);
    }
  }
}

/** Nobody may write to the object at this path. */
export function isGuarded(path: string): boolean {
  const stat = statOf(path);
  return stat === undefined || guards(stat);
}

const guards = ({ mode }: Stats): boolean => (mode & 0o222) === 0;

async function* folderOf(directory: string, folder: string): AsyncGenerator<StockItem> {
  for (const name of await namesIn(join(directory, folder))) yield* one(directory, `${folder}${name}`);
}

function* one(directory: string, key: string): Generator<StockItem> {
  const path = join(directory, key);
  const stat = statOf(path);
  // Removed by somebody since it was listed, or an unpacked directory of a very old DVC.
  if (stat === undefined || stat.isDirectory()) return;
  const stocked = { path, size: stat.size, changed: Math.max(stat.mtimeMs, stat.ctimeMs) };
  const object = stat.isFile() ? parseKey(key) : undefined;
  const run = stat.isFile() ? parseRunPath(key) : undefined;
  if (object !== undefined) {
    yield { ...stocked, kind: 'object', object, key: key as Key, guarded: guards(stat) };
  } else if (run !== undefined) yield { ...stocked, kind: 'run', key: run };
  else yield { ...stocked, kind: key.endsWith('.tmp') ? 'temporary' : 'foreign' };
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw diskError(error, `cannot look at '${printable(path)}' in the cache`, path);
  }
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw diskError(error, `cannot read '${printable(path)}' in the cache`, path);
  }
}
