import { posix } from 'node:path';
import type { GitOid, ObjectReader, TreeEntry } from '../model/git.ts';
import { type RunOptions, runGit } from './process.ts';

/** What stands in the index, read as if it were commits. */
export interface IndexReader {
  readonly rootId: GitOid;
  /** One; while a merge is not finished one for each stage (git-ls-files(1), -u). */
  readonly trees: readonly Pick<ObjectReader, 'tree'>[];
}

const rootId = '.' as GitOid;
const kinds: Readonly<Record<string, TreeEntry['kind']>> = { '120000': 'symlink', '160000': 'submodule' };

/** @param top of the work tree whose index it is */
export async function openIndexReader(top: string, git: Pick<RunOptions, 'env' | 'signal'>): Promise<IndexReader> {
  const { stdout } = await runGit(['ls-files', '-s', '-z'], { ...git, cwd: top, maxBytes: 2 ** 30 });
  const stages = new Map<string, Map<GitOid, TreeEntry[]>>();
  for (const line of stdout.toString().split('\0')) {
    const [, mode = '', oid = '', stage = '', path = ''] = /^(\d+) ([0-9a-f]+) (\d)\t(.*)$/s.exec(line) ?? [];
    if (path === '') continue;
    const folders = stages.get(stage) ?? new Map<GitOid, TreeEntry[]>([[rootId, []]]);
    stages.set(stage, folders);
    folderIn(folders, posix.dirname(path)).push({
      name: posix.basename(path),
      kind: kinds[mode] ?? 'file',
      oid: oid as GitOid,
    });
  }
  // What is in no conflict belongs to every side of it.
  const common = stages.get('0');
  stages.delete('0');
  const sides = stages.size === 0 ? [common ?? new Map()] : [...stages.values()].map((side) => merged(side, common));
  return { rootId, trees: sides.map((folders) => ({ tree: async (id) => folders.get(id) ?? [] })) };
}

function folderIn(folders: Map<GitOid, TreeEntry[]>, path: string): TreeEntry[] {
  const known = folders.get(path as GitOid);
  if (known !== undefined) return known;
  const made: TreeEntry[] = [];
  folders.set(path as GitOid, made);
  folderIn(folders, posix.dirname(path)).push({ name: posix.basename(path), kind: 'directory', oid: path as GitOid });
  return made;
}

function merged(
  side: ReadonlyMap<GitOid, readonly TreeEntry[]>,
  common: ReadonlyMap<GitOid, readonly TreeEntry[]> = new Map(),
): ReadonlyMap<GitOid, readonly TreeEntry[]> {
  const all = new Map<GitOid, readonly TreeEntry[]>();
  for (const id of new Set([...side.keys(), ...common.keys()])) {
    const own = side.get(id) ?? [];
    const names = new Set(own.map(({ name }) => name));
    all.set(id, [...own, ...(common.get(id) ?? []).filter(({ name }) => !names.has(name))]);
  }
  return all;
}
