import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
import { fixedLimit, forEachConcurrent } from './concurrent.ts';

/** Up to this many objects are asked for one by one: cheaper than any listing. */
const handful = 32;
/** Objects on a page of a listing, on every service that lists. */
const pageSize = 1000;
/** Up to this many objects in storage one listing after the other is as fast as many at once (docs/decisions). */
const fewStored = 20_000;
const listings = 16;
const depth = 'files/md5/'.length;

/**
 * Sizes, in bytes, of those of `keys` that storage has. Asks one by one for a handful, else lists, whichever costs
 * fewer round trips as far as one sample prefix can tell.
 */
export async function findPresent(
  keys: readonly string[],
  storage: Storage,
  operation: Operation,
): Promise<ReadonlyMap<string, number>> {
  if (keys.length === 0) return new Map();
  if (keys.length <= handful || !storage.canList) return probe(keys, storage, operation);
  const wanted = new Map(keys.map((key) => [key, key]));
  const found = new Map<string, number>();
  const list = async (prefix: string, inner: Operation): Promise<number> => {
    let seen = 0;
    for await (const entry of storage.list(prefix, inner)) {
      seen += 1;
      // Our own text of the name: theirs may be a piece of the answer, and would keep all of it.
      const key = wanted.get(entry.key);
      if (key !== undefined) found.set(key, entry.size);
    }
    return seen;
  };
  const prefixes = [...new Set(keys.map((key) => key.slice(0, key.startsWith('files/') ? depth + 3 : 3)))].sort();
  const [sample = ''] = prefixes;
  const inSample = await list(sample, operation);
  const stored = inSample * 256;
  const pages = prefixes.length * Math.max(1, Math.ceil(inSample / pageSize));
  if (Math.min(pages, Math.ceil(stored / pageSize) + 1) > keys.length) return probe(keys, storage, operation);
  if (stored <= fewStored && prefixes.every((prefix) => prefix.startsWith('files/md5/')))
    await list('files/md5/', operation);
  else
    await forEachConcurrent(
      prefixes.slice(1),
      fixedLimit(listings),
      async (prefix, inner) => void (await list(prefix, inner)),
      operation,
    );
  return found;
}

async function probe(
  keys: readonly string[],
  storage: Storage,
  operation: Operation,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  await forEachConcurrent(
    keys,
    fixedLimit(Math.min(64, storage.concurrency)),
    async (key, inner) => {
      const entry = await storage.stat(key, inner);
      if (entry !== undefined) found.set(key, entry.size);
    },
    operation,
  );
  return found;
}

/** True for errors that say one object is at fault and the next may succeed. */
export function concernsOneObject(error: unknown): error is HelperError {
  return error instanceof HelperError && (error.code === 'corrupt' || error.code === 'missing');
}
