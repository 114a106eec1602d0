import { unlinkSync } from 'node:fs';
import { posix } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import { keyOf, parseKey } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { objectOf } from './bytes.ts';
import type { Folders } from './folders.ts';
import { judge } from './judge.ts';
import type { Memory, Remembered } from './memory.ts';
import type { Change, CheckoutOptions } from './terms.ts';

interface Context extends Pick<CheckoutOptions, 'declared' | 'tracked'> {
  readonly folders: Folders;
  readonly memory: Memory;
}

/**
 * Removes the files of outputs that no metafile tells of any more, as after a switch to another branch. Only what this clone
 * has seen as an output, has the same bytes still, which are in a cache, and is not tracked by Git. All else stays, and is forgotten.
 */
export async function removeUnneeded(
  caches: readonly Cache[],
  { folders, memory, declared, tracked }: Context,
  operation: Operation,
): Promise<readonly Change[]> {
  const gone = [...memory.outputs()].filter((output) => !declared.has(output));
  if (gone.length === 0 || caches.length === 0) return [];
  const ofGit = await tracked(gone);
  const changes: Change[] = [];
  for (const output of gone) {
    let deleted = 0;
    const isFolder = !memory.filesOf(output).has(output);
    for (const [path, remembered] of [...memory.filesOf(output)]) {
      operation.signal.throwIfAborted();
      const isIts = !ofGit.has(path) && !isWithin(path, declared) && folders.obstacle(path) === undefined;
      if (isIts && (await isStillThat(path, remembered, caches, { folders, memory }, operation))) {
        unlinkSync(folders.at(path));
        deleted += 1;
        if (path !== output) folders.prune(posix.dirname(path), posix.dirname(output));
      }
      memory.forget(path);
    }
    if (deleted === 0) continue;
    changes.push({ path: output, isFolder, kind: 'deleted', added: 0, modified: 0, deleted, relinked: 0 });
  }
  return changes;
}

/** At one of the paths, or below one. */
function isWithin(path: string, paths: ReadonlySet<string>): boolean {
  for (let each = path; each !== '.'; each = posix.dirname(each)) if (paths.has(each)) return true;
  return false;
}

async function isStillThat(
  path: string,
  { key }: Remembered,
  caches: readonly Cache[],
  { folders, memory }: Pick<Context, 'folders' | 'memory'>,
  operation: Operation,
): Promise<boolean> {
  const object = parseKey(key);
  if (object === undefined) return false;
  const at = folders.at(path);
  for (const cache of caches) {
    const { kind, held, stamp } = await judge(at, path, undefined, { cache, output: { object }, memory }, operation);
    if (kind !== 'safe' || stamp === undefined) continue;
    if (held === 'symlink') return true;
    const now = memory.find(path, stamp) ?? (await objectOf(at, object.kind, Number(stamp.size), operation));
    if (keyOf(now) === key) return true;
  }
  return false;
}
