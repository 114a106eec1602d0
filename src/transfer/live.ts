import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownIdentity, stateOfProcess } from '../dvc/process-identity.ts';

/*
 * While data moves, a file tells whoever would remove objects (`git dvcexp gc`). Its name is that of the process, so that
 * one that was killed holds up nobody.
 */

/** Of a process of which nothing can be learned, a mark counts for so long. */
const unknownMs = 24 * 60 * 60 * 1000;
/** Paths of the marks that this process has made. */
const own = new Set<string>();
const pattern = /^([0-9a-f]{12}-\d+-\d+)\.[\w-]+$/;

/**
 * Says that this process moves data of the repository, until what it answers is called. Never throws: where nothing can be
 * written, nothing is said.
 *
 * @param directory the repository's `dvcexp` folder in its common Git directory
 */
export function markLive(directory: string): () => void {
  const folder = join(directory, 'live');
  const path = join(folder, `${ownIdentity()}.${randomBytes(6).toString('base64url')}`);
  // Somebody who ends takes the empty folder away, maybe between our two steps.
  if (![1, 2, 3].some(() => written(folder, path))) return () => {};
  own.add(path);
  return () => {
    own.delete(path);
    try {
      rmSync(path, { force: true });
      // A command that had nothing to write down leaves nothing.
      for (const each of [folder, directory]) rmdirSync(each);
    } catch {
      // Somebody else's marks, or memories of ours. Of a mark that stays, whoever reads it sees that its process has gone.
    }
  };
}

function written(folder: string, path: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

/** Marks of processes that move data now, but for our own; paths. Removes those of processes that have gone. */
export function liveMarks(directory: string): readonly string[] {
  const folder = join(directory, 'live');
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.filter((name) => isLive(join(folder, name), name)).map((name) => join(folder, name));
}

function isLive(path: string, name: string): boolean {
  const [, identity] = pattern.exec(name) ?? [];
  if (identity === undefined || own.has(path)) return false;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  const state = stateOfProcess(identity, stat.uid);
  if (state === 'gone') rmSync(path, { force: true });
  return state === 'running' || (state === 'unknown' && Date.now() - stat.mtimeMs < unknownMs);
}
