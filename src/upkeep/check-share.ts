import { isGuarded } from '../dvc/cache-stock.ts';
import { HelperError, isAbort } from '../model/error.ts';
import { type DvcObject, isListing, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { isCloudVersioned } from '../model/storage-config.ts';
import { displayUrl, printable } from '../report/printable.ts';
import type { Storage } from '../storage/remote.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import type { DownloadTools } from '../transfer/download.ts';
import { type CheckTools, checkObject, type Verdict } from './check-cache.ts';
import { checkStored, type StoredFault } from './check-storage.ts';
import type { Checked } from './fault.ts';
import { type Listings, openListings } from './listings.ts';
import type { Needed, Share } from './needs.ts';

/** An object of a share that is not right somewhere, before it is told by name. */
export interface ShareFault {
  readonly side: 'cache' | 'storage';
  readonly kind: 'damaged' | 'missing' | 'unreadable';
  readonly object: DvcObject;
  readonly bytes: number | undefined;
  readonly reason: string;
}

export interface CheckedShare {
  readonly share: Share;
  readonly listings: Listings;
  readonly cache: Checked | undefined;
  readonly storage: Checked | undefined;
  readonly faults: readonly ShareFault[];
  readonly problems: readonly string[];
  /** In the cache; their bytes are right, and somebody may write to them. */
  readonly writable: readonly DvcObject[];
}

/**
 * Checks what commits need of one cache and, if asked, of one storage remote. What is not in the cache is no fault where
 * storage was asked and has it right.
 *
 * @param asked storage: is to be checked as well. repair: what only storage can tell is asked there
 * @param source its tools; undefined: the project has no storage remote
 */
export async function checkShare(
  share: Share,
  asked: { readonly storage: boolean; readonly repair: boolean },
  source: DownloadTools | undefined,
  tools: CheckTools,
  operation: Operation,
): Promise<CheckedShare> {
  const listings = openListings(share.cache);
  const problems: string[] = [];
  const blind = [...share.needs.values()].some((need) => isUnknown(need, listings));
  const open = asked.storage || (asked.repair && blind && share.storage !== undefined);
  const opened = open ? await openOrTell(share, source, problems) : undefined;
  if (opened !== undefined && blind) {
    await tolerate(problems, () => listings.fetchMissing(share.needs.values(), opened, operation));
  }
  const storage = asked.storage ? opened : undefined;
  const objects = expand(share, listings, problems);
  const verdicts = await checkCached(share, objects, tools, operation);
  const rights = new Map<Key, Verdict & { readonly state: 'right' }>();
  for (const [key, verdict] of verdicts) if (verdict.state === 'right') rights.set(key, verdict);
  let stored: Awaited<ReturnType<typeof checkStored>> | undefined;
  if (storage !== undefined && source !== undefined) {
    const needed = [...objects.values()];
    await tolerate(problems, async () => {
      stored = await checkStored(needed, rights, storage, source, tools, operation);
    });
  }
  const faults: ShareFault[] = [];
  let elsewhere = 0;
  const lacking = new Set(stored?.faults.map(({ object }) => keyOf(object)));
  for (const [key, verdict] of verdicts) {
    const need = objects.get(key);
    if (need === undefined || verdict.state === 'right') continue;
    const { object, optional } = need;
    if (verdict.state !== 'absent') {
      const { state: kind, bytes, reason } = verdict;
      faults.push({ side: 'cache', kind, object, bytes, reason });
    } else if (optional || (stored !== undefined && !lacking.has(key))) elsewhere += 1;
    else faults.push({ side: 'cache', kind: 'missing', object, bytes: undefined, reason: 'it is not in the cache' });
  }
  faults.push(...(stored?.faults ?? []).map((fault: StoredFault) => ({ side: 'storage', ...fault }) as const));
  const checked = [...verdicts.values()].filter((verdict) => verdict.state === 'right' && verdict.hashed);
  return {
    share,
    listings,
    cache:
      share.cache === undefined
        ? undefined
        : {
            place: share.cache.directory,
            objects: objects.size,
            hashed: checked.length,
            bytes: checked.reduce((sum, verdict) => sum + (verdict.state === 'right' ? verdict.bytes : 0), 0),
            vouched: 0,
            elsewhere,
          },
    storage: stored?.checked,
    faults,
    problems,
    writable: [...objects.values()].flatMap(({ object }) => {
      const verdict = verdicts.get(keyOf(object));
      const known = verdict?.state === 'right' && verdict.hashed && share.cache !== undefined;
      return known && !isGuarded(share.cache.path(object)) ? [object] : [];
    }),
  };
}

async function openOrTell(
  share: Share,
  source: DownloadTools | undefined,
  problems: string[],
): Promise<Storage | undefined> {
  const { storage } = share;
  if (storage === undefined || source === undefined) {
    const missed = [...share.needs.values()].find(({ optional }) => !optional);
    if (missed !== undefined) problems.push(`no storage remote is configured for '${printable(missed.path)}'`);
    return undefined;
  }
  if (isCloudVersioned(storage)) {
    problems.push(`${displayUrl(storage.url)} is cloud-versioned, and keeps no objects by name: it was not checked`);
    return undefined;
  }
  let opened: Storage | undefined;
  await tolerate(problems, async () => {
    opened = await source.open();
  });
  return opened;
}

/** A storage remote that fails is a problem of what is kept there, and of nothing else. */
async function tolerate(problems: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof HelperError) || isAbort(error)) throw error;
    problems.push(error.message);
  }
}

/** An object that is needed, of an output or in a listing. */
export interface Wanted {
  readonly object: DvcObject;
  optional: boolean;
}

function expand(share: Share, listings: Listings, problems: string[]): Map<Key, Wanted> {
  const objects = new Map<Key, Wanted>();
  const add = (object: DvcObject, optional: boolean): void => {
    const key = keyOf(object);
    const known = objects.get(key);
    if (known === undefined) objects.set(key, { object, optional });
    else known.optional &&= optional;
  };
  for (const need of share.needs.values()) {
    const { object, optional } = need;
    add(object, optional);
    if (!isListing(object.id) || need.sources !== undefined) continue;
    const files = listings.filesOf(need);
    for (const id of files) add({ kind: object.kind, id }, optional);
    if (files.size === 0 && !optional && isUnknown(need, listings)) problems.push(unknownFiles(need));
  }
  return objects;
}

const isUnknown = (need: Needed, listings: Listings): boolean =>
  isListing(need.object.id) && need.sources === undefined && listings.read(need) === undefined;

const unknownFiles = ({ path, commit }: Needed): string =>
  `the files of '${printable(path)}' (${printable(commit.name)}) are unknown: its listing is nowhere at hand`;

async function checkCached(
  { cache }: Share,
  objects: ReadonlyMap<Key, Wanted>,
  tools: CheckTools,
  operation: Operation,
): Promise<ReadonlyMap<Key, Verdict>> {
  const verdicts = new Map<Key, Verdict>();
  if (cache === undefined) return verdicts;
  const meter = tools.voice.meter('Checking the cache', { objects: objects.size, bytes: undefined });
  let whole = false;
  try {
    await forEachConcurrent(
      objects,
      fixedLimit(2 * tools.pool.width),
      async ([key, { object }]) => {
        verdicts.set(key, await checkObject(object, cache, tools, meter.bytes));
        meter.object();
      },
      operation,
    );
    whole = true;
  } finally {
    meter.finish(whole);
  }
  return verdicts;
}
