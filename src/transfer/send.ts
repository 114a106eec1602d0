import { isListing, type Key } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
import { adaptiveLimit, fixedLimit, forEachConcurrent, type Limit } from './concurrent.ts';
import { concernsOneObject } from './missing.ts';
import type { Group } from './plan.ts';
import { failedRefs, type UploadState } from './upload-faults.ts';
import type { Uploaded, UploadTools } from './upload-tools.ts';
import { listingsOf, type Wanted } from './wanted.ts';

/** Sends what was chosen: leaves, then those listings whose leaves are all there. */
export async function send(
  group: Group,
  going: readonly Wanted[],
  storage: Storage,
  state: UploadState,
  tools: UploadTools,
  operation: Operation,
): Promise<Uploaded> {
  const { cache } = group;
  const outcome = (objects: number, bytes: number): Uploaded => ({
    objects,
    bytes,
    failed: failedRefs(state, tools),
    lost: new Set(state.faults.keys()),
  });
  if (cache === undefined) return outcome(0, 0);
  const sizes = new Map(going.map((wanted) => [wanted.key, cache.size(wanted.object) ?? 0]));
  // Big ones first: the small ones fill the gaps and the tail is short.
  const bySize = [...going].sort((a, b) => (sizes.get(b.key) ?? 0) - (sizes.get(a.key) ?? 0));
  if (going.length > 0) await tools.announce();
  const meter = tools.voice.meter('Uploading DVC data', {
    objects: going.length,
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  });
  let objects = 0;
  let bytes = 0;
  const limit: Limit =
    tools.jobs === undefined
      ? adaptiveLimit(32, Math.max(32, storage.concurrency), tools.throttled)
      : fixedLimit(tools.jobs);
  const one = async (wanted: Wanted, inner: Operation): Promise<void> => {
    try {
      await storage.write(wanted.key, cache.content(wanted.object), { ...inner, moved: meter.bytes });
      objects += 1;
      bytes += sizes.get(wanted.key) ?? 0;
      state.stored.add(wanted.key);
      if (wanted.leaves === undefined) tools.ledger.add(wanted.key);
      meter.object();
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
      state.faults.set(wanted.key, error);
      tools.voice.fail(error);
    }
  };
  let whole = false;
  try {
    await forEachConcurrent(
      bySize.filter(({ object }) => !isListing(object.id)),
      limit,
      one,
      operation,
    );
    withholdListings(state);
    const isThere = (key: Key): boolean => state.stored.has(key) || tools.ledger.has(key);
    const isWhole = ({ leaves }: Wanted): boolean => leaves?.every(isThere) === true;
    await forEachConcurrent(
      bySize.filter((wanted) => isListing(wanted.object.id) && !state.faults.has(wanted.key) && isWhole(wanted)),
      limit,
      one,
      operation,
    );
    // A ledger vouches for what is there, not for what was only meant to go.
    for (const listing of listingsOf(state.wanted)) {
      if (state.stored.has(listing.key) && isWhole(listing)) tools.ledger.add(listing.key);
    }
    whole = true;
  } finally {
    meter.finish(whole);
    tools.ledger.save();
  }
  return outcome(objects, bytes);
}

/** DVC takes a listing in storage for proof that its files are there, for ever: one that is not whole stays here. */
function withholdListings(state: UploadState): void {
  for (const { key, leaves } of listingsOf(state.wanted)) {
    const lost = leaves?.find((leaf) => state.faults.has(leaf));
    if (lost !== undefined && !state.faults.has(key)) state.faults.set(key, state.faults.get(lost));
  }
}
