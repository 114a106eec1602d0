import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import type { LinkType } from '../dvc/config.ts';
import { HelperError } from '../model/error.ts';
import type { DvcObject } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';

/** Puts objects of one cache into the work tree, in the first of the ways that the file systems can. */
export interface Placer {
  /**
   * Makes the file at `target`, whole at once, over a file that is there. A copy is checked against its name while it is
   * made; a link is the cache's own file and stays read-only. Throws `missing`, `corrupt`, and the system's error.
   *
   * @param target absolute; its folder exists
   * @returns false: what stood there was changed meanwhile, and stays
   */
  place(object: DvcObject, target: string, options: PlaceOptions, operation: Operation): Promise<boolean>;
  /** True when a file held in this way would be held in another one by now. */
  wantsOther(held: 'own' | 'hardlink' | 'symlink', executable: boolean): boolean;
}

export interface PlaceOptions {
  /** The file is to be executable: it is copied then, since the mode of a link is that of the cache. */
  readonly executable: boolean;
  /** Asked last: nobody has touched what is going to be replaced. */
  readonly isStill: () => boolean;
}

/** Errors of a file system that cannot do such a thing at all, or of two. */
const cannot = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOTTY', 'ENOSYS', 'EINVAL', 'EAGAIN', 'UNKNOWN']);
const writable = 0o222;
const ownerMayRun = 0o100;
const readOnly = 0o444;

const temporaryName = /^\.[\w-]{22}\.dvcexp\.tmp$/;
/** A file that is being written is changed all the time. */
const staleMs = 10 * 60 * 1000;

/** True for a file that a run is making, or has left when it was killed. */
export function isTemporary(name: string): boolean {
  return temporaryName.test(name);
}

/** True for one that nobody has written to for long. */
export function isLeftover(path: string): boolean {
  return Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now()) > staleMs;
}

export function openPlacer(cache: Cache, types: readonly LinkType[]): Placer {
  let left = [...types];
  /** What the system gives a new file of this user. */
  let fileMode: number | undefined;

  const modeOf = (folder: string): number => {
    if (fileMode !== undefined) return fileMode;
    const path = join(folder, temporary());
    const file = openSync(path, 'wx', 0o666);
    fileMode = fstatSync(file).mode & 0o777;
    closeSync(file);
    rmSync(path);
    return fileMode;
  };
  /** DVC trusts a read-only object, and whoever opens a link must not write into the cache. */
  const protect = async (object: DvcObject): Promise<void> => {
    const path = cache.path(object);
    if ((lstatSync(path).mode & writable) === 0) return;
    for await (const _ of cache.content(object).open());
    chmodSync(path, readOnly);
  };
  const copy = async (object: DvcObject, path: string, executable: boolean, { signal }: Operation): Promise<void> => {
    const content = cache.content(object);
    const file = openSync(path, 'wx', 0o666);
    try {
      for await (const chunk of content.open()) {
        signal.throwIfAborted();
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      }
      if (executable) fchmodSync(file, fstatSync(file).mode | ownerMayRun);
    } finally {
      closeSync(file);
    }
  };
  const make = async (
    type: LinkType,
    object: DvcObject,
    path: string,
    executable: boolean,
    operation: Operation,
  ): Promise<void> => {
    const source = cache.path(object);
    if (type === 'copy') return await copy(object, path, executable, operation);
    if (type === 'reflink') {
      const mode = modeOf(dirname(path));
      copyFileSync(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
      chmodSync(path, executable ? mode | ownerMayRun : mode);
      return;
    }
    await protect(object);
    if (type === 'hardlink') linkSync(source, path);
    else symlinkSync(source, path);
  };
  /** The ways for one file: links are not for what gets another mode, nor, as with DVC, hard ones for empty files. */
  const waysFor = (isEmpty: boolean, executable: boolean): readonly LinkType[] => {
    const fit = left.filter((type) => {
      if (type === 'hardlink') return !executable && !isEmpty;
      return type !== 'symlink' || !executable;
    });
    const own = executable || (isEmpty && left[0] === 'hardlink');
    return own && !fit.includes('copy') ? [...fit, 'copy'] : fit;
  };

  return {
    async place(object, target, { executable, isStill }, operation) {
      const size = cache.size(object);
      if (size === undefined) throw new HelperError('missing', 'not in the cache');
      const path = join(dirname(target), temporary());
      let isLeft = true;
      try {
        for (const type of waysFor(size === 0, executable)) {
          try {
            await make(type, object, path, executable, operation);
            if (!isStill()) return false;
            renameSync(path, target);
            // To rename a link to another one to the same file does nothing.
            isLeft = type === 'hardlink';
            return true;
          } catch (error) {
            const code = error instanceof Error && 'code' in error ? String(error.code) : '';
            // Too many links to one object say nothing about the next.
            if (type === 'copy' || (!cannot.has(code) && code !== 'EMLINK')) throw error;
            rmSync(path, { force: true });
            if (code !== 'EMLINK') left = left.filter((each) => each !== type);
          }
        }
        throw noWay(types);
      } finally {
        if (isLeft) rmSync(path, { force: true });
      }
    },
    wantsOther(held, executable) {
      const [first] = left.filter((type) => !executable || type === 'copy' || type === 'reflink');
      if (first === undefined) return false;
      return first === 'copy' || first === 'reflink' ? held !== 'own' : held !== first;
    },
  };
}

const temporary = (): string => `.${randomBytes(16).toString('base64url')}.dvcexp.tmp`;

function noWay(types: readonly LinkType[]): HelperError {
  return new HelperError('config', `the file system has no ${types.join(', ')} from the cache to the work tree`, {
    hints: ["allow copies: 'type = reflink,copy' under [cache] in .dvc/config.local"],
  });
}
