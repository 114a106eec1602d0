import type { Cache } from '../dvc/cache.ts';
import { HelperError, isAbort } from '../model/error.ts';
import { isListing, type Key } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { isCloudVersioned } from '../model/storage-config.ts';
import { displayUrl } from '../report/printable.ts';
import { countOf } from '../report/progress.ts';
import type { Storage } from '../storage/remote.ts';
import { adaptiveLimit, fixedLimit, forEachConcurrent, type Limit } from './concurrent.ts';
import { type Breakage, type DamageReport, openDamageReport, refusedListing } from './download-faults.ts';
import { noteBatch } from './journal.ts';
import { describeVersions, placeObject } from './place-object.ts';
import type { Group } from './plan.ts';
import type { TransferTools } from './tools.ts';
import {
  addLeaves,
  cachedListing,
  describe,
  isMissed,
  listingsOf,
  readListing,
  type Wanted,
  type WantedMap,
  wantedOf,
} from './wanted.ts';

export interface DownloadTools extends TransferTools {
  /** The repository's `dvcexp` folder in its common Git directory. */
  readonly directory: string;
}

export interface Downloaded {
  readonly objects: number;
  readonly bytes: number;
  /** Storage answers and has not got them: the path and name of each that somebody misses. */
  readonly absent: readonly Wanted[];
  readonly describe: (wanted: Wanted) => string;
  /** What is not here although storage may well have it, for whom. Already told. */
  readonly broken: readonly Wanted[];
  /** The worst reason for that; undefined when nothing broke. */
  readonly breakage: Breakage | undefined;
  /** Storage lets nobody in with the keys at hand. The one reason that has not been told. */
  readonly refusal: HelperError | undefined;
}

interface State {
  readonly wanted: WantedMap;
  /** The storage remote is a cloud-versioned one. */
  readonly versioned: boolean;
  readonly absent: Wanted[];
  readonly broken: Wanted[];
  readonly fetched: Map<Key, Uint8Array>;
  readonly damage: DamageReport;
  breakage: Breakage | undefined;
  refusal: HelperError | undefined;
  objects: number;
  bytes: number;
}

const noCache = (group: Group): HelperError =>
  new HelperError(
    'unsupported',
    `no DVC cache for data of storage remote '${group.storage.name}' in a bare repository`,
    {
      hints: ['set one for all repositories of this machine: dvc config --global cache.dir <directory>'],
    },
  );

/** Brings one group's objects into the cache: leaves, then listings, each proven against its name. */
export async function downloadGroup(group: Group, tools: DownloadTools, operation: Operation): Promise<Downloaded> {
  const { cache } = group;
  const versioned = isCloudVersioned(group.storage);
  const describeHere = (wanted: Wanted): string => {
    const text = describe(wanted, (key) => state.fetched.get(key) ?? listingBytes(cache, state, key));
    return versioned ? `${text}, ${describeVersions(wanted)}` : text;
  };
  const state: State = {
    wanted: wantedOf(group.needs.values()),
    versioned,
    absent: [],
    broken: [],
    fetched: new Map(),
    damage: openDamageReport(tools.voice, describeHere, displayUrl(group.storage.url), versioned),
    breakage: undefined,
    refusal: undefined,
    objects: 0,
    bytes: 0,
  };
  try {
    if (cache === undefined) throw noCache(group);
    const remote = expandFromHere(cache, state, tools);
    if (versioned) state.absent.push(...remote);
    else if (remote.length > 0) await fetchListings(remote, await tools.open(), state, tools, operation);
    const leaves = missingLeaves(cache, state);
    const listings = [...state.fetched.keys()];
    if (leaves.length > 0 || listings.length > 0) {
      noteBatch(tools.directory, cache.directory, [...leaves.map(({ key }) => key), ...listings]);
      await fetchLeaves(leaves, cache, state, tools, operation);
      await commitListings(cache, state, operation);
      // Of runs that were killed.
      cache.removeStaleTemporaries();
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    tellFailure(error, cache, state, tools);
  } finally {
    state.damage.finish();
    tellIdle(group, state, tools);
    if (state.absent.some(({ key }) => tools.ledger.has(key))) tools.ledger.forget();
    tools.ledger.save();
  }
  return {
    objects: state.objects,
    bytes: state.bytes,
    absent: state.absent.filter(isMissed),
    broken: state.broken,
    breakage: state.breakage,
    refusal: state.refusal,
    describe: describeHere,
  };
}

/** Everything that is not here is broken. Says why, but for a refusal. */
function tellFailure(error: unknown, cache: Cache | undefined, state: State, { voice }: DownloadTools): void {
  const failed = [...state.wanted.values()].filter(({ object }) => cache?.size(object) === undefined);
  if (error instanceof HelperError && !failed.some(isMissed)) {
    voice.detail(`dvcexp: ${error.message}`);
    return;
  }
  state.broken.push(...failed);
  // Nothing that another try could mend: the refs arrive, and the user knows why the data did not.
  const unsupported = error instanceof HelperError && error.code === 'unsupported';
  state.breakage = unsupported ? 'unsupported' : 'passing';
  if (error instanceof HelperError && (error.code === 'auth' || error.code === 'trust')) state.refusal = error;
  else if (unsupported) voice.warn(error.message, ...error.hints);
  else voice.fail(error);
}

/** Imports and what is never pushed are looked for and not missed: one line for who asks for details. */
function tellIdle({ storage }: Group, { absent }: State, { voice }: DownloadTools): void {
  const idle = absent.filter((wanted) => !isMissed(wanted));
  if (idle.length === 0) return;
  const what = `${countOf(idle.length, 'object')} of imports and of outputs that are never pushed`;
  voice.detail(`dvcexp: ${displayUrl(storage.url)} has not got ${what}; 'dvc pull' brings imports from their source`);
}

function listingBytes(cache: Cache | undefined, state: State, key: Key): Uint8Array | undefined {
  const listing = state.wanted.get(key);
  return listing === undefined ? undefined : cachedListing(listing.object, cache);
}

/** Reads listings from the cache, else from the metafile; answers those to fetch. A damaged one counts as not there. */
function expandFromHere(cache: Cache, state: State, tools: DownloadTools): readonly Wanted[] {
  const remote: Wanted[] = [];
  for (const listing of listingsOf(state.wanted)) {
    try {
      const bytes = cachedListing(listing.object, cache);
      if (bytes !== undefined) {
        addLeaves(state.wanted, listing, bytes);
        continue;
      }
    } catch (error) {
      if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    }
    const told = listing.listing?.();
    if (told === undefined) remote.push(listing);
    else if (expand(listing, told, state, tools)) state.fetched.set(listing.key, told);
  }
  return remote;
}

async function fetchListings(
  listings: readonly Wanted[],
  storage: Storage,
  state: State,
  tools: DownloadTools,
  operation: Operation,
): Promise<void> {
  await forEachConcurrent(
    listings,
    fixedLimit(Math.min(tools.jobs ?? 32, storage.concurrency)),
    async (listing, inner) => {
      try {
        const bytes = await readListing(listing.object, storage, inner);
        if (!expand(listing, bytes, state, tools)) return;
        state.fetched.set(listing.key, bytes);
      } catch (error) {
        sortOut(listing, error, state);
      }
    },
    operation,
  );
}

/** Answers false for a listing that no directory can have, which is told. */
function expand(listing: Wanted, bytes: Uint8Array, state: State, tools: DownloadTools): boolean {
  try {
    addLeaves(state.wanted, listing, bytes);
    return true;
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    state.broken.push(listing);
    state.breakage = 'damage';
    tools.voice.fail(refusedListing(error));
    return false;
  }
}

/** One object at fault is noted and the rest goes on; anything else is thrown. */
function sortOut(wanted: Wanted, error: unknown, state: State): void {
  if (!(error instanceof HelperError)) throw error;
  if (error.code === 'missing') state.absent.push(wanted);
  else if (error.code === 'corrupt') {
    state.broken.push(wanted);
    state.breakage = 'damage';
    state.damage.tell(wanted, error);
  } else throw error;
}

/** Leaves to fetch. Those of which no version is recorded are absent. */
function missingLeaves(cache: Cache, state: State): readonly Wanted[] {
  const gone = new Set([...state.absent, ...state.broken]);
  const missing = [...state.wanted.values()].filter(
    (wanted) => !isListing(wanted.object.id) && !gone.has(wanted) && cache.size(wanted.object) === undefined,
  );
  if (!state.versioned) return missing;
  const isRecorded = ({ sources = [] }: Wanted): boolean => sources.length > 0;
  for (const wanted of missing) if (!isRecorded(wanted)) state.absent.push(wanted);
  return missing.filter(isRecorded);
}

async function fetchLeaves(
  leaves: readonly Wanted[],
  cache: Cache,
  state: State,
  tools: DownloadTools,
  operation: Operation,
): Promise<void> {
  if (leaves.length === 0) return;
  const storage = await tools.open();
  const limit: Limit =
    tools.jobs === undefined
      ? adaptiveLimit(32, Math.max(32, storage.concurrency), tools.throttled)
      : fixedLimit(tools.jobs);
  const meter = tools.voice.meter('Downloading DVC data', { objects: leaves.length, bytes: undefined });
  const one = async (wanted: Wanted, inner: Operation): Promise<void> => {
    try {
      // Not `+=` with an await behind it: that would forget what others add meanwhile.
      const size = await placeObject(wanted, state.versioned, storage, cache, { ...inner, moved: meter.bytes });
      state.bytes += size;
      state.objects += 1;
      // A ledger is of objects under their names.
      if (!state.versioned) tools.ledger.add(wanted.key);
      meter.object();
    } catch (error) {
      sortOut(wanted, error, state);
    }
  };
  let whole = false;
  try {
    await forEachConcurrent(leaves, limit, one, operation);
    whole = true;
  } finally {
    meter.finish(whole);
  }
}

/** Nothing that points is published before what it points to: a listing with a broken leaf is not placed. */
async function commitListings(cache: Cache, state: State, operation: Operation): Promise<void> {
  const broken = new Set(state.broken.map(({ key }) => key));
  for (const [key, bytes] of state.fetched) {
    const listing = state.wanted.get(key);
    if (listing === undefined || listing.leaves?.some((leaf) => broken.has(leaf)) === true) continue;
    await cache.write(listing.object, bytes, operation);
    // What the metafile told did not come from storage.
    if (listing.listing !== undefined) continue;
    state.bytes += bytes.length;
    state.objects += 1;
  }
}
