import { chmodSync, mkdirSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { diskError } from '../dvc/cache-error.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import type { Folders } from './folders.ts';
import type { Ignored } from './ignored.ts';
import { judge, type Standing } from './judge.ts';
import type { Memory } from './memory.ts';
import { isLeftover, isTemporary, type Placer } from './place.ts';
import type { Missing, PlannedFile, PlannedOutput, Refused } from './plan.ts';
import { isSame, look } from './stamp.ts';
import type { Change, CheckoutOptions } from './terms.ts';

/** The files of the work tree, as a checkout changes them, an output at a time. */
export interface Files {
  /** Begins with an output; undefined: nothing can be put there, which is noted. */
  begin(output: PlannedOutput): { finish(): Change | undefined } | undefined;
  /** Takes away what stands in the way or is no file of the output. False: the output cannot be put there, which is noted. */
  clear(output: PlannedOutput, operation: Operation): Promise<boolean>;
  put(file: PlannedFile, output: PlannedOutput, placer: Placer, operation: Operation): Promise<void>;
  troubles(): {
    readonly kept: readonly string[];
    readonly missing: readonly Missing[];
    readonly refused: readonly Refused[];
  };
}

interface Context extends Pick<CheckoutOptions, 'force' | 'relink' | 'declared'> {
  readonly folders: Folders;
  readonly memory: Memory;
  readonly ignored: Ignored;
}

/** The next file will meet them too. */
const hopeless = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE']);
/** What DVC never takes for data. */
const foreign = new Set(['.git', '.hg', '.dvc']);
const ownerMayRun = 0o100n;

export function openFiles({ folders, memory, ignored, force, relink, declared }: Context): Files {
  const kept: string[] = [];
  const missing: Missing[] = [];
  const refused: Refused[] = [];
  const { at } = folders;
  let tally = { added: 0, modified: 0, deleted: 0, relinked: 0 };

  /** Everything that is no folder, at `path` or below it, but for what is none of this output's business. */
  function* filesBelow(path: string, { files, root }: Pick<PlannedOutput, 'files' | 'root'>): Iterable<string> {
    for (const entry of readdirSync(at(path), { withFileTypes: true })) {
      const each = posix.join(path, entry.name);
      if (files.has(each) && !entry.isDirectory()) continue;
      if (foreign.has(entry.name) || declared.has(each) || ignored.has(each, root, entry.isDirectory())) continue;
      if (entry.isDirectory()) yield* filesBelow(each, { files, root });
      else if (!isTemporary(entry.name)) yield each;
      else if (isLeftover(at(each))) rmSync(at(each), { force: true });
    }
  }

  /** True when it is gone. */
  const remove = async (path: string, output: PlannedOutput, operation: Operation): Promise<boolean> => {
    const standing = await judge(at(path), path, undefined, { ...output, memory }, operation);
    if (standing.kind === 'nothing') return true;
    const isOurs = standing.kind === 'safe' && isUntouched(path, standing);
    if (!isOurs && !(force && standing.kind !== 'folder')) {
      kept.push(path);
      return false;
    }
    unlinkSync(at(path));
    memory.forget(path);
    tally.deleted += 1;
    return true;
  };

  const isUntouched = (path: string, { stamp }: Standing): boolean => {
    const now = look(at(path));
    return now === undefined ? stamp === undefined : stamp !== undefined && isSame(now, stamp);
  };

  const onDisk = async (path: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (error instanceof HelperError || code === '') throw error;
      const told = diskError(error, `cannot write '${path}'`, posix.dirname(path));
      if (hopeless.has(code)) throw told;
      refused.push({ path, reason: told.message.replace(/^.*': /, '') });
    }
  };

  const replace = async (
    { path, object, executable }: PlannedFile,
    output: PlannedOutput,
    standing: Standing,
    placer: Placer,
    operation: Operation,
  ): Promise<boolean> => {
    if (output.cache.size(object) === undefined) {
      missing.push({ path, object, damaged: false });
      return false;
    }
    folders.make(path);
    try {
      const isStill = (): boolean => isUntouched(path, standing);
      if (!(await placer.place(object, at(path), { executable, isStill }, operation))) {
        // By somebody's hand, or by another run that does the same.
        const now = await judge(at(path), path, object, { ...output, memory }, operation);
        if (now.kind !== 'same') kept.push(path);
        return false;
      }
    } catch (error) {
      if (!(error instanceof HelperError) || (error.code !== 'missing' && error.code !== 'corrupt')) throw error;
      missing.push({ path, object, damaged: error.code === 'corrupt' });
      return false;
    }
    const placed = look(at(path));
    if (placed !== undefined) memory.remember(path, placed, object, output.path);
    return true;
  };

  return {
    begin(output) {
      tally = { added: 0, modified: 0, deleted: 0, relinked: 0 };
      const { path, isFolder } = output;
      const reason = folders.obstacle(path);
      if (reason !== undefined) {
        refused.push({ path, reason });
        return undefined;
      }
      const wasThere = look(at(path)) !== undefined;
      return {
        finish() {
          const { added, modified, deleted, relinked } = tally;
          if (added + modified + deleted + relinked === 0 && (wasThere || look(at(path)) === undefined))
            return undefined;
          return { path, isFolder, kind: wasThere ? 'modified' : 'added', ...tally };
        },
      };
    },
    async clear(output, operation) {
      const { path, isFolder, part } = output;
      const standing = look(at(path));
      if (standing === undefined) {
        if (isFolder && part.whole && output.files.size === 0) mkdirSync(at(path), { recursive: true });
        return true;
      }
      if (!isFolder && !standing.isDirectory()) return true;
      if (!standing.isDirectory()) {
        if (standing.isSymbolicLink()) refused.push({ path, reason: 'it is a symbolic link' });
        else if (await remove(path, output, operation)) {
          mkdirSync(at(path));
          return true;
        }
        return false;
      }
      for (const extra of filesBelow(path, output)) {
        if (!part.whole && !part.includes(extra.slice(path.length + 1))) continue;
        await onDisk(extra, async () => {
          if (await remove(extra, output, operation))
            folders.prune(posix.dirname(extra), isFolder ? path : posix.dirname(path));
        });
      }
      if (isFolder || look(at(path))?.isDirectory() !== true) return true;
      folders.prune(path, posix.dirname(path));
      if (look(at(path)) === undefined) return true;
      refused.push({ path, reason: 'a folder that is not empty stands there' });
      return false;
    },
    put: (file, output, placer, operation) =>
      onDisk(file.path, async () => {
        const { path, object, executable } = file;
        const reason = folders.obstacle(path);
        if (reason !== undefined) return void refused.push({ path, reason });
        const standing = await judge(at(path), path, object, { ...output, memory }, operation);
        if (standing.kind === 'folder') return void refused.push({ path, reason: 'a folder stands there' });
        if (standing.kind === 'same') {
          const { stamp, held } = standing;
          if (stamp === undefined) return;
          const needsMode = executable && held !== 'foreign' && (stamp.mode & ownerMayRun) === 0n;
          if (needsMode && held === 'own') {
            chmodSync(at(path), Number(stamp.mode & 0o777n) | Number(ownerMayRun));
            if (((look(at(path))?.mode ?? 0n) & ownerMayRun) !== 0n) tally.modified += 1;
          } else if (held !== 'foreign' && (needsMode || (relink && placer.wantsOther(held, executable)))) {
            if (await replace(file, output, standing, placer, operation)) tally.relinked += 1;
            return;
          }
          const seen = needsMode ? look(at(path)) : stamp;
          if (seen !== undefined && held !== 'foreign') memory.remember(path, seen, object, output.path);
          return;
        }
        if (standing.kind === 'unknown' && !force) return void kept.push(path);
        if (!(await replace(file, output, standing, placer, operation))) return;
        if (standing.kind === 'nothing') tally.added += 1;
        else tally.modified += 1;
      }),
    troubles: () => ({ kept, missing, refused }),
  };
}
