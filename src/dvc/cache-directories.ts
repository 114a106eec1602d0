import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { diskError } from './cache-error.ts';

/** Makes the directories of a cache, once each. */
export interface CacheDirectories {
  readonly root: string;
  /** The directory of the file at `path` below the root, made if need be. Throws `io`; also when a link stands in the way. */
  prepare(path: string): string;
  /** Forgets what was made, for when somebody removed a directory meanwhile. */
  forget(): void;
}

/**
 * @param shared `group`: set-group-ID and writable by the group, as DVC makes them. The root itself may be a
 *   symbolic link, people put caches on other disks so; below it a link could only lead our writes astray.
 */
export function createCacheDirectories(root: string, shared: 'group' | undefined): CacheDirectories {
  const ready = new Set<string>();

  const make = (path: string): void => {
    try {
      mkdirSync(path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
      throw error;
    }
    if (shared === 'group') chmodSync(path, 0o2775);
  };
  const makeRoot = (): void => {
    const first = mkdirSync(root, { recursive: true });
    if (first !== undefined && shared === 'group') chmodSync(root, 0o2775);
  };
  const requireDirectory = (path: string): void => {
    if (lstatSync(path).isDirectory()) return;
    throw new HelperError('io', `'${printable(path)}' in the cache is not a directory`, {
      hints: ['symbolic links inside the cache are not followed: make the cache itself the link, or remove it'],
    });
  };

  return {
    root,
    prepare(file) {
      const folder = file.slice(0, file.lastIndexOf('/'));
      const directory = join(root, folder);
      if (ready.has(folder)) return directory;
      let path = root;
      try {
        if (ready.size === 0) makeRoot();
        for (const part of folder.split('/')) {
          path = join(path, part);
          make(path);
          requireDirectory(path);
        }
      } catch (error) {
        throw diskError(error, `cannot create '${printable(path)}' in the cache`, root);
      }
      ready.add(folder);
      return directory;
    },
    forget: () => ready.clear(),
  };
}
