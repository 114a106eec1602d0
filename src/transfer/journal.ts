import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { type Key, parseKey } from '../model/object.ts';

/*
 * Cache objects are not synced to disk one by one. Instead each batch first writes down, synced, which objects it is
 * about to place. If the machine (not only the process) goes down, the next run reads the list again and removes
 * what did not survive, so that a torn object is fetched anew and never trusted.
 */
/** The system writes dirty pages within half a minute; ten leave room for slow disks. */
const settledMs = 10 * 60 * 1000;

function bootOf(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // No boot ID here: the minute the system started, which a clock step may change; then objects are only checked once more.
    return `started-${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
  }
}

/**
 * Notes, on disk before it returns, that these objects are about to be placed in the cache. The note is kept until the
 * system has surely written its buffers.
 *
 * @param directory the repository's `dvcexp` folder in its common Git directory
 */
export function noteBatch(directory: string, cacheDirectory: string, keys: readonly Key[]): void {
  const folder = join(directory, 'journal');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${Date.now()}-${randomBytes(8).toString('hex')}`);
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${bootOf()}\n${cacheDirectory}\n${keys.join('\n')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Reads the lists earlier runs left. A list of this boot means no buffer was lost: it goes when it is old enough. For
 * a list of an earlier boot every object is checked, then the list goes.
 *
 * @param check removes the object from the cache when its bytes are not those of its name
 */
export async function settleJournals(
  directory: string,
  check: (cacheDirectory: string, key: Key) => Promise<void>,
): Promise<void> {
  const folder = join(directory, 'journal');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  const boot = bootOf();
  for (const name of names) {
    const path = join(folder, name);
    try {
      const [writtenIn, cacheDirectory = '', ...keys] = readFileSync(path, 'utf8').split('\n');
      if (writtenIn === boot) {
        if (Date.now() - statSync(path).mtimeMs > settledMs) rmSync(path, { force: true });
        continue;
      }
      for (const key of keys) if (parseKey(key) !== undefined) await check(cacheDirectory, key as Key);
      rmSync(path, { force: true });
    } catch {
      // Another run settles it at the same time, or the next one does.
    }
  }
}
