import { HelperError, isAbort } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import { isListing, type Key } from '../model/object.ts';
import type { Content, Operation } from '../model/operation.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { Voice } from '../report/voice.ts';
import type { Storage } from '../storage/remote.ts';
import { adaptiveLimit, fixedLimit, forEachConcurrent, type Limit } from './concurrent.ts';
import type { Ledger } from './ledger.ts';
import { concernsOneObject, findPresent } from './missing.ts';
import type { Group } from './plan.ts';
import {
  addLeaves,
  cachedListing,
  describe,
  isMissed,
  listingsOf,
  readListing,
  refsOf,
  type Wanted,
  type WantedMap,
  wantedOf,
} from './wanted.ts';

export interface UploadTools {
  readonly voice: Voice;
  readonly ledger: Ledger;
  /** Opened when first asked for, so that a push with nothing to bring needs no storage. */
  readonly open: () => Promise<Storage>;
  readonly throttled: () => number;
  readonly jobs: number | undefined;
  readonly force: boolean;
  readonly allowMissing: boolean;
  readonly dryRun: boolean;
  /** Refs that fail for other reasons; their objects need not travel. */
  readonly failed: ReadonlySet<RefName>;
  readonly atomic: boolean;
}

export interface Uploaded {
  readonly objects: number;
  readonly bytes: number;
  /** Why refs must not be pushed, one short line each. */
  readonly failed: ReadonlyMap<RefName, string>;
}

const nothing: Uploaded = { objects: 0, bytes: 0, failed: new Map() };

/** What is known of each object of a group, by what keeps it from being in storage. */
interface State {
  readonly wanted: WantedMap;
  /** Not in storage, with the reason; listings whose leaves are not all there among them. */
  readonly faults: Map<Key, unknown>;
  readonly fetched: Map<Key, Uint8Array>;
}

/** Brings one group's objects to its storage remote: leaves, then listings. Refs come after, and only if theirs are whole. */
export async function uploadGroup(group: Group, tools: UploadTools, operation: Operation): Promise<Uploaded> {
  const state: State = { wanted: wantedOf(group.needs.values()), faults: new Map(), fetched: new Map() };
  try {
    const absent = expandFromCache(group, state);
    const open = unknown(state, tools);
    if (open.length === 0 && absent.length === 0) return nothing;
    const storage = await tools.open();
    await expandFromStorage(absent, storage, state, operation);
    const todo = await chooseUploads(group, storage, state, tools, operation);
    reportMissing(group, storage, state, tools);
    const failed = failedRefs(state, tools);
    if (tools.atomic && failed.size > 0) return { ...nothing, failed };
    const doomed = new Set([...failed.keys(), ...tools.failed]);
    const going = todo.filter((wanted) => [...refsOf(wanted)].some((ref) => !doomed.has(ref)) || !isMissed(wanted));
    if (tools.dryRun) return announce(group, going, storage, tools, failed);
    return await send(group, going, storage, state, tools, operation);
  } catch (error) {
    if (isAbort(error)) throw error;
    return failAll(state, error, tools);
  }
}

/** Reads listings from the cache; answers those that are not there. A damaged one is a fault of its own. */
function expandFromCache(group: Group, state: State): readonly Wanted[] {
  const absent: Wanted[] = [];
  for (const listing of listingsOf(state.wanted)) {
    try {
      const bytes = cachedListing(listing.object, group.cache);
      if (bytes === undefined) absent.push(listing);
      else addLeaves(state.wanted, listing, bytes);
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
      state.faults.set(listing.key, error);
    }
  }
  return absent;
}

/** A listing that only storage has is read from there: its name in storage does not prove that its leaves are. */
async function expandFromStorage(
  absent: readonly Wanted[],
  storage: Storage,
  state: State,
  operation: Operation,
): Promise<void> {
  await forEachConcurrent(
    absent,
    fixedLimit(16),
    async (listing, inner) => {
      try {
        const bytes = await readListing(listing.object, storage, inner);
        state.fetched.set(listing.key, bytes);
        addLeaves(state.wanted, listing, bytes);
      } catch (error) {
        if (!concernsOneObject(error)) throw error;
        state.faults.set(listing.key, error);
      }
    },
    operation,
  );
}

function unknown(state: State, tools: UploadTools): readonly Key[] {
  return [...state.wanted.keys()].filter((key) => !state.faults.has(key) && (tools.force || !tools.ledger.has(key)));
}

/** Asks storage what it has; answers what has to be sent, and notes as faults what is nowhere. */
async function chooseUploads(
  group: Group,
  storage: Storage,
  state: State,
  tools: UploadTools,
  operation: Operation,
): Promise<Wanted[]> {
  const keys = unknown(state, tools);
  const present = tools.force ? new Map<string, number>() : await findPresent(keys, storage, operation);
  const todo: Wanted[] = [];
  for (const key of keys) {
    const wanted = state.wanted.get(key);
    if (wanted === undefined) continue;
    const size = group.cache?.size(wanted.object);
    const stored = present.get(key);
    if (stored !== undefined && (size === undefined || stored === size)) {
      if (!isListing(wanted.object.id)) tools.ledger.add(key);
      continue;
    }
    if (stored !== undefined)
      tools.voice.warn(
        `'${key}' in ${storage.displayUrl} is damaged (${formatBytes(stored)} instead of ${formatBytes(size ?? 0)}), sending it again`,
      );
    if (size !== undefined) todo.push(wanted);
    else if (tools.force || !state.fetched.has(key)) {
      state.faults.set(
        key,
        new HelperError('missing', `object ${wanted.object.id} is neither in the cache nor in storage`),
      );
    }
  }
  if (tools.force) await keepStored(state, storage, operation);
  return todo;
}

/** With force nothing was asked for; what the cache cannot give may still be in storage. */
async function keepStored(state: State, storage: Storage, operation: Operation): Promise<void> {
  const missing = [...state.faults]
    .filter(([, fault]) => fault instanceof HelperError && fault.code === 'missing')
    .map(([key]) => key);
  for (const key of (await findPresent(missing, storage, operation)).keys()) state.faults.delete(key as Key);
}

function isMissing(fault: unknown): boolean {
  return fault instanceof HelperError && fault.code === 'missing';
}

function reportMissing(group: Group, storage: Storage, state: State, tools: UploadTools): void {
  const missing = [...state.faults].filter(([, fault]) => isMissing(fault)).map(([key]) => state.wanted.get(key));
  const missed = missing.filter((wanted) => wanted !== undefined && isMissed(wanted)) as Wanted[];
  const idle = missing.length - missed.length;
  if (idle > 0)
    tools.voice.detail(
      `dvcexp: ${countOf(idle, 'object')} of earlier commits are gone: neither in the cache nor in ${storage.displayUrl}`,
    );
  if (missed.length === 0) return;
  const lines = missed
    .slice(0, 11)
    .map((wanted) => describe(wanted, (key) => state.fetched.get(key) ?? bytesInCache(group, state, key)));
  const what = `${countOf(missed.length, 'object')} ${missed.length === 1 ? 'is' : 'are'} neither in the cache nor in ${storage.displayUrl}:`;
  if (tools.allowMissing) tools.voice.warn(what);
  else tools.voice.fail(what);
  tools.voice.list([...lines, ...missed.slice(11).map(() => '')]);
  if (tools.allowMissing) return;
  tools.voice.say("hint: get the data with 'dvc fetch' or make it again with 'dvc repro', then push again");
  tools.voice.say('hint: to push the refs without it: git push -o dvcexp.allow-missing …');
}

function bytesInCache(group: Group, state: State, key: Key): Uint8Array | undefined {
  const listing = state.wanted.get(key);
  return listing === undefined ? undefined : cachedListing(listing.object, group.cache);
}

function failedRefs(state: State, tools: UploadTools): Map<RefName, string> {
  const faults = new Map<RefName, Set<unknown>>();
  for (const [key, fault] of state.faults) {
    if (tools.allowMissing && isMissing(fault)) continue;
    const wanted = state.wanted.get(key);
    // A listing that is held back shares the fault of its leaf, so it is not counted again.
    for (const ref of wanted === undefined ? [] : refsOf(wanted))
      faults.set(ref, (faults.get(ref) ?? new Set()).add(fault));
  }
  return new Map(
    [...faults].map(([ref, each]) => [ref, `dvc: ${countOf(each.size, 'object')} ${wordFor([...each][0])}`]),
  );
}

function wordFor(fault: unknown): string {
  if (!(fault instanceof HelperError)) return 'could not be uploaded';
  if (fault.code === 'missing') return 'missing in cache and storage';
  if (fault.code === 'corrupt') return 'damaged in the cache';
  if (fault.code === 'auth') return 'not uploaded: access denied';
  if (fault.code === 'unavailable') return 'not uploaded: storage unavailable';
  if (fault.code === 'unsupported') return 'not uploaded: storage not supported';
  if (fault.code === 'config') return 'not uploaded: storage misconfigured';
  return 'could not be uploaded';
}

function announce(
  group: Group,
  going: readonly Wanted[],
  storage: Storage,
  tools: UploadTools,
  failed: ReadonlyMap<RefName, string>,
): Uploaded {
  const bytes = going.reduce((sum, { object }) => sum + (group.cache?.size(object) ?? 0), 0);
  if (going.length > 0)
    tools.voice.say(
      `dvcexp: would upload ${countOf(going.length, 'object')}, ${formatBytes(bytes)}, to ${storage.displayUrl}`,
    );
  for (const { key } of going) tools.voice.detail(`    ${key}`);
  return { objects: 0, bytes: 0, failed };
}

async function send(
  group: Group,
  going: readonly Wanted[],
  storage: Storage,
  state: State,
  tools: UploadTools,
  operation: Operation,
): Promise<Uploaded> {
  const { cache } = group;
  if (cache === undefined) return { ...nothing, failed: failedRefs(state, tools) };
  const sizes = new Map(going.map((wanted) => [wanted.key, cache.size(wanted.object) ?? 0]));
  // Big ones first: the small ones fill the gaps and the tail is short.
  const bySize = [...going].sort((a, b) => (sizes.get(b.key) ?? 0) - (sizes.get(a.key) ?? 0));
  const meter = tools.voice.meter('Uploading DVC data', going.length);
  let objects = 0;
  let bytes = 0;
  const limit: Limit =
    tools.jobs === undefined
      ? adaptiveLimit(32, Math.max(32, storage.concurrency), tools.throttled)
      : fixedLimit(tools.jobs);
  const one = async (wanted: Wanted, inner: Operation): Promise<void> => {
    try {
      await storage.write(wanted.key, metered(cache.content(wanted.object), meter.bytes), inner);
      objects += 1;
      bytes += sizes.get(wanted.key) ?? 0;
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
    await forEachConcurrent(
      bySize.filter(({ object, key }) => isListing(object.id) && !state.faults.has(key)),
      limit,
      one,
      operation,
    );
    for (const { key, leaves } of listingsOf(state.wanted))
      if (leaves !== undefined && !state.faults.has(key)) tools.ledger.add(key);
    whole = true;
  } finally {
    meter.finish(whole);
    tools.ledger.save();
  }
  return { objects, bytes, failed: failedRefs(state, tools) };
}

/** DVC takes a listing in storage for proof that its files are there, for ever: one that is not whole stays here. */
function withholdListings(state: State): void {
  for (const { key, leaves } of listingsOf(state.wanted)) {
    const lost = leaves?.find((leaf) => state.faults.has(leaf));
    if (lost !== undefined && !state.faults.has(key)) state.faults.set(key, state.faults.get(lost));
  }
}

function metered(content: Content, count: (bytes: number) => void): Content {
  return {
    size: content.size,
    async *open() {
      for await (const chunk of content.open()) {
        count(chunk.length);
        yield chunk;
      }
    },
  };
}

/** The whole group failed: every ref that still misses something in it does too. */
function failAll(state: State, error: unknown, tools: UploadTools): Uploaded {
  tools.voice.fail(error);
  const failed = new Map<RefName, string>();
  for (const wanted of state.wanted.values()) {
    if (tools.ledger.has(wanted.key) && !isListing(wanted.object.id)) continue;
    for (const ref of refsOf(wanted)) failed.set(ref, `dvc: data ${wordFor(error)}`);
  }
  return { ...nothing, failed };
}
