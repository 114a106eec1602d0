import type { Cache } from '../dvc/cache.ts';
import { type StockItem, stockOf } from '../dvc/cache-stock.ts';
import type { HashPool } from '../dvc/hash-pool.ts';
import { parseListing, parseListingIds } from '../dvc/listing.ts';
import { HelperError, isAbort } from '../model/error.ts';
import { type DvcObject, isListing, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { Voice } from '../report/voice.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import type { Checked, Leftovers } from './fault.ts';
import type { Sample } from './sample.ts';

/** What was found out about one object of the cache. */
export type Verdict =
  | { readonly state: 'right'; readonly bytes: number; readonly hashed: boolean }
  | { readonly state: 'absent' }
  | { readonly state: 'damaged' | 'unreadable'; readonly bytes: number | undefined; readonly reason: string };

export interface CheckTools {
  readonly pool: HashPool;
  readonly sample: Sample;
  readonly voice: Voice;
}

/** Looks whether an object is there, and where the sample has it, whether its bytes are those of its name. */
export async function checkObject(
  object: DvcObject,
  cache: Cache,
  { pool, sample }: Pick<CheckTools, 'pool' | 'sample'>,
  moved: (bytes: number) => void,
): Promise<Verdict> {
  let bytes: number | undefined;
  try {
    bytes = cache.size(object);
    if (bytes === undefined) return { state: 'absent' };
    if (!sample.has(keyOf(object))) return { state: 'right', bytes, hashed: false };
    if (isListing(object.id)) {
      parseListingIds(cache.read(object), `listing ${object.id}`);
      moved(bytes);
    } else if (object.kind === 'md5') {
      const digest = await pool.digest(cache.path(object), moved);
      if (digest === undefined) return { state: 'absent' };
      if (!object.id.startsWith(digest)) return { state: 'damaged', bytes, reason: `its bytes hash to '${digest}'` };
    } else {
      for await (const chunk of cache.content(object).open()) moved(chunk.length);
    }
    return { state: 'right', bytes, hashed: true };
  } catch (error) {
    if (!(error instanceof HelperError) || isAbort(error)) throw error;
    if (error.code === 'missing') return { state: 'absent' };
    const reason = /its bytes hash to '.*'$/.exec(error.message)?.[0] ?? error.message;
    return { state: error.code === 'corrupt' ? 'damaged' : 'unreadable', bytes, reason };
  }
}

/** An object that a whole cache has not right, before anybody knows what it is for. */
export interface CacheFault {
  readonly kind: 'damaged' | 'missing' | 'unreadable';
  readonly object: DvcObject;
  readonly bytes: number | undefined;
  readonly reason: string;
  /** Of a lost file: a listing of the cache that names it, and as what. */
  readonly within: { readonly listing: DvcObject; readonly relpath: string } | undefined;
}

export interface WholeCache extends Checked {
  readonly faults: readonly CacheFault[];
  readonly leftovers: Leftovers;
  /** Their bytes are right, and somebody may write to them. */
  readonly writable: readonly DvcObject[];
}

/** Checks every object of a cache, and that the files of its listings are there. Reads the disk twice, since a meter wants a total. */
export async function checkWholeCache(cache: Cache, tools: CheckTools, operation: Operation): Promise<WholeCache> {
  const { pool, sample, voice } = tools;
  const total = { objects: 0, bytes: 0 };
  const leftovers = { files: 0, bytes: 0 };
  for await (const item of stockOf(cache.directory)) {
    operation.signal.throwIfAborted();
    if (item.kind === 'object') {
      if (!sample.has(item.key)) continue;
      total.objects += 1;
      total.bytes += item.size;
    } else if (item.kind !== 'run') {
      leftovers.files += 1;
      leftovers.bytes += item.size;
    }
  }
  const faults: CacheFault[] = [];
  const writable: DvcObject[] = [];
  const counts = { objects: 0, hashed: 0, bytes: 0 };
  const meter = voice.meter('Checking the cache', total);
  const moved = (bytes: number): void => {
    counts.bytes += bytes;
    meter.bytes(bytes);
  };
  const one = async (item: StockItem): Promise<void> => {
    if (item.kind !== 'object') return;
    const { object, guarded } = item;
    const verdict = await checkObject(object, cache, { pool, sample }, moved);
    if (verdict.state === 'absent') return;
    counts.objects += 1;
    if (verdict.state !== 'right') {
      const { state: kind, reason, bytes } = verdict;
      faults.push({ kind, object, bytes, reason, within: undefined });
      return;
    }
    if (!verdict.hashed) return;
    counts.hashed += 1;
    meter.object();
    if (!guarded) writable.push(object);
    if (isListing(object.id)) faults.push(...lostFilesOf(object, cache));
  };
  let whole = false;
  try {
    for await (const batch of batchesOf(stockOf(cache.directory), 1000)) {
      await forEachConcurrent(batch, fixedLimit(2 * pool.width), one, operation);
    }
    whole = true;
  } finally {
    meter.finish(whole);
  }
  return { place: cache.directory, ...counts, vouched: 0, elsewhere: 0, faults, leftovers, writable };
}

/** So that a cache of any size needs little memory. */
async function* batchesOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function lostFilesOf(listing: DvcObject, cache: Cache): readonly CacheFault[] {
  const where = `listing ${listing.id}`;
  const lost = new Set<Key>();
  const bytes = cache.read(listing);
  for (const id of parseListingIds(bytes, where)) {
    const object = { kind: listing.kind, id };
    if (cache.size(object) === undefined) lost.add(keyOf(object));
  }
  if (lost.size === 0) return [];
  const faults: CacheFault[] = [];
  for (const { id, relpath } of parseListing(bytes, where)) {
    const object = { kind: listing.kind, id };
    if (!lost.delete(keyOf(object))) continue;
    const reason = 'a listing names it, and it is not there';
    faults.push({ kind: 'missing', object, bytes: undefined, reason, within: { listing, relpath } });
  }
  return faults;
}
