import { randomBytes } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../report/printable.ts';
import type { CacheDirectories } from './cache-directories.ts';
import { diskError } from './cache-error.ts';
import { largestRun, parseRunPath, type RunPath } from './run.ts';
import { namesIn, removeStaleTemporaries } from './temporary-file.ts';

/** DVC's run cache: small files that say what a stage made of what it ran on, so that it need not run again. */
export interface RunCache {
  /** Every entry, in no order; what is no entry is passed over. */
  paths(): readonly RunPath[];
  has(path: RunPath): boolean;
  /** undefined when it is gone, no regular file, or too large for an entry. Throws what the disk says. */
  read(path: RunPath): Uint8Array | undefined;
  /** Places an entry, whole at once, with the mode that DVC gives it. Throws `io`. The bytes are not looked at. */
  write(path: RunPath, bytes: Uint8Array): void;
}

export function createRunCache(directories: CacheDirectories): RunCache {
  const { root } = directories;
  let swept = false;
  const sizeOf = (path: RunPath): number | undefined => {
    const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
    return stat?.isFile() ? stat.size : undefined;
  };
  return {
    paths() {
      const found: RunPath[] = [];
      for (const two of namesIn(join(root, 'runs'))) {
        for (const key of namesIn(join(root, 'runs', two))) {
          for (const value of namesIn(join(root, 'runs', two, key))) {
            const path = parseRunPath(`runs/${two}/${key}/${value}`);
            if (path !== undefined) found.push(path);
          }
        }
      }
      return found;
    },
    has: (path) => sizeOf(path) !== undefined,
    read(path) {
      try {
        const size = sizeOf(path);
        return size === undefined || size > largestRun ? undefined : readFileSync(join(root, path));
      } catch (error) {
        throw diskError(error, `cannot read '${printable(join(root, path))}'`, root);
      }
    },
    write(path, bytes) {
      directories.prepare(path);
      // DVC takes the newest file of a folder below `runs` for an entry, so nothing unfinished may stand there.
      const temporary = join(root, `.${randomBytes(16).toString('base64url')}.dvcexp.tmp`);
      try {
        if (!swept) removeStaleTemporaries(root);
        swept = true;
        const file = openSync(temporary, 'wx', 0o666);
        try {
          for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
        } finally {
          closeSync(file);
        }
        renameSync(temporary, join(root, path));
      } catch (error) {
        rmSync(temporary, { force: true });
        throw diskError(error, `cannot write '${printable(join(root, path))}'`, root);
      }
    },
  };
}
