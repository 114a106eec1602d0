import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { HelperError } from '../model/error.ts';
import type { GitOid, ObjectReader, TreeEntry } from '../model/git.ts';
import { type RunOptions, runGit } from './process.ts';

/** The work tree, read as if it were a commit: IDs are paths, and that of its root is `rootId`. */
export interface WorkTreeReader {
  readonly rootId: GitOid;
  /** Everything that is there but Git's own folder. */
  readonly files: ObjectReader;
  /** The files that Git tracks or does not ignore, out of those that the patterns name. */
  readonly listed: ObjectReader;
}

/** Bytes, as for blobs of commits. */
const largestFile = 64 * 1024 * 1024;
const rootId = '.' as GitOid;

/** @param patterns as in gitglossary(7), pathspec */
export async function openWorkTreeReader(
  top: string,
  patterns: readonly string[],
  git: Pick<RunOptions, 'env' | 'signal'>,
): Promise<WorkTreeReader> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...patterns];
  const { stdout } = await runGit(args, { ...git, cwd: top });
  const paths = stdout
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(top, path)));
  const folders = foldersOf([...new Set(paths)], top);
  const files: ObjectReader = {
    tree: async (id) => readFolder(top, id),
    blob: async (id) => readFile(top, id),
  };
  return { rootId, files, listed: { tree: async (id) => folders.get(id) ?? [], blob: files.blob } };
}

function foldersOf(paths: readonly string[], top: string): ReadonlyMap<GitOid, readonly TreeEntry[]> {
  const folders = new Map<GitOid, TreeEntry[]>([[rootId, []]]);
  const folder = (path: string): TreeEntry[] => {
    const known = folders.get(path as GitOid);
    if (known !== undefined) return known;
    const made: TreeEntry[] = [];
    folders.set(path as GitOid, made);
    folder(posix.dirname(path)).push({ name: posix.basename(path), kind: 'directory', oid: path as GitOid });
    return made;
  };
  for (const path of paths) {
    const kind = lstatSync(join(top, path)).isSymbolicLink() ? 'symlink' : 'file';
    folder(posix.dirname(path)).push({ name: posix.basename(path), kind, oid: path as GitOid });
  }
  return folders;
}

function readFolder(top: string, id: GitOid): readonly TreeEntry[] {
  return readdirSync(join(top, id), { withFileTypes: true })
    .filter(({ name }) => name !== '.git')
    .flatMap((entry): readonly TreeEntry[] => {
      const oid = posix.join(id, entry.name) as GitOid;
      if (entry.isDirectory()) return [{ name: entry.name, kind: 'directory', oid }];
      if (entry.isFile()) return [{ name: entry.name, kind: 'file', oid }];
      // What leads out of the work tree, such as DVC's links into the cache, is not followed.
      if (entry.isSymbolicLink() && isFileInside(top, id, entry.name)) return [{ name: entry.name, kind: 'file', oid }];
      return [];
    });
}

function isFileInside(top: string, folder: GitOid, name: string): boolean {
  try {
    const real = realpathSync(join(top, folder, name));
    return real.startsWith(`${realpathSync(top)}${sep}`) && statSync(real).isFile();
  } catch {
    return false;
  }
}

function readFile(top: string, id: GitOid): Uint8Array {
  const path = join(top, id);
  try {
    const { size } = statSync(path);
    if (size > largestFile) throw new HelperError('corrupt', `more than ${largestFile / 1024 / 1024} MiB are not read`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof HelperError) throw error;
    throw new HelperError('corrupt', 'cannot be read', { cause: error });
  }
}
