import { HelperError } from '../model/error.ts';
import type { GitOid, ObjectReader, TreeEntry } from '../model/git.ts';
import { createBoundedCache } from './bounded-cache.ts';

/** What a folder of a commit has that matters to DVC. The same folder in two commits is the same object. */
export interface Folder {
  /** The `.dvc` folder that makes this one the root of a DVC project. */
  readonly dvc: GitOid | undefined;
  /** `.dvc` files, dvc.yaml, dvc.lock and .dvcignore; also as symbolic links. */
  readonly files: readonly TreeEntry[];
  /** Only those with a metafile or a project somewhere below. */
  readonly folders: ReadonlyMap<string, Folder>;
  /** Metafiles and projects here and below. */
  readonly count: number;
}

/** As in Git (core.maxTreeDepth): nobody can check out more. */
const deepest = 2048;
/** Folders whose content is remembered, some hundred bytes each. */
const keptFolders = 200_000;
const readAtOnce = 64;

export interface Inventory {
  /** Reads a tree once, however many commits share it. Throws `corrupt` for a tree without end. */
  folder(tree: GitOid): Promise<Folder>;
}

const nothing: Folder = { dvc: undefined, files: [], folders: new Map(), count: 0 };

/** A folder while its tree is being walked. */
interface Draft {
  dvc: GitOid | undefined;
  readonly files: TreeEntry[];
  readonly below: { readonly name: string; readonly tree: GitOid }[];
}

export function createInventory(reader: ObjectReader): Inventory {
  const kept = createBoundedCache<Folder>(keptFolders);

  const draft = async (tree: GitOid): Promise<Draft> => {
    const drafted: Draft = { dvc: undefined, files: [], below: [] };
    for (const entry of await reader.tree(tree)) {
      if (entry.kind === 'file' || entry.kind === 'symlink') {
        if (isOfInterest(entry.name)) drafted.files.push(entry);
      } else if (entry.kind === 'directory') {
        if (entry.name === '.dvc') drafted.dvc = entry.oid;
        else if (entry.name !== '.hg') drafted.below.push({ name: entry.name, tree: entry.oid });
      }
    }
    return drafted;
  };

  return {
    async folder(root) {
      const known = kept.get(root);
      if (known !== undefined) return known;
      const drafts = new Map<GitOid, Draft>();
      const folders = new Map<GitOid, Folder>();
      for (let level: readonly GitOid[] = [root]; level.length > 0; ) {
        const next = new Set<GitOid>();
        for (let at = 0; at < level.length; at += readAtOnce) {
          const trees = level.slice(at, at + readAtOnce);
          const read = await Promise.all(trees.map(draft));
          for (const [index, tree] of trees.entries())
            drafts.set(tree, read[index] ?? { dvc: undefined, files: [], below: [] });
        }
        for (const tree of level) {
          for (const { tree: subtree } of drafts.get(tree)?.below ?? []) {
            const folder = kept.get(subtree);
            if (folder !== undefined) folders.set(subtree, folder);
            else if (!drafts.has(subtree)) next.add(subtree);
          }
        }
        level = [...next];
      }
      const finished = finish(root, drafts, folders, 0);
      for (const tree of drafts.keys()) kept.set(tree, folders.get(tree) ?? nothing, 1);
      return finished;
    },
  };
}

function isOfInterest(name: string): boolean {
  return isMetafile(name) || name === 'dvc.lock' || name === '.dvcignore';
}

/** DVC's rule, case and all: `X.DVC` and `dvc.yml` are none. */
export function isMetafile(name: string): boolean {
  return name.endsWith('.dvc') || name === 'dvc.yaml';
}

function finish(
  tree: GitOid,
  drafts: ReadonlyMap<GitOid, Draft>,
  finished: Map<GitOid, Folder>,
  depth: number,
): Folder {
  const known = finished.get(tree);
  const draft = drafts.get(tree);
  if (known !== undefined || draft === undefined) return known ?? nothing;
  if (depth > deepest) throw new HelperError('corrupt', `tree ${tree} is nested deeper than ${deepest} folders`);
  const folders = new Map<string, Folder>();
  let count = (draft.dvc === undefined ? 0 : 1) + draft.files.filter(({ name }) => isMetafile(name)).length;
  for (const { name, tree: subtree } of draft.below) {
    const folder = finish(subtree, drafts, finished, depth + 1);
    if (folder.count === 0) continue;
    folders.set(name, folder);
    count += folder.count;
  }
  const folder = count === 0 ? nothing : { dvc: draft.dvc, files: draft.files, folders, count };
  finished.set(tree, folder);
  return folder;
}
