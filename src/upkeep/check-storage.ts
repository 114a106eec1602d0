import { createHasher, isNamed } from '../dvc/hash.ts';
import { largestListing, parseListingIds } from '../dvc/listing.ts';
import { HelperError } from '../model/error.ts';
import { type DvcObject, isListing, type Key, keyOf } from '../model/object.ts';
import type { Operation, TransferOperation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
import { adaptiveLimit, fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import type { DownloadTools } from '../transfer/download.ts';
import { concernsOneObject, findPresent } from '../transfer/missing.ts';
import type { CheckTools } from './check-cache.ts';
import type { Checked } from './fault.ts';

export interface StoredFault {
  readonly kind: 'damaged' | 'missing';
  readonly object: DvcObject;
  readonly bytes: number | undefined;
  readonly reason: string;
}

/**
 * Checks objects of one storage remote: that they are there, that they have the size of what the cache has right, and of
 * those in the sample that their bytes are right. The bytes are read unless the service itself tells their MD5.
 *
 * @param rights what the cache has and was not found damaged there
 */
export async function checkStored(
  needs: readonly { readonly object: DvcObject; readonly optional: boolean }[],
  rights: ReadonlyMap<Key, { readonly bytes: number; readonly hashed: boolean }>,
  storage: Storage,
  source: DownloadTools,
  { sample, voice }: Pick<CheckTools, 'sample' | 'voice'>,
  operation: Operation,
): Promise<{ readonly checked: Checked; readonly faults: readonly StoredFault[] }> {
  const keys = needs.map(({ object }) => keyOf(object));
  const present = await findPresent(keys, storage, operation);
  const faults: StoredFault[] = [];
  const toRead: { readonly object: DvcObject; readonly size: number }[] = [];
  const counts = { objects: 0, hashed: 0, bytes: 0, vouched: 0, elsewhere: 0 };
  for (const { object, optional } of needs) {
    const key = keyOf(object);
    const size = present.get(key);
    if (size === undefined) {
      // What nobody shares is not missed.
      if (optional) continue;
      counts.objects += 1;
      const vouching = storage.vouches === true ? ', or its bytes are not its own' : '';
      faults.push({ kind: 'missing', object, bytes: undefined, reason: `storage has not got it${vouching}` });
      continue;
    }
    counts.objects += 1;
    const right = rights.get(key);
    // Of two sizes one is wrong: which, a hash has to tell.
    const differs = right !== undefined && right.bytes !== size;
    if (differs && right.hashed) {
      const reason = `it has ${size} bytes there, and ${right.bytes} in the cache`;
      faults.push({ kind: 'damaged', object, bytes: size, reason });
    } else if (storage.vouches === true && object.kind === 'md5') counts.vouched += 1;
    else if (differs || sample.has(key)) toRead.push({ object, size });
  }
  const total = toRead.reduce((sum, { size }) => sum + size, 0);
  const meter = voice.meter('Checking storage', { objects: toRead.length, bytes: total });
  const limit =
    source.jobs === undefined
      ? adaptiveLimit(8, Math.max(8, storage.concurrency), source.throttled)
      : fixedLimit(source.jobs);
  let whole = false;
  try {
    await forEachConcurrent(
      toRead,
      limit,
      async ({ object, size }, inner) => {
        const moved = (bytes: number): void => {
          counts.bytes += bytes;
          meter.bytes(bytes);
        };
        const fault = await readStored(object, storage, { ...inner, moved });
        if (fault === undefined) counts.hashed += 1;
        else faults.push({ ...fault, object, bytes: size });
        meter.object();
      },
      operation,
    );
    whole = true;
  } finally {
    meter.finish(whole);
  }
  return { checked: { place: storage.displayUrl, ...counts }, faults };
}

/** Reads one object and keeps nothing of it. undefined: its bytes are right. */
export async function readStored(
  object: DvcObject,
  storage: Storage,
  operation: TransferOperation,
): Promise<Pick<StoredFault, 'kind' | 'reason'> | undefined> {
  const hasher = createHasher(object.kind);
  const listing: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of storage.read(keyOf(object), operation)) {
      hasher.update(chunk);
      size += chunk.length;
      if (isListing(object.id) && size <= largestListing) listing.push(Buffer.from(chunk));
    }
    const digest = hasher.digest();
    if (!isNamed(object, digest)) return { kind: 'damaged', reason: `its bytes hash to '${digest}'` };
    if (isListing(object.id)) parseListingIds(Buffer.concat(listing), `listing ${object.id}`);
    return undefined;
  } catch (error) {
    if (!concernsOneObject(error)) throw error;
    const missing = error instanceof HelperError && error.code === 'missing';
    return { kind: missing ? 'missing' : 'damaged', reason: missing ? 'it is gone from storage' : error.message };
  }
}
