import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunPath, type RunPath } from '../dvc/run.ts';
import { type Key, parseKey } from '../model/object.ts';
import type { StorageConfig } from '../model/storage-config.ts';

/**
 * What this clone itself saw in one storage remote, so that the next push need not ask again. A memory, not a proof:
 * entries expire, and any sign of loss forgets them all.
 */
export interface Ledger {
  /** Nothing is remembered: this clone never met the storage remote, or not for a week. */
  readonly empty: boolean;
  has(key: string): boolean;
  /** Remembered in this process at once, on disk by `save`. */
  add(key: Key | RunPath): void;
  /** Appends what is new. A ledger that cannot be written is only slower, so this never throws. */
  save(): void;
  /** Something vouched for is gone: forgets everything. */
  forget(): void;
}

const header = 'dvcexp ledger 1';
const lifetimeSeconds = 7 * 24 * 3600;

/**
 * The place a ledger speaks of: what decides where bytes go, and nothing secret.
 */
export function placeOf({ scheme, url, options }: StorageConfig): string {
  const place = [scheme, url, options.endpointurl ?? '', options.region ?? ''];
  // Of a connection string, what says where it leads and not how to get in.
  const connection = options.connection_string?.match(/(?:AccountName|BlobEndpoint|EndpointSuffix)=[^;?]*/gi);
  if (scheme === 'azure') place.push(options.account_name ?? '', ...(connection ?? []));
  return createHash('sha256').update(JSON.stringify(place)).digest('hex').slice(0, 32);
}

/** @param directory the repository's `dvcexp` folder in its common Git directory */
export function openLedger(directory: string, storage: StorageConfig, nowSeconds: number): Ledger {
  const folder = join(directory, 'ledger');
  const path = join(folder, placeOf(storage));
  const known = new Set<string>();
  const fresh: string[] = [];
  let stale = false;
  for (const [index, line] of readLines(path).entries()) {
    if (index === 0 && line !== header) break;
    if (line.startsWith('@')) stale = !(Number(line.slice(1)) > nowSeconds - lifetimeSeconds);
    else if (!stale && (parseKey(line) ?? parseRunPath(line)) !== undefined) known.add(line);
  }
  return {
    get empty() {
      return known.size === 0;
    },
    has: (key) => known.has(key),
    add(key) {
      if (known.has(key)) return;
      known.add(key);
      fresh.push(key);
    },
    save() {
      if (fresh.length === 0) return;
      try {
        mkdirSync(folder, { recursive: true });
        try {
          writeFileSync(path, `${header}\n`, { flag: 'wx' });
        } catch {
          // Already there: one append below keeps parallel writers' lines whole.
        }
        appendFileSync(path, `@${nowSeconds}\n${fresh.join('\n')}\n`);
        fresh.length = 0;
      } catch {
        // Only a memory: the next push asks storage again.
      }
    },
    forget() {
      known.clear();
      fresh.length = 0;
      rmSync(path, { force: true });
    },
  };
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return [];
  }
}
