import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import type { GitOid, ObjectReader, TreeEntry } from '../model/git.ts';

/** Finds files of one commit by path. */
export interface CommitTree {
  /**
   * The blob at a path from the top of the repository, symbolic links followed. undefined: no file there.
   * Throws `corrupt` when a link leads out of the repository or in circles.
   */
  find(path: string): Promise<GitOid | undefined>;
  /** Every file below a path, in Git's order, symbolic links left out; undefined: no directory there. */
  below(path: string): Promise<readonly CommitFile[] | undefined>;
}

export interface CommitFile {
  readonly path: string;
  readonly blob: GitOid;
}

/** As Linux does before it says ELOOP. */
const mostLinks = 40;
/** Of a directory where a few files are looked for. */
const mostFiles = 10_000;

export function createCommitTree(reader: ObjectReader, root: GitOid): CommitTree {
  const followLink = async (link: TreeEntry, folder: string, rest: readonly string[]): Promise<string> => {
    const target = Buffer.from(await reader.blob(link.oid)).toString('utf8');
    const path = posix.normalize([posix.join(folder, target), ...rest].join('/'));
    if (target.startsWith('/') || path === '..' || path.startsWith('../'))
      throw new HelperError('corrupt', `symbolic link '${posix.join(folder, link.name)}' leads out of the repository`);
    return path;
  };

  const find = async (path: string, links: number): Promise<GitOid | undefined> => {
    if (links > mostLinks) throw new HelperError('corrupt', 'symbolic links lead in circles');
    const parts = posix.normalize(path).split('/');
    let tree = root;
    for (const [index, part] of parts.entries()) {
      const entry = (await reader.tree(tree)).find(({ name }) => name === part);
      const rest = parts.slice(index + 1);
      if (entry?.kind === 'symlink')
        return find(await followLink(entry, parts.slice(0, index).join('/'), rest), links + 1);
      if (entry?.kind === 'file') return rest.length === 0 ? entry.oid : undefined;
      if (entry?.kind !== 'directory') return undefined;
      tree = entry.oid;
    }
    return undefined;
  };
  const directory = async (path: string): Promise<GitOid | undefined> => {
    let tree = root;
    for (const part of posix.normalize(path).replace(/\/$/, '').split('/')) {
      if (part === '.') continue;
      const entry = (await reader.tree(tree)).find(({ name }) => name === part);
      if (entry?.kind !== 'directory') return undefined;
      tree = entry.oid;
    }
    return tree;
  };

  return {
    find: (path) => find(path, 0),
    async below(path) {
      const top = await directory(path);
      if (top === undefined) return undefined;
      const files: CommitFile[] = [];
      const folders = [{ path: posix.normalize(path), tree: top }];
      for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
        for (const { name, kind, oid } of await reader.tree(folder.tree)) {
          const at = posix.join(folder.path, name);
          if (kind === 'file') files.push({ path: at, blob: oid });
          else if (kind === 'directory') folders.push({ path: at, tree: oid });
        }
        if (files.length + folders.length > mostFiles)
          throw new HelperError('corrupt', `more than ${mostFiles} files below '${path}'`);
      }
      return files;
    },
  };
}
