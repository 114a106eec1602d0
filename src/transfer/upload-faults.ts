import { type ErrorCode, HelperError } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import { isListing, type Key } from '../model/object.ts';
import { countOf } from '../report/progress.ts';
import type { Storage } from '../storage/remote.ts';
import type { Group } from './plan.ts';
import type { Uploaded, UploadTools } from './upload-tools.ts';
import { cachedListing, describe, isMissed, refsOf, type Wanted, type WantedMap } from './wanted.ts';

/** What is known of each object of a group, by what keeps it from being in storage. */
export interface UploadState {
  readonly wanted: WantedMap;
  /** Not in storage, with the reason; listings whose leaves are not all there among them. */
  readonly faults: Map<Key, unknown>;
  readonly fetched: Map<Key, Uint8Array>;
  /** Whole in storage: found there or sent by this run. */
  readonly stored: Set<Key>;
}

function isMissing(fault: unknown): boolean {
  return fault instanceof HelperError && fault.code === 'missing';
}

/** Names what is in neither place, by the paths people track. */
export function reportMissing(group: Group, storage: Storage, state: UploadState, tools: UploadTools): void {
  const missing = [...state.faults].filter(([, fault]) => isMissing(fault)).map(([key]) => state.wanted.get(key));
  const missed = missing.filter((wanted) => wanted !== undefined && isMissed(wanted)) as Wanted[];
  const idle = missing.length - missed.length;
  if (idle > 0)
    tools.voice.detail(
      `dvcexp: ${countOf(idle, 'object')} that no ref waits for are gone: neither in the cache nor in ${storage.displayUrl}`,
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
  tools.voice.say('hint: to push the refs without it: git push -o dvcexp.allow-missing ...');
}

function bytesInCache(group: Group, state: UploadState, key: Key): Uint8Array | undefined {
  const listing = state.wanted.get(key);
  return listing === undefined ? undefined : cachedListing(listing.object, group.cache);
}

/** Refs that must not be pushed for the faults so far, with the reason Git will show. */
export function failedRefs(state: UploadState, tools: UploadTools): Map<RefName, string> {
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
  if (fault.code === 'trust') return 'not uploaded: storage not trusted';
  if (fault.code === 'unavailable') return 'not uploaded: storage unavailable';
  if (fault.code === 'full') return 'not uploaded: no room in storage';
  if (fault.code === 'unsupported') return 'not uploaded: storage not supported';
  if (fault.code === 'config') return 'not uploaded: storage misconfigured';
  return 'could not be uploaded';
}

const mayPass: Readonly<Partial<Record<ErrorCode, string>>> = {
  unavailable: 'storage answers',
  full: 'there is room',
};

/** The whole group failed: every ref that still misses something in it does too. */
export function failAll(state: UploadState, error: unknown, tools: UploadTools): Uploaded {
  const when = error instanceof HelperError ? mayPass[error.code] : undefined;
  tools.voice.fail(
    error,
    ...(when === undefined ? [] : [`refs that need this data stay here; push again when ${when}`]),
  );
  const failed = new Map<RefName, string>();
  for (const wanted of state.wanted.values()) {
    if (tools.ledger.has(wanted.key) && !isListing(wanted.object.id)) continue;
    for (const ref of refsOf(wanted)) failed.set(ref, `dvc: data ${wordFor(error)}`);
  }
  return { objects: 0, bytes: 0, failed, lost: new Set(state.wanted.keys()) };
}
