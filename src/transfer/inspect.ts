import type { Cache } from '../dvc/cache.ts';
import { parseListing, parseListingIds } from '../dvc/listing.ts';
import { HelperError, isAbort } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import { type DvcObject, isListing, type Key, keyOf, parseKey } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { displayUrl } from '../report/printable.ts';
import type { Storage } from '../storage/remote.ts';
import { fixedLimit, forEachConcurrent } from './concurrent.ts';
import { type DataMoverContext, openSession, type Session, type Way } from './context.ts';
import { noStorageFor } from './homeless.ts';
import { concernsOneObject, findPresent } from './missing.ts';
import { type Group, type Need, planFetch } from './plan.ts';
import { cachedListing, readListing } from './wanted.ts';

/** A commit to look at, and what it is called in the answer. */
export interface InspectedCommit {
  readonly commit: Parameters<Session['projects']['of']>[0];
  readonly name: RefName;
}

/** One object that is not in both places. */
export interface Lack {
  readonly key: Key;
  /** Of the tracked file, from the top of the repository. */
  readonly path: string;
  /** Bytes in the cache; undefined: not there. */
  readonly here: number | undefined;
  /** Bytes in storage; undefined: not there, or `storage` did not answer. */
  readonly there: number | undefined;
  /** Storage has answered. */
  readonly asked: boolean;
  /** Storage remote that has it or should, printable. */
  readonly storage: string;
}

/** How whole the data of one commit is. What nobody shares (`push: false`, data of another repository) does not count. */
export interface DataState {
  /** How many are needed; a file in two directories counts twice. */
  readonly objects: number;
  /** Objects that are not in the cache, or not in storage where that was asked. Each once, by path. */
  readonly lacks: readonly Lack[];
  /** Directories whose files cannot be told, since their listing is not at hand. Paths. */
  readonly unknown: readonly string[];
  /** What keeps the question from being answered: metafiles that cannot be read, no storage remote, storage away. */
  readonly problems: readonly string[];
  /** Storage was asked, wherever it answered. */
  readonly asked: boolean;
}

/** Commits whose objects Git is asked for before the first has answered. */
const readAtOnce = 128;

interface Draft {
  objects: number;
  readonly lacks: Map<Key, Lack>;
  readonly unknown: Set<string>;
  readonly problems: Set<string>;
}

/**
 * Looks which data of these commits is in the cache and, if asked, in storage. Downloads listings that only storage has
 * and keeps none; changes nothing. A storage remote that fails is a problem of the commits that use it.
 */
export async function inspectData(
  context: DataMoverContext,
  commits: readonly InspectedCommit[],
  options: { readonly storage: boolean; readonly onCommit?: () => void },
  operation: Operation,
): Promise<ReadonlyMap<RefName, DataState>> {
  const session = openSession(context, operation);
  const drafts = new Map<RefName, Draft>();
  const draft = (name: RefName): Draft => {
    const known = drafts.get(name) ?? { objects: 0, lacks: new Map(), unknown: new Set(), problems: new Set() };
    drafts.set(name, known);
    return known;
  };
  try {
    const readable: InspectedCommit[] = [];
    const read = async (each: InspectedCommit): Promise<void> => {
      draft(each.name);
      try {
        await session.projects.of(each.commit);
        readable.push(each);
      } catch (error) {
        if (!(error instanceof HelperError) || isAbort(error)) throw error;
        draft(each.name).problems.add(error.message);
      }
      options.onCommit?.();
    };
    await forEachConcurrent(commits, fixedLimit(readAtOnce), read, operation);
    const wanted = readable.map(({ commit, name }) => ({ commit, names: [name] }));
    const plan = await planFetch(wanted, session.projects);
    for (const [ref, error] of plan.problems) draft(ref).problems.add(error.message);
    const homeless = new Map<RefName, string[]>();
    for (const { path, refs, optional } of plan.homeless)
      if (!optional) for (const ref of refs) homeless.set(ref, [...(homeless.get(ref) ?? []), path]);
    for (const [ref, paths] of homeless) draft(ref).problems.add(noStorageFor(paths));
    const way: Way = { direction: 'fetch', commits: readable.map(({ commit }) => commit), onlyLooks: true };
    for (const group of plan.groups.values()) {
      await inspectGroup(group, session, draft, options.storage ? way : undefined, operation);
    }
  } finally {
    await session.close();
  }
  return new Map(
    [...drafts].map(([name, { objects, lacks, unknown, problems }]) => [
      name,
      {
        objects,
        lacks: [...lacks.values()].sort(byPath),
        unknown: [...unknown],
        problems: [...problems],
        asked: options.storage,
      },
    ]),
  );
}

function byPath(one: Lack, other: Lack): number {
  return one.path < other.path ? -1 : one.path > other.path ? 1 : 0;
}

async function inspectGroup(
  group: Group,
  session: Session,
  draft: (name: RefName) => Draft,
  way: Way | undefined,
  operation: Operation,
): Promise<void> {
  const needs = [...group.needs.values()].filter((need) => refsOf(need).length > 0);
  if (needs.length === 0) return;
  const listings = openListings(group.cache);
  let present: ReadonlyMap<string, number> | undefined;
  try {
    if (way !== undefined) {
      const { open } = await session.toolsFor(group, way);
      const storage = await open();
      await listings.fetchMissing(needs, storage, operation);
      present = await whatIsThere(needs, listings, storage, operation);
    }
  } catch (error) {
    if (!(error instanceof HelperError) || isAbort(error)) throw error;
    for (const need of needs) for (const ref of refsOf(need)) draft(ref).problems.add(error.message);
  }
  const sizes = new Map<Key, number | undefined>();
  for (const need of needs) {
    const bytes = listings.read(need);
    const keys = keysOf(need, bytes);
    const lacks = lacksOf(need, keys, bytes, group, sizes, present);
    const blind = isListing(need.object.id) && bytes === undefined;
    for (const ref of new Set(refsOf(need))) {
      const state = draft(ref);
      state.objects += keys.length;
      for (const lack of lacks) state.lacks.set(lack.key, lack);
      if (blind) state.unknown.add(need.edges.find(({ refs }) => refs.includes(ref))?.path ?? '');
    }
  }
}

/**
 * Sizes of the objects that storage has. A cloud-versioned storage remote keeps files under their own paths: there, what
 * the metafiles name a version of counts as there, and a listing stands in the metafile.
 */
async function whatIsThere(
  needs: readonly Need[],
  listings: Listings,
  storage: Storage,
  operation: Operation,
): Promise<ReadonlyMap<string, number>> {
  const keys = new Set<string>();
  for (const need of needs) {
    if (need.sources === undefined) for (const key of keysOf(need, listings.read(need))) keys.add(key);
    else for (const { key } of need.sources) keys.add(key);
  }
  const present = new Map(await findPresent([...keys], storage, operation));
  for (const { object, sources } of needs) {
    const [source] = sources ?? [];
    if (source !== undefined) present.set(keyOf(object), present.get(source.key) ?? 0);
    else if (sources !== undefined && isListing(object.id)) present.set(keyOf(object), 0);
  }
  return present;
}

function refsOf(need: Need): readonly RefName[] {
  return need.edges.flatMap(({ optional, refs }) => (optional ? [] : refs));
}

/** The listings of one group. Those of the cache are read anew each time, so that a thousand of them take no memory. */
interface Listings {
  /** undefined: nowhere whole, or no listing. */
  read(need: Need): Uint8Array | undefined;
  fetchMissing(needs: readonly Need[], storage: Storage, operation: Operation): Promise<void>;
}

function openListings(cache: Cache | undefined): Listings {
  const fetched = new Map<Key, Uint8Array>();
  const cached = (object: DvcObject): Uint8Array | undefined => {
    try {
      const bytes = cachedListing(object, cache);
      if (bytes !== undefined) parseListingIds(bytes, object.id);
      return bytes;
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
      return undefined;
    }
  };
  const read = ({ object, listing }: Need): Uint8Array | undefined =>
    isListing(object.id) ? (fetched.get(keyOf(object)) ?? cached(object) ?? listing?.()) : undefined;
  return {
    read,
    async fetchMissing(needs, storage, operation) {
      const absent = needs.filter((need) => isListing(need.object.id) && read(need) === undefined);
      const fetch = async ({ object }: Need, inner: Operation): Promise<void> => {
        try {
          const bytes = await readListing(object, storage, inner);
          parseListingIds(bytes, object.id);
          fetched.set(keyOf(object), bytes);
        } catch (error) {
          if (!concernsOneObject(error)) throw error;
        }
      };
      await forEachConcurrent(absent, fixedLimit(16), fetch, operation);
    },
  };
}

/** The object itself, and behind it the files of a listing, unless these are needs of their own. */
function keysOf({ object, sources }: Need, bytes: Uint8Array | undefined): readonly Key[] {
  const ids = bytes === undefined || sources !== undefined ? [] : [...parseListingIds(bytes, object.id)];
  return [keyOf(object), ...ids.map((id) => keyOf({ kind: object.kind, id }))];
}

/** Objects of one output that are not in both places; names are looked up for those alone. */
function lacksOf(
  { object, edges }: Need,
  keys: readonly Key[],
  bytes: Uint8Array | undefined,
  { cache, storage }: Group,
  sizes: Map<Key, number | undefined>,
  present: ReadonlyMap<string, number> | undefined,
): readonly Lack[] {
  const top = edges.find((edge) => !edge.optional)?.path ?? '';
  const sizeOf = (key: Key): number | undefined => {
    const leaf = parseKey(key);
    if (!sizes.has(key)) sizes.set(key, leaf === undefined ? undefined : cache?.size(leaf));
    return sizes.get(key);
  };
  const lacking = keys.filter((key) => sizeOf(key) === undefined || (present !== undefined && !present.has(key)));
  const paths = new Map<string, string>();
  if (bytes !== undefined && lacking.some((key) => key !== keyOf(object))) {
    for (const { id, relpath } of parseListing(bytes, top)) paths.set(keyOf({ kind: object.kind, id }), relpath);
  }
  return lacking.map((key) => ({
    key,
    path: paths.has(key) ? `${top}/${paths.get(key)}` : top,
    here: sizeOf(key),
    there: present?.get(key),
    asked: present !== undefined,
    storage: displayUrl(storage.url),
  }));
}
