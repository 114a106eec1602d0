import { createHash } from 'node:crypto';
import type { Cache } from '../dvc/cache.ts';
import { everything, type Part, type Targets } from '../dvc/targets.ts';
import type { Repository } from '../git/repository.ts';
import { HelperError } from '../model/error.ts';
import { type GitOid, isExperiment, type RefName } from '../model/git.ts';
import { type DvcObject, type Key, keyOf } from '../model/object.ts';
import type { Settings } from '../model/settings.ts';
import { isCloudVersioned, type StorageConfig } from '../model/storage-config.ts';
import type { PushedRef } from './data-mover.ts';
import type { Place, PlacedOutput } from './placed-output.ts';
import type { CommitData, Projects } from './projects.ts';
import { isRecorded, type Source, toldListing, versionedObjects } from './versions.ts';

/** Why an object is wanted: one output of one commit. Objects of a directory share the edge of their output. */
export interface Edge {
  /** From the top of the Git repository, for people. */
  readonly path: string;
  /** Refs that must not move without it; empty: welcome, not needed. */
  readonly refs: readonly RefName[];
  /** Nobody misses it when it is nowhere: never pushed, or of another repository. */
  readonly optional: boolean;
  /** Bytes of all of the output, as its metafile says. Of a fetch only. */
  readonly size?: number | undefined;
}

/** A top-level object (file or listing) with every edge to it. */
export interface Need {
  readonly object: DvcObject;
  readonly edges: Edge[];
  /** On a cloud-versioned storage remote: where its bytes are, each as good as the other. Else undefined. */
  readonly sources?: Source[];
  /** Of a listing whose content the metafile tells: its bytes. */
  readonly listing?: ReturnType<typeof toldListing>;
  /** Of a fetch of some paths: what is meant of each output that has this listing. */
  readonly parts?: Part[];
}

/** All that goes between one cache and one storage remote. */
export interface Group {
  readonly storage: StorageConfig;
  readonly cache: Cache | undefined;
  readonly needs: Map<Key, Need>;
}

export interface Plan {
  readonly groups: ReadonlyMap<string, Group>;
  /** Refs that cannot be served at all, with the reason: unreadable metafiles, an unusable configuration. */
  readonly problems: ReadonlyMap<RefName, HelperError>;
  /** Outputs that have data but no storage remote to put it. */
  readonly homeless: readonly Edge[];
  /** Outputs of a push whose versions a cloud-versioned storage remote has not given, or the commit does not name. */
  readonly unrecorded: readonly Unrecorded[];
}

export interface Unrecorded {
  readonly edge: Edge;
  readonly storage: StorageConfig;
}

interface Draft {
  readonly groups: Map<string, Group>;
  readonly problems: Map<RefName, HelperError>;
  readonly homeless: Edge[];
  readonly unrecorded: Unrecorded[];
}

const emptyDraft = (): Draft => ({ groups: new Map(), problems: new Map(), homeless: [], unrecorded: [] });

/** One place's identity within this process; never printed, since options may hold secrets. */
export function identityOf(storage: StorageConfig, cache: Cache | undefined): string {
  const known = identities.get(storage) ?? new Map<string | undefined, string>();
  identities.set(storage, known);
  const identity = known.get(cache?.directory) ?? computeIdentity(storage, cache);
  known.set(cache?.directory, identity);
  return identity;
}

/** Thousands of commits name the same place. */
const identities = new WeakMap<StorageConfig, Map<string | undefined, string>>();

function computeIdentity(storage: StorageConfig, cache: Cache | undefined): string {
  const options = Object.entries(storage.options).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([storage.scheme, storage.url, options, cache?.directory]))
    .digest('hex');
}

/** The place, or undefined after noting why there is none. */
function placeFor(draft: Draft, { place }: PlacedOutput, edge: Edge): Place | undefined {
  if (place instanceof HelperError) {
    for (const ref of edge.refs) draft.problems.set(ref, place);
    return undefined;
  }
  if (place === undefined) draft.homeless.push(edge);
  return place;
}

function groupOf(draft: Draft, place: Place): Group {
  const identity = identityOf(place.storage, place.cache);
  const known = draft.groups.get(identity);
  if (known !== undefined) return known;
  const group: Group = { ...place, needs: new Map() };
  draft.groups.set(identity, group);
  return group;
}

/** What a push has to bring to where it belongs. */
function addUpload(draft: Draft, placed: PlacedOutput, edge: Edge): void {
  const place = placeFor(draft, placed, edge);
  if (place === undefined) return;
  // Only DVC can put data there: what a version is called is known after the upload, and the commit has to say it.
  if (!isCloudVersioned(place.storage)) addObject(draft, place, placed, edge);
  else if (!edge.optional && !isRecorded(placed)) draft.unrecorded.push({ edge, storage: place.storage });
}

function addDownload(draft: Draft, placed: PlacedOutput, edge: Edge, part: Part): void {
  const place = placeFor(draft, placed, edge);
  if (place === undefined) return;
  if (placed.versions === undefined) {
    addObject(draft, place, placed, edge, part);
    return;
  }
  const group = groupOf(draft, { storage: placed.versions.storage, cache: place.cache });
  for (const { object, path, sources, listing } of versionedObjects(placed)) {
    const relpath = path.slice(placed.output.path.length + 1);
    if (relpath !== '' && !part.includes(relpath)) continue;
    const key = keyOf(object);
    const need = group.needs.get(key);
    const named = { ...edge, path };
    if (need === undefined) group.needs.set(key, { object, edges: [named], sources: [...sources], listing });
    else {
      need.edges.push(named);
      need.sources?.push(...sources);
    }
  }
}

function addObject(draft: Draft, place: Place, { output }: PlacedOutput, edge: Edge, part: Part = everything): void {
  if (output.object === undefined) return;
  const { needs } = groupOf(draft, place);
  const key = keyOf(output.object);
  const need = needs.get(key);
  if (need === undefined) {
    needs.set(key, { object: output.object, edges: [edge], listing: toldListing(output), parts: [part] });
  } else {
    need.edges.push(edge);
    need.parts?.push(part);
  }
}

function nameOf({ output }: PlacedOutput): string | undefined {
  return output.object === undefined ? undefined : keyOf(output.object);
}

/**
 * What a push must carry (docs/decisions, "What a push carries"): objects named by commits the Git remote lacks and not by the
 * commits these grow from. Those of a pushed tip are required by its ref. Those of the commits between, and of an
 * experiment's tip the rest, go along when they can. No new object: an empty plan, so no storage is opened.
 */
export async function planPush(
  pushed: readonly PushedRef[],
  advertised: readonly GitOid[],
  repository: Repository,
  projects: Projects,
  settings: Settings,
): Promise<Plan> {
  const draft = emptyDraft();
  const tips = new Map<GitOid, RefName[]>();
  for (const { source, destination } of pushed) {
    const commit = await repository.resolve(source);
    if (commit !== undefined) tips.set(commit, [...(tips.get(commit) ?? []), destination]);
  }
  const fresh = await repository.newCommits([...tips.keys()], advertised);
  const old = await namesOfBoundary(fresh, projects);

  const between = new Map<GitOid, CommitData>();
  let anything = false;
  for (const commit of fresh.keys()) {
    const data = await projects.of(commit);
    const refs = tips.get(commit) ?? [];
    if (refs.length === 0) {
      between.set(commit, data);
      continue;
    }
    const [problem] = data.problems.filter((each) => !old.problems.has(`${each.path}\0${each.message}`));
    if (problem !== undefined && !settings.allowMissing) {
      const error = new HelperError('config', `cannot tell which data '${problem.path}' needs: ${problem.message}`, {
        hints: ['mend the file, or push without looking at it: git push -o dvcexp.allow-missing ...'],
      });
      for (const ref of refs) draft.problems.set(ref, error);
    }
    for (const placed of data.outputs) {
      const name = nameOf(placed);
      if (!pushable(placed) || name === undefined || old.names.has(name)) continue;
      anything = true;
      addUpload(draft, placed, { path: placed.output.path, refs, optional: false });
    }
  }
  if (settings.history === 'new') {
    for (const data of between.values()) {
      for (const placed of data.outputs) {
        const name = nameOf(placed);
        if (!pushable(placed) || name === undefined || old.names.has(name)) continue;
        anything = true;
        addUpload(draft, placed, { path: placed.output.path, refs: [], optional: true });
      }
    }
  }
  if (anything) await addRestOfExperiments(draft, tips, projects);
  return draft;
}

function pushable({ output }: PlacedOutput): boolean {
  return output.push && output.imported !== 'repo';
}

/** Names and problems of the commits that the Git remote has and the new ones grow from. */
async function namesOfBoundary(
  fresh: ReadonlyMap<GitOid, { readonly parents: readonly GitOid[] }>,
  projects: Projects,
): Promise<{ readonly names: ReadonlySet<string>; readonly problems: ReadonlySet<string> }> {
  const names = new Set<string>();
  const problems = new Set<string>();
  const seen = new Set<GitOid>();
  for (const { parents } of fresh.values()) {
    for (const parent of parents) {
      if (fresh.has(parent) || seen.has(parent)) continue;
      seen.add(parent);
      const data = await projects.of(parent);
      for (const placed of data.outputs) {
        const name = nameOf(placed);
        if (name !== undefined && pushable(placed)) names.add(name);
      }
      for (const problem of data.problems) problems.add(`${problem.path}\0${problem.message}`);
    }
  }
  return { names, problems };
}

async function addRestOfExperiments(
  draft: Draft,
  tips: ReadonlyMap<GitOid, readonly RefName[]>,
  projects: Projects,
): Promise<void> {
  for (const [commit, refs] of tips) {
    if (!refs.some(isExperiment)) continue;
    for (const placed of (await projects.of(commit)).outputs) {
      if (!pushable(placed) || placed.place === undefined || placed.place instanceof HelperError) continue;
      const group = draft.groups.get(identityOf(placed.place.storage, placed.place.cache));
      // Never a reason to open one more storage remote.
      const name = nameOf(placed);
      if (group === undefined || name === undefined || group.needs.has(name as Key)) continue;
      addUpload(draft, placed, { path: placed.output.path, refs: [], optional: true });
    }
  }
}

/**
 * What has to be in storage for these commits to be whole there: every object that is ever pushed, whatever the Git
 * remote has.
 */
export async function planShare(
  commits: readonly { readonly commit: GitOid; readonly name: RefName }[],
  projects: Projects,
): Promise<Plan> {
  const draft = emptyDraft();
  for (const { commit, name } of commits) {
    const data = await projects.of(commit);
    noteProblem(draft, data, [name]);
    for (const placed of data.outputs) {
      if (pushable(placed)) addUpload(draft, placed, { path: placed.output.path, refs: [name], optional: false });
    }
  }
  return draft;
}

function noteProblem(draft: Draft, { problems: [problem] }: CommitData, refs: readonly RefName[]): void {
  if (problem === undefined) return;
  const error = new HelperError('config', `cannot tell which data '${problem.path}' needs: ${problem.message}`);
  for (const ref of refs) draft.problems.set(ref, error);
}

/**
 * What a fetch brings: every object of the wanted commits. An output that is never pushed, or belongs to another
 * repository, is looked for and not missed.
 *
 * @param targets which outputs, or what of them; undefined: all
 */
export async function planFetch(
  wanted: readonly { readonly commit: GitOid; readonly names: readonly RefName[] }[],
  projects: Projects,
  targets?: Targets,
): Promise<Plan> {
  const draft = emptyDraft();
  for (const { commit, names } of wanted) {
    const data = await projects.of(commit);
    noteProblem(draft, data, names);
    for (const placed of data.outputs) {
      const part = targets === undefined ? everything : targets.of(placed.output);
      if (part === undefined) continue;
      const optional = !placed.output.push || placed.output.imported === 'repo';
      const { path, size } = placed.output;
      addDownload(draft, placed, { path, refs: names, optional, size }, part);
    }
  }
  return draft;
}
