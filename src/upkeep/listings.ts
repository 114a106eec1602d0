import type { Cache } from '../dvc/cache.ts';
import { parseListingIds } from '../dvc/listing.ts';
import { type DvcObject, isListing, type Key, keyOf, type ObjectId } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import { concernsOneObject } from '../transfer/missing.ts';
import { cachedListing, readListing } from '../transfer/wanted.ts';
import type { Needed } from './needs.ts';

/** The listings of what one cache and one storage remote hold. Those of the cache are read anew each time and take no memory. */
export interface Listings {
  /** Whole and understood; undefined: it is nowhere at hand, or the object is no listing. */
  read(need: Pick<Needed, 'object' | 'told'>): Uint8Array | undefined;
  /** The distinct files of a listing; none of what `read` does not have. */
  filesOf(need: Pick<Needed, 'object' | 'told'>): ReadonlySet<ObjectId>;
  /** Has those that are not at hand read from storage. What is not there, or damaged, stays unknown. */
  fetchMissing(needs: Iterable<Needed>, storage: Storage, operation: Operation): Promise<void>;
}

export function openListings(cache: Cache | undefined): Listings {
  const fetched = new Map<Key, Uint8Array>();
  const understood = (object: DvcObject, bytes: Uint8Array | undefined): Uint8Array | undefined => {
    if (bytes !== undefined) parseListingIds(bytes, object.id);
    return bytes;
  };
  const cached = (object: DvcObject): Uint8Array | undefined => {
    try {
      return understood(object, cachedListing(object, cache));
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
      return undefined;
    }
  };
  const read: Listings['read'] = ({ object, told }) =>
    isListing(object.id) ? (fetched.get(keyOf(object)) ?? cached(object) ?? told?.()) : undefined;
  return {
    read,
    filesOf(need) {
      const bytes = read(need);
      return bytes === undefined ? new Set() : parseListingIds(bytes, need.object.id);
    },
    async fetchMissing(needs, storage, operation) {
      const absent = [...needs].filter(
        ({ object, told }) => isListing(object.id) && read({ object, told }) === undefined,
      );
      const fetch = async ({ object }: Needed, inner: Operation): Promise<void> => {
        try {
          const bytes = understood(object, await readListing(object, storage, inner));
          if (bytes !== undefined) fetched.set(keyOf(object), bytes);
        } catch (error) {
          if (!concernsOneObject(error)) throw error;
        }
      };
      await forEachConcurrent(absent, fixedLimit(16), fetch, operation);
    },
  };
}
