import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { createIgnoreRules, type IgnoreRules } from '../dvc/ignore.ts';
import type { Folders } from './folders.ts';

/** What `.dvcignore` files leave out of the directories that DVC tracks. */
export interface Ignored {
  /** @param root of the DVC project; both from the top of the repository */
  has(path: string, root: string, isFolder: boolean): boolean;
}

export function openIgnored({ at }: Folders): Ignored {
  const known = new Map<string, IgnoreRules>();
  const rulesAt = (folder: string, root: string): IgnoreRules => {
    const name = `${root}\0${folder}`;
    const found = known.get(name);
    if (found !== undefined) return found;
    const isRoot = folder === (root === '' ? '.' : root);
    const above = isRoot ? createIgnoreRules() : rulesAt(posix.dirname(folder), root);
    const text = read(at(posix.join(folder, '.dvcignore')));
    const rules = text === undefined ? above : above.below(inProject(isRoot ? root : folder, root), text);
    known.set(name, rules);
    return rules;
  };
  return {
    has: (path, root, isFolder) => rulesAt(posix.dirname(path), root).ignores(inProject(path, root), isFolder),
  };
}

function inProject(path: string, root: string): string {
  if (path === root) return '';
  return root === '' ? path : path.slice(root.length + 1);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
