import { parseListingIds } from '../dvc/listing.ts';
import { parseRun, type RunPath } from '../dvc/run.ts';
import { HelperError } from '../model/error.ts';
import { type DvcObject, isListing, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import type { Item, Target } from './sweep.ts';

export interface Amount {
  readonly objects: number;
  readonly bytes: number;
}

/** What lies in a place, by what is to become of it. */
export interface Stocktaking {
  readonly kept: Amount;
  /** Nobody needs it, and it is too young to go, or something young needs it. */
  readonly young: Amount;
  /** Entries of the run cache, then listings, then files: in the order in which they go. */
  readonly doomed: readonly Item[];
}

export interface StockRules {
  /** What commits need. */
  readonly needed: ReadonlySet<Key>;
  /** What came there after this stays. Milliseconds since 1970. */
  readonly before: number;
  /** Entries of the run cache go when not all they name is needed. Else they stay, and so does what they name. */
  readonly sweepRuns: boolean;
}

/**
 * Sorts what lies in a place. What came lately stays, with all that it points to: a push sends a listing before the ref that
 * needs it, and the files of it may have been there for years.
 */
export async function takeStock(target: Target, rules: StockRules, operation: Operation): Promise<Stocktaking> {
  const { needed, before, sweepRuns } = rules;
  const kept = { objects: 0, bytes: 0 };
  const rest: Item[] = [];
  const runs: Item[] = [];
  for await (const item of target.items(operation)) {
    operation.signal.throwIfAborted();
    if (item.object === undefined) runs.push(item);
    else if (needed.has(item.key as Key)) count(kept, item);
    else rest.push(item);
  }
  const held = new Set<Key>();
  const hold = holder(target, held, operation);
  const doomed: Item[] = [];
  await forEachConcurrent(
    runs,
    fixedLimit(16),
    async (run, inner) => {
      const outputs = await outputsOf(run, target, inner);
      const goes = sweepRuns && isOld(run, before) && !(outputs ?? []).every((object) => needed.has(keyOf(object)));
      if (goes && outputs !== undefined) {
        doomed.push(run);
        return;
      }
      count(kept, run);
      for (const object of outputs ?? []) await hold(object);
    },
    operation,
  );
  for (const item of rest) if (item.object !== undefined && !isOld(item, before)) await hold(item.object);
  const young = { objects: 0, bytes: 0 };
  for (const item of rest) {
    if (isOld(item, before) && !held.has(item.key as Key)) doomed.push(item);
    else count(young, item);
  }
  return { kept, young, doomed: doomed.sort((one, other) => rank(one) - rank(other)) };
}

/** Unknown is young. */
const isOld = ({ changed }: Item, before: number): boolean => changed <= before;

function count(amount: { objects: number; bytes: number }, { size }: Item): void {
  amount.objects += 1;
  amount.bytes += size;
}

/** What points goes before what it points to: wherever it is broken off, nothing points to what has gone. */
export function rank({ object }: Item): number {
  return object === undefined ? 0 : isListing(object.id) ? 1 : 2;
}

/** Notes an object, and the files of a listing as far as the listing is there. */
function holder(target: Target, held: Set<Key>, operation: Operation): (object: DvcObject) => Promise<void> {
  return async (object) => {
    const key = keyOf(object);
    if (held.has(key)) return;
    held.add(key);
    if (!isListing(object.id)) return;
    const bytes = await target.readListing(object, operation);
    if (bytes === undefined) return;
    try {
      for (const id of parseListingIds(bytes, key)) held.add(keyOf({ kind: object.kind, id }));
    } catch (error) {
      // No listing that anybody could use.
      if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    }
  };
}

/** undefined: no entry that anybody could use, which is left alone. */
async function outputsOf(
  { key }: Item,
  target: Target,
  operation: Operation,
): Promise<readonly DvcObject[] | undefined> {
  const bytes = await target.readRun(key as RunPath, operation);
  if (bytes === undefined) return undefined;
  try {
    return parseRun(key as RunPath, bytes).map(({ object }) => object);
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    return undefined;
  }
}
