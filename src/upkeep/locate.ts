import { parseListing } from '../dvc/listing.ts';
import { isListing, type Key, keyOf } from '../model/object.ts';
import { type Listings, openListings } from './listings.ts';
import type { Needed, Share } from './needs.ts';

/** What an object is for. */
export interface Located {
  /** Of the tracked file, from the top of the repository. */
  readonly path: string;
  /** The need that has it: itself, or the listing that names it. */
  readonly need: Needed;
  readonly share: Share;
}

/**
 * Looks among the needs of commits what these objects are for: each once, as the first that is found. Listings are read
 * only for what is no need by itself.
 *
 * @param listingsOf of a share; undefined: those at hand in its cache and in metafiles
 */
export function locate(
  keys: Iterable<Key>,
  shares: readonly Share[],
  listingsOf?: (share: Share) => Listings | undefined,
): ReadonlyMap<Key, Located> {
  const found = new Map<Key, Located>();
  const wanted = new Set(keys);
  const note = (key: Key, located: Located): void => {
    if (wanted.delete(key)) found.set(key, located);
  };
  for (const share of shares) {
    for (const key of [...wanted]) {
      const need = share.needs.get(key);
      if (need !== undefined) note(key, { path: need.path, need, share });
    }
  }
  for (const share of shares) {
    const listings = listingsOf?.(share) ?? openListings(share.cache);
    for (const need of share.needs.values()) {
      if (wanted.size === 0) return found;
      if (!isListing(need.object.id)) continue;
      const { kind } = need.object;
      const ids = listings.filesOf(need);
      const here = [...wanted].some((key) => {
        const name = key.split('/').slice(-2).join('');
        return keyOf({ kind, id: name as typeof need.object.id }) === key && ids.has(name as typeof need.object.id);
      });
      const bytes = here ? listings.read(need) : undefined;
      if (bytes === undefined) continue;
      for (const { id, relpath } of parseListing(bytes, need.path)) {
        note(keyOf({ kind, id }), { path: `${need.path}/${relpath}`, need, share });
      }
    }
  }
  return found;
}
