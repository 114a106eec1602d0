import { closeSync, type Dir, fsyncSync, mkdirSync, opendirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseGitOid } from '../model/git.ts';

/**
 * Commits whose data did not come although Git has them. Git does not ask again for what it has: the next fetch would
 * move the refs without a word to us, so this list is what reminds us.
 *
 * One empty file per object ID in `<common-dir>/dvcexp/pending/`: entries come and go without a lock, and fetches from
 * several Git remotes at the same time cannot lose each other's. A commit has the same data whichever remote names it.
 */
export interface Pending {
  readonly oids: ReadonlySet<string>;
  /** Durable when it returns. Throws the system's error. */
  add(oids: readonly string[]): void;
  remove(oids: readonly string[]): void;
}

/** Of more than this only some are remembered in one run; the others wait for the next. */
const mostNames = 100_000;

function namesIn(directory: string): readonly string[] {
  let folder: Dir;
  try {
    folder = opendirSync(directory);
  } catch {
    return [];
  }
  const names: string[] = [];
  try {
    for (let entry = folder.readSync(); entry !== null && names.length < mostNames; entry = folder.readSync()) {
      names.push(entry.name);
    }
  } finally {
    folder.closeSync();
  }
  return names;
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function openPending(commonDirectory: string): Pending {
  const directory = join(commonDirectory, 'dvcexp', 'pending');
  const oids = new Set(namesIn(directory).filter((name) => parseGitOid(name) !== undefined));
  return {
    oids,
    add: (added) => {
      const fresh = added.filter((oid) => !oids.has(oid) && parseGitOid(oid) !== undefined);
      if (fresh.length === 0) return;
      mkdirSync(directory, { recursive: true });
      for (const oid of fresh) {
        closeSync(openSync(join(directory, oid), 'a'));
        oids.add(oid);
      }
      syncDirectory(directory);
    },
    remove: (removed) => {
      for (const oid of removed) {
        if (oids.delete(oid)) rmSync(join(directory, oid), { force: true });
      }
    },
  };
}
