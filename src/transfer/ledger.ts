import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunPath, type RunPath } from '../dvc/run.ts';
import { type Key, parseKey } from '../model/object.ts';
import type { StoragePlace } from './storage-place.ts';

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
 * @param directory the repository's `dvcexp` folder in its common Git directory
 * @param place undefined, or one where others see other things: nothing is known, and nothing kept on disk
 */
export function openLedger(directory: string, place: StoragePlace | undefined, nowSeconds: number): Ledger {
  const folder = join(directory, 'ledger');
  const path = place?.shared === true ? join(folder, place.name) : undefined;
  const known = new Set<string>();
  const fresh: string[] = [];
  let stale = false;
  for (const [index, line] of (path === undefined ? [] : readLines(path)).entries()) {
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
      if (fresh.length === 0 || path === undefined) return;
      try {
        mkdirSync(folder, { recursive: true });
        try {
          writeFileSync(path, `${header}\n`, { flag: 'wx' });
          dropStale(folder, nowSeconds);
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
      if (path !== undefined) rmSync(path, { force: true });
    },
  };
}

/** Ledgers in which nothing counts any more, of places that this clone has left. */
function dropStale(folder: string, nowSeconds: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).mtimeMs / 1000 < nowSeconds - lifetimeSeconds) rmSync(path, { force: true });
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return [];
  }
}
