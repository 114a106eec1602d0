import { chmodSync } from 'node:fs';
import type { Cache } from '../dvc/cache.ts';
import { HelperError, isAbort } from '../model/error.ts';
import { type DvcObject, isListing, type Key } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { isCloudVersioned } from '../model/storage-config.ts';
import { displayUrl } from '../report/printable.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import type { Session, Way } from '../transfer/context.ts';
import { noteBatch } from '../transfer/journal.ts';
import { placeObject } from '../transfer/place-object.ts';
import { readStored } from './check-storage.ts';
import type { Fault } from './fault.ts';
import type { Located } from './locate.ts';

/** Where right bytes of a faulty object may come from and go to. */
export interface Repair {
  readonly fault: Fault;
  readonly cache: Cache | undefined;
  /** Storage remotes to ask, in order. */
  readonly storages: readonly StorageConfig[];
  readonly located: Located | undefined;
}

/**
 * Puts right bytes in the place of what is lost or damaged, from the other side, files before listings. Nothing is taken
 * away before its replacement has come whole and was found right: what cannot be repaired stays as it is. Answers the
 * faults, each with what became of it.
 *
 * @param way whom nobody asks for more than the repair needs: `push` where storage is repaired
 */
export async function repairAll(
  repairs: readonly Repair[],
  session: Session,
  way: Way,
  operation: Operation,
): Promise<readonly Fault[]> {
  const done: Fault[] = [];
  const meter = session.voice.meter('Repairing', { objects: repairs.length, bytes: undefined });
  const one = async (repair: Repair, inner: Operation): Promise<void> => {
    const obstacle = await repairOne(repair, session, way, meter.bytes, inner);
    done.push({ ...repair.fault, repaired: obstacle === undefined, obstacle });
    meter.object();
  };
  let whole = false;
  try {
    for (const [directory, keys] of placedIn(repairs)) noteBatch(session.directory, directory, keys);
    // Of the cache first: what is right there again may mend storage.
    for (const side of ['cache', 'storage']) {
      for (const listings of [false, true]) {
        const part = repairs.filter(({ fault }) => fault.side === side && isListing(fault.object.id) === listings);
        await forEachConcurrent(part, fixedLimit(session.context.settings.jobs ?? 8), one, operation);
      }
    }
    whole = true;
  } finally {
    meter.finish(whole);
  }
  return done;
}

/** What is about to be placed in caches, by directory. */
function placedIn(repairs: readonly Repair[]): ReadonlyMap<string, readonly Key[]> {
  const placed = new Map<string, Key[]>();
  for (const { fault, cache } of repairs) {
    if (fault.side === 'cache' && cache !== undefined) {
      placed.set(cache.directory, [...(placed.get(cache.directory) ?? []), fault.key]);
    }
  }
  return placed;
}

/** undefined: it is right now. Else why it is not. */
async function repairOne(
  repair: Repair,
  session: Session,
  way: Way,
  moved: (bytes: number) => void,
  operation: Operation,
): Promise<string | undefined> {
  const { fault, cache } = repair;
  if (cache === undefined) return 'there is no cache';
  try {
    return fault.side === 'cache'
      ? await fromStorage(repair, cache, session, way, moved, operation)
      : await fromCache(repair, cache, session, way, moved, operation);
  } catch (error) {
    if (!(error instanceof HelperError) || isAbort(error)) throw error;
    return error.message;
  }
}

async function fromStorage(
  { fault, storages, located }: Repair,
  cache: Cache,
  session: Session,
  way: Way,
  moved: (bytes: number) => void,
  operation: Operation,
): Promise<string | undefined> {
  const { object, key } = fault;
  const own = located?.need.key === key ? located.need : undefined;
  const told = own?.told?.();
  if (told !== undefined) {
    await cache.write(object, told, operation);
    return undefined;
  }
  const obstacles: string[] = [];
  for (const storage of storages) {
    const tools = await session.toolsFor({ storage }, way);
    const edges = [{ path: fault.path ?? '', refs: [], optional: false }];
    const wanted = {
      object,
      key,
      edges,
      leaves: undefined,
      from: undefined,
      sources: own?.sources,
      listing: undefined,
    };
    try {
      await placeObject(wanted, isCloudVersioned(storage), await tools.open(), cache, { ...operation, moved });
      return undefined;
    } catch (error) {
      if (!(error instanceof HelperError) || isAbort(error)) throw error;
      if (error.code === 'missing' || error.code === 'corrupt') tools.ledger.forget();
      const lost = error.code === 'missing' ? `${displayUrl(storage.url)} has not got it` : error.message;
      obstacles.push(error.code === 'corrupt' ? `it is damaged in ${displayUrl(storage.url)} too` : lost);
    }
  }
  return obstacles.length === 0 ? 'no storage remote is known for it' : obstacles.join('; ');
}

async function fromCache(
  { fault, storages: [storage] }: Repair,
  cache: Cache,
  session: Session,
  way: Way,
  moved: (bytes: number) => void,
  operation: Operation,
): Promise<string | undefined> {
  const { object, key } = fault;
  if (storage === undefined) return 'no storage remote is known for it';
  if (cache.size(object) === undefined) return 'the cache has not got it';
  const tools = await session.toolsFor({ storage }, way);
  await tools.announce();
  const opened = await tools.open();
  try {
    // Read through to its end before anything is replaced: the cache may be damaged as well.
    await opened.write(key, cache.content(object), { ...operation, moved });
  } catch (error) {
    if (error instanceof HelperError && error.code === 'corrupt') return 'it is damaged in the cache too';
    throw error;
  }
  const left = await readStored(object, opened, operation);
  return left === undefined ? undefined : `it was written, and ${left.reason}`;
}

/** Takes the right to write from objects whose bytes are right, as DVC wants them. Answers how many stayed as they are. */
export function guardObjects(objects: readonly DvcObject[], cache: Cache): number {
  let left = 0;
  for (const object of objects) {
    try {
      chmodSync(cache.path(object), 0o444);
    } catch {
      // Of another user, or a file system without modes.
      left += 1;
    }
  }
  return left;
}
