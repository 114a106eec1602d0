import type { Cache } from '../dvc/cache.ts';
import { damaged, digestOf, isNamed } from '../dvc/hash.ts';
import { largestListing, parseListing, parseListingIds } from '../dvc/listing.ts';
import { HelperError } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import { type DvcObject, isListing, type Key, keyOf, type ObjectId } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
import type { Edge, Need } from './plan.ts';
import type { Source } from './versions.ts';

/** One object to bring from here to there, with all it is wanted for. */
export interface Wanted {
  readonly object: DvcObject;
  readonly key: Key;
  /** Shared by all that are wanted for the same: there may be a million of them. */
  edges: readonly Edge[];
  /** Of a listing that was read: the keys of its leaves. */
  leaves: readonly Key[] | undefined;
  /** Of a leaf: one listing that names it, to find its path when it has to be told. */
  readonly from: Key | undefined;
  /** As in Need. */
  readonly sources: readonly Source[] | undefined;
  readonly listing: Need['listing'];
  readonly parts?: Need['parts'];
}

export type WantedMap = Map<Key, Wanted>;

export function wantedOf(needs: Iterable<Need>): WantedMap {
  const wanted: WantedMap = new Map();
  for (const { object, edges, sources, listing, parts } of needs) {
    const key = keyOf(object);
    wanted.set(key, { object, key, edges, leaves: undefined, from: undefined, sources, listing, parts });
  }
  return wanted;
}

export function listingsOf(wanted: WantedMap): Wanted[] {
  return [...wanted.values()].filter(({ object }) => isListing(object.id));
}

/** Adds the files of a listing; they are wanted for whatever the listing is wanted for. */
export function addLeaves(wanted: WantedMap, listing: Wanted, bytes: Uint8Array): void {
  const keys: Key[] = [];
  const { edges } = listing;
  const together = new Map<readonly Edge[], readonly Edge[]>();
  for (const id of idsOf(listing, bytes)) {
    const object: DvcObject = { kind: listing.object.kind, id };
    const key = keyOf(object);
    keys.push(key);
    const known = wanted.get(key);
    if (known === undefined) {
      const [leaves, sources] = [undefined, undefined];
      wanted.set(key, { object, key, edges, leaves, from: listing.key, sources, listing: undefined });
    } else {
      const both = together.get(known.edges) ?? [...known.edges, ...edges];
      together.set(known.edges, both);
      known.edges = both;
    }
  }
  listing.leaves = keys;
}

/** The distinct objects of a listing, or of what is meant of it. */
function idsOf({ object, edges, parts = [] }: Wanted, bytes: Uint8Array): Iterable<ObjectId> {
  const where = `listing ${object.id} of '${edges[0]?.path ?? ''}'`;
  if (parts.length === 0 || parts.some(({ whole }) => whole)) return parseListingIds(bytes, where);
  const ids = new Set<ObjectId>();
  for (const { relpath, id } of parseListing(bytes, where)) {
    // Each is asked: its word has met something then.
    if (parts.map((part) => part.includes(relpath)).includes(true)) ids.add(id);
  }
  return ids;
}

/** Refs that must not move without this object. */
export function refsOf(wanted: Wanted): Set<RefName> {
  return new Set(wanted.edges.filter((edge) => !edge.optional).flatMap((edge) => edge.refs));
}

/** True when somebody has to hear that this object is nowhere. */
export function isMissed(wanted: Wanted): boolean {
  return wanted.edges.some((edge) => !edge.optional);
}

/**
 * The object as people know it: the path that is tracked, and its name in DVC.
 *
 * @param listingBytes a listing's bytes, when they can be had
 */
export function describe(wanted: Wanted, listingBytes: (key: Key) => Uint8Array | undefined): string {
  const edge = wanted.edges.find((each) => !each.optional) ?? wanted.edges[0];
  const top = edge?.path ?? '';
  const name = `(md5 ${wanted.object.id})`;
  if (wanted.from === undefined) return `${top} ${name}`;
  const bytes = listingBytes(wanted.from);
  const entry = bytes === undefined ? undefined : parseListing(bytes, top).find(({ id }) => id === wanted.object.id);
  return `${top}/${entry?.relpath ?? '...'} ${name}`;
}

/** A whole listing from storage, proven against its name. Throws `missing` when storage has not got it. */
export async function readListing(object: DvcObject, storage: Storage, operation: Operation): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of storage.read(keyOf(object), operation)) {
    size += chunk.length;
    if (size > largestListing) throw new HelperError('corrupt', `object '${keyOf(object)}' is too large for a listing`);
    chunks.push(Buffer.from(chunk));
  }
  const bytes = Buffer.concat(chunks);
  const digest = digestOf(object.kind, bytes);
  if (!isNamed(object, digest)) throw damaged(object, digest, storage.displayUrl);
  return bytes;
}

/** A listing's bytes from the cache; undefined when it is not there. A damaged one throws `corrupt`. */
export function cachedListing(object: DvcObject, cache: Cache | undefined): Uint8Array | undefined {
  return cache?.size(object) === undefined ? undefined : cache.read(object);
}
