import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import { stockOf } from '../dvc/cache-stock.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { liveMarks } from '../transfer/live.ts';

/** A temporary file that was written to so lately may still be. */
const writingMs = 10 * 60 * 1000;

/**
 * Throws `unavailable` while somebody moves data: a push or fetch of ours, a DVC command that holds a lock of a project, or
 * whoever writes to a cache.
 *
 * @param directories `dvcexp` folders of the repositories' common Git directories
 * @param projects directories of DVC projects, absolute
 */
export async function requireQuiet(
  directories: readonly string[],
  projects: readonly string[],
  caches: readonly Cache[],
): Promise<void> {
  for (const directory of directories) {
    const [mark] = liveMarks(directory);
    if (mark !== undefined)
      refuse('a transfer of this repository is under way', `wait for it; a mark that is left over: ${mark}`);
  }
  for (const project of projects) {
    const lock = join(project, '.dvc', 'tmp', 'lock');
    if (isLocked(lock)) refuse(`a DVC command is running ('${printable(lock)}' is locked)`, 'wait for it');
    const rwlock = join(project, '.dvc', 'tmp', 'rwlock');
    if (isHeld(rwlock)) refuse(`a DVC command is running (see '${printable(rwlock)}')`, 'wait for it');
  }
  for (const cache of caches) {
    for await (const item of stockOf(cache.directory)) {
      if (item.kind !== 'temporary' || Date.now() - item.changed > writingMs) continue;
      refuse(
        `somebody writes to the cache ('${printable(item.path)}')`,
        'wait for it: a file that is left over counts for ten minutes',
      );
    }
  }
}

function refuse(why: string, hint: string): never {
  throw new HelperError('unavailable', `${why}, so nothing is removed`, { hints: [hint] });
}

/** By flock(2), as DVC takes it; where the system does not list its locks, by when the file was last written to. */
function isLocked(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  try {
    const inode = new RegExp(`^\\d+: FLOCK .*:${stat.ino} `, 'm');
    return inode.test(readFileSync('/proc/locks', 'latin1'));
  } catch {
    return Date.now() - stat.mtimeMs < writingMs;
  }
}

/** DVC lists there who reads and writes which paths, by process. */
function isHeld(path: string): boolean {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return false;
  }
  const pids = [...text.matchAll(/"pid":\s*(\d+)/g)].map(([, pid = '']) => pid);
  return pids.some(isRunning);
}

function isRunning(pid: string): boolean {
  try {
    readFileSync('/proc/self/stat');
  } catch {
    // Nobody tells here which processes there are.
    return true;
  }
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined;
}
