import { lstatSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import { diskError } from '../dvc/cache-error.ts';
import { stockOf } from '../dvc/cache-stock.ts';
import { largestRun, parseRunPath, type RunPath } from '../dvc/run.ts';
import { HelperError } from '../model/error.ts';
import { type DvcObject, type Key, parseKey } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { isCloudVersioned, type StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import type { Storage } from '../storage/remote.ts';
import { openSweeper, requireSweepable } from '../storage/sweep.ts';
import type { Sweeper } from '../storage/sweeper.ts';
import type { Session, Way } from '../transfer/context.ts';
import { concernsOneObject } from '../transfer/missing.ts';
import { cachedListing, readListing } from '../transfer/wanted.ts';

/** An object, or an entry of the run cache, that lies in a place. */
export interface Item {
  readonly key: Key | RunPath;
  /** undefined: an entry of the run cache. */
  readonly object: DvcObject | undefined;
  /** Bytes. */
  readonly size: number;
  /** When it came there, milliseconds since 1970; NaN: nobody tells. */
  readonly changed: number;
}

/** A cache or a storage remote, as whoever takes things out of it needs it. */
export interface Target {
  /** Printable. */
  readonly place: string;
  /** Most removals at once. */
  readonly concurrency: number;
  /** Everything that DVC has put there, and nothing else. */
  items(operation: Operation): AsyncIterable<Item>;
  /** A listing's bytes, proven; undefined: not there, or damaged. */
  readListing(object: DvcObject, operation: Operation): Promise<Uint8Array | undefined>;
  /** An entry of the run cache; undefined: not there, or too large for one. */
  readRun(path: RunPath, operation: Operation): Promise<Uint8Array | undefined>;
  /** False: it is another by now than the one that was listed, and stays. One that has gone is removed. */
  remove(item: Item, operation: Operation): Promise<boolean>;
  close(): Promise<void>;
}

export function cacheTarget(cache: Cache): Target {
  return {
    place: printable(cache.directory),
    concurrency: 1,
    async *items() {
      for await (const item of stockOf(cache.directory)) {
        const { size, changed } = item;
        if (item.kind === 'object') yield { key: item.key, object: item.object, size, changed };
        else if (item.kind === 'run') yield { key: item.key, object: undefined, size, changed };
      }
    },
    readListing: async (object) => unlessDamaged(async () => cachedListing(object, cache)),
    readRun: async (path) => cache.runs.read(path),
    async remove({ key, changed }) {
      const path = join(cache.directory, key);
      try {
        const stat = lstatSync(path, { throwIfNoEntry: false });
        if (stat === undefined) return true;
        if (!stat.isFile() || Math.max(stat.mtimeMs, stat.ctimeMs) !== changed) return false;
        unlinkSync(path);
        return true;
      } catch (error) {
        throw diskError(error, `cannot remove '${printable(path)}'`, cache.directory);
      }
    },
    async close() {},
  };
}

/** How many of the 256 folders of DVC 2 are listed one after the other without waiting for the reader. */
const hex = Array.from({ length: 256 }, (_, at) => at.toString(16).padStart(2, '0'));

/** Throws `unsupported` where nothing can be removed. Opened for reading; what removes is opened when something is to be. */
export function storageTarget(
  config: StorageConfig,
  storage: Storage,
  sweeping: { readonly session: Session; readonly way: Way },
): Target {
  let sweeper: Promise<Sweeper> | undefined;
  return {
    place: storage.displayUrl,
    concurrency: Math.min(32, storage.concurrency),
    async *items(operation) {
      // Only where DVC puts objects: beside them may lie whatever people like.
      for (const prefix of ['files/md5/', ...hex.map((two) => `${two}/`), 'runs/']) {
        const seen = new Set<string>();
        for await (const { key, size, modified = Number.NaN } of storage.list(prefix, operation)) {
          const object = parseKey(key);
          const run = parseRunPath(key);
          // A listing that had to start again tells some twice.
          if ((object === undefined && run === undefined) || seen.has(key)) continue;
          seen.add(key);
          yield { key: key as Key | RunPath, object, size, changed: modified };
        }
      }
    },
    readListing: (object, operation) => unlessDamaged(() => readListing(object, storage, operation)),
    readRun: (path, operation) =>
      unlessDamaged(async () => {
        const chunks: Uint8Array[] = [];
        let size = 0;
        for await (const chunk of storage.read(path, operation)) {
          size += chunk.length;
          if (size > largestRun) return undefined;
          chunks.push(Buffer.from(chunk));
        }
        return Buffer.concat(chunks);
      }),
    async remove({ key }, operation) {
      sweeper ??= openSweeper(config, sweeping.session.contextFor(sweeping.way));
      await (await sweeper).remove(key, operation);
      return true;
    },
    async close() {
      await (await sweeper)?.close();
    },
  };
}

/** Throws `unsupported` where git dvcexp does not remove. */
export function requireSwept(config: StorageConfig): void {
  if (isCloudVersioned(config)) {
    throw new HelperError('unsupported', `storage remote '${printable(config.name)}' is cloud-versioned`, {
      hints: [
        'files lie there under their own names: what the service keeps of them is for its rules of retention to say',
      ],
    });
  }
  requireSweepable(config);
}

async function unlessDamaged<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!concernsOneObject(error)) throw error;
    return undefined;
  }
}
