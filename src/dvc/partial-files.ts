import { join } from 'node:path';
import { type DvcObject, keyOf, type ObjectId } from '../model/object.ts';
import type { CacheDirectories } from './cache-directories.ts';
import { partialName, partialOf, resumeFrom, takeOver } from './partial-name.ts';
import { createTemporaryFile, namesIn, reopenTemporaryFile, type TemporaryFile } from './temporary-file.ts';

/** What came of big objects before a run ended, kept for the next one to go on with. */
export interface PartialFiles {
  /** An empty file that a later run can go on with. Throws what the disk says. */
  create(object: DvcObject): TemporaryFile;
  /** What is left of an earlier run, now ours; undefined when there is nothing that can be had. Never throws. */
  take(object: DvcObject): TemporaryFile | undefined;
  /** Ends with a file: leaves it when there is enough in it. Never throws. */
  keep(object: DvcObject, file: TemporaryFile, bytes: number): void;
}

export function openPartialFiles(directories: CacheDirectories): PartialFiles {
  // Each folder is looked into once: it may hold thousands of objects.
  const folders = new Map<string, Map<string, Set<string>>>();
  const folderOf = (object: DvcObject): string => {
    const key = keyOf(object);
    return join(directories.root, key.slice(0, key.lastIndexOf('/')));
  };
  const namesFor = (folder: string, id: ObjectId): Set<string> => {
    let found = folders.get(folder);
    if (found === undefined) {
      found = new Map();
      for (const name of namesIn(folder)) {
        const of = partialOf(name);
        if (of !== undefined) found.set(of, (found.get(of) ?? new Set()).add(name));
      }
      folders.set(folder, found);
    }
    const names = found.get(id) ?? new Set();
    found.set(id, names);
    return names;
  };
  return {
    create: (object) => createTemporaryFile(directories, keyOf(object), partialName(object.id)),
    take(object) {
      const folder = folderOf(object);
      const names = namesFor(folder, object.id);
      for (const name of names) {
        names.delete(name);
        const path = join(folder, partialName(object.id));
        try {
          if (takeOver(folder, name, path)) return reopenTemporaryFile(path);
        } catch {
          // Somebody else was first, or it cannot be read: then it is begun anew.
        }
      }
      return undefined;
    },
    keep(object, file, bytes) {
      if (bytes < resumeFrom) return file.discard();
      file.keep();
      namesFor(folderOf(object), object.id).add(file.path.slice(folderOf(object).length + 1));
    },
  };
}
