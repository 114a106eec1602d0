import type { BigIntStats } from 'node:fs';
import { lstatSync } from 'node:fs';
import type { Cache } from '../dvc/cache.ts';
import { type DvcObject, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { holds, linkedObject, objectOf, sizeBehind } from './bytes.ts';
import type { Memory } from './memory.ts';
import { isSame, look } from './stamp.ts';

/** What stands at a path of the work tree. */
export interface Standing {
  /**
   * `same`: the wanted bytes. `safe`: other bytes, which are in the cache. `unknown`: bytes that may be nowhere else, or what
   * is no file.
   */
  readonly kind: 'nothing' | 'folder' | 'same' | 'safe' | 'unknown';
  readonly stamp: BigIntStats | undefined;
  /** How the bytes are held: `foreign` is a symbolic link that leads elsewhere than into the cache. */
  readonly held: 'own' | 'hardlink' | 'symlink' | 'foreign';
}

interface Where {
  readonly cache: Cache;
  readonly output: { readonly object: DvcObject | undefined };
  readonly memory: Memory;
}

/**
 * @param at where the path is on this machine
 * @param wanted undefined: no bytes are right
 */
export async function judge(
  at: string,
  path: string,
  wanted: DvcObject | undefined,
  where: Where,
  operation: Operation,
  tries = 3,
): Promise<Standing> {
  const { cache, output, memory } = where;
  const stamp = look(at);
  const answer = (kind: Standing['kind'], held: Standing['held'] = 'own'): Standing => ({ kind, stamp, held });
  if (stamp === undefined) return answer('nothing');
  if (stamp.isDirectory()) return answer('folder');
  if (stamp.isSymbolicLink()) return answer(...(await judgeLink(at, wanted, cache, operation)));
  if (!stamp.isFile()) return answer('unknown');
  const isWanted = (object: DvcObject): boolean => wanted !== undefined && keyOf(object) === keyOf(wanted);
  if (wanted !== undefined && isObjectItself(stamp, wanted, cache)) return answer('same', 'hardlink');
  const kind = wanted?.kind ?? output.object?.kind ?? 'md5';
  const size = Number(stamp.size);
  const object = memory.find(path, stamp) ?? (await objectOf(at, kind, size, operation));
  const after = look(at);
  if (after === undefined || !isSame(after, stamp)) {
    return tries > 1 ? await judge(at, path, wanted, where, operation, tries - 1) : answer('unknown');
  }
  if (isWanted(object)) return answer('same');
  return answer((await holds(cache, object, size)) ? 'safe' : 'unknown');
}

async function judgeLink(
  at: string,
  wanted: DvcObject | undefined,
  cache: Cache,
  operation: Operation,
): Promise<readonly [Standing['kind'], Standing['held']]> {
  const linked = linkedObject(at, cache);
  if (linked !== undefined) {
    // One that leads nowhere is put right, or told to be missing.
    const isRight = wanted !== undefined && keyOf(linked) === keyOf(wanted) && cache.size(wanted) !== undefined;
    return [isRight ? 'same' : 'safe', 'symlink'];
  }
  const size = sizeBehind(at);
  if (size === undefined || wanted === undefined) return ['unknown', 'foreign'];
  const object = await objectOf(at, wanted.kind, size, operation);
  return [keyOf(object) === keyOf(wanted) ? 'same' : 'unknown', 'foreign'];
}

/** A hard link to the object: there is only one file. */
function isObjectItself({ ino, dev, nlink }: BigIntStats, object: DvcObject, cache: Cache): boolean {
  if (nlink < 2n) return false;
  const own = lstatSync(cache.path(object), { bigint: true, throwIfNoEntry: false });
  return own !== undefined && own.ino === ino && own.dev === dev && own.isFile();
}
