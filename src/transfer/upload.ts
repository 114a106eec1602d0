import { HelperError, isAbort } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import { isListing, type Key } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { Storage } from '../storage/remote.ts';
import { fixedLimit, forEachConcurrent } from './concurrent.ts';
import { concernsOneObject, findPresent } from './missing.ts';
import type { Edge, Group } from './plan.ts';
import { send } from './send.ts';
import { failAll, failedRefs, reportMissing, type UploadState } from './upload-faults.ts';
import type { Uploaded, UploadTools } from './upload-tools.ts';
import { addLeaves, cachedListing, isMissed, listingsOf, readListing, type Wanted, wantedOf } from './wanted.ts';

const nothing: Uploaded = { objects: 0, bytes: 0, failed: new Map(), lost: new Set() };

/** Brings one group's objects to its storage remote: leaves, then listings. Refs come after, and only if theirs are whole. */
export async function uploadGroup(group: Group, tools: UploadTools, operation: Operation): Promise<Uploaded> {
  const state: UploadState = {
    wanted: wantedOf(group.needs.values()),
    faults: new Map(),
    fetched: new Map(),
    stored: new Set(),
  };
  try {
    const absent = expandFromCache(group, state, tools);
    const open = unknown(state, tools);
    if (open.length === 0 && absent.length === 0) return nothing;
    const storage = await tools.open();
    await expandFromStorage(absent, storage, state, tools, operation);
    const todo = await chooseUploads(group, storage, state, tools, operation);
    reportMissing(group, storage, state, tools);
    const failed = failedRefs(state, tools);
    if (tools.atomic && failed.size > 0) return { ...nothing, failed, lost: new Set(state.wanted.keys()) };
    const doomed = new Set([...failed.keys(), ...tools.failed]);
    const going = chooseGoing(todo, doomed, group);
    if (tools.dryRun)
      return announce(group, going, storage, tools, { ...nothing, failed, lost: new Set(state.faults.keys()) });
    return await send(group, going, storage, state, tools, operation);
  } catch (error) {
    if (isAbort(error)) throw error;
    return failAll(state, error, tools);
  }
}

/** What travels: the data of refs that go, and what no ref waits for as long as any ref goes. */
function chooseGoing(todo: readonly Wanted[], doomed: ReadonlySet<RefName>, group: Group): readonly Wanted[] {
  if (doomed.size === 0) return todo;
  const goes = (edge: Edge): boolean => !edge.optional && edge.refs.some((ref) => !doomed.has(ref));
  const edges = [...group.needs.values()].flatMap((need) => need.edges);
  const named = edges.some((edge) => !edge.optional && edge.refs.length > 0);
  if (named && !edges.some(goes)) return [];
  return todo.filter((wanted) => !isMissed(wanted) || wanted.edges.some(goes));
}

/** Reads listings from the cache; answers those that are not there. A damaged one is a fault of its own. */
function expandFromCache(group: Group, state: UploadState, tools: UploadTools): readonly Wanted[] {
  const absent: Wanted[] = [];
  for (const listing of listingsOf(state.wanted)) {
    try {
      const bytes = cachedListing(listing.object, group.cache);
      if (bytes === undefined) absent.push(listing);
      else addLeaves(state.wanted, listing, bytes);
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
      state.faults.set(listing.key, error);
      tools.voice.fail(error);
    }
  }
  return absent;
}

/** A listing that only storage has is read from there: its name in storage does not prove that its leaves are. */
async function expandFromStorage(
  absent: readonly Wanted[],
  storage: Storage,
  state: UploadState,
  tools: UploadTools,
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
        // What is missing is told later, by its path.
        if (error.code === 'corrupt') tools.voice.fail(error);
      }
    },
    operation,
  );
}

function unknown(state: UploadState, tools: UploadTools): readonly Key[] {
  return [...state.wanted.keys()].filter((key) => !state.faults.has(key) && (tools.force || !tools.ledger.has(key)));
}

/** Asks storage what it has; answers what has to be sent, and notes as faults what is nowhere. */
async function chooseUploads(
  group: Group,
  storage: Storage,
  state: UploadState,
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
      state.stored.add(key);
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
async function keepStored(state: UploadState, storage: Storage, operation: Operation): Promise<void> {
  const missing = [...state.faults]
    .filter(([, fault]) => fault instanceof HelperError && fault.code === 'missing')
    .map(([key]) => key);
  for (const key of (await findPresent(missing, storage, operation)).keys()) {
    state.faults.delete(key as Key);
    state.stored.add(key as Key);
  }
}

function announce(
  group: Group,
  going: readonly Wanted[],
  storage: Storage,
  tools: UploadTools,
  outcome: Uploaded,
): Uploaded {
  const bytes = going.reduce((sum, { object }) => sum + (group.cache?.size(object) ?? 0), 0);
  if (going.length > 0)
    tools.voice.say(
      `dvcexp: would upload ${countOf(going.length, 'object')}, ${formatBytes(bytes)}, to ${storage.displayUrl}`,
    );
  for (const { key } of going) tools.voice.detail(`    ${key}`);
  return outcome;
}
