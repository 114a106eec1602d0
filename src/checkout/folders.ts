import { lstatSync, mkdirSync, rmdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { asHfsReads, isUnsafe } from '../dvc/listing.ts';

/** The way from the top of the work tree to a file, looked at once for each folder. */
export interface Folders {
  /** The path on this machine. */
  at(path: string): string;
  /**
   * Why nothing may be put at or taken from a path, in words for people; undefined: all folders above it are real ones, or
   * not there yet.
   */
  obstacle(path: string): string | undefined;
  /** Makes the folders above a path that has no obstacle. Throws the system's error. */
  make(path: string): void;
  /** Removes the folder if it is empty, and those above it that then are, up to `last`, which stays. */
  prune(folder: string, last: string): void;
}

// As any system takes it, like Git's own folder: what is in there decides where data goes and who is trusted.
const dvcFolder = /(?:^|\/)(?:\.dvc|dvc~\d)[ .]*(?:\/|$)/i;

/** True for a path that no output may have: one that leaves the work tree, or is Git's or DVC's own. */
export function isReserved(path: string): boolean {
  return isUnsafe(path) || dvcFolder.test(asHfsReads(path));
}

/** @param top of the work tree, absolute */
export function openFolders(top: string): Folders {
  const real = new Set<string>(['.']);
  const at = (path: string): string => join(top, path);

  const obstacle = (path: string): string | undefined => {
    if (isReserved(path)) return 'no output may be there';
    const above: string[] = [];
    for (let folder = posix.dirname(path); !real.has(folder); folder = posix.dirname(folder)) above.unshift(folder);
    for (const folder of above) {
      const stat = lstatSync(at(folder), { throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      if (stat.isSymbolicLink()) return `'${folder}' is a symbolic link`;
      if (!stat.isDirectory()) return `'${folder}' is not a folder`;
      real.add(folder);
    }
    return undefined;
  };
  return {
    at,
    obstacle,
    make(path) {
      const folder = posix.dirname(path);
      if (real.has(folder)) return;
      mkdirSync(at(folder), { recursive: true });
      real.add(folder);
    },
    prune(folder, last) {
      try {
        for (let each = folder; each !== last && each !== '.'; each = posix.dirname(each)) {
          rmdirSync(at(each));
          real.delete(each);
        }
      } catch {
        // Something is in it.
      }
    },
  };
}
