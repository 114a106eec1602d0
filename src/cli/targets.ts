import { isAbsolute, posix, relative, resolve, sep } from 'node:path';
import { openTargets, type Targets } from '../dvc/targets.ts';
import { HelperError } from '../model/error.ts';
import { realPath } from '../model/real-path.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import type { CommandRepository } from './repository.ts';

/** Paths between this folder and the top of the repository. */
export interface Whereabouts {
  /** The current folder from the top of the repository; '' for the top itself, and in a bare repository. */
  readonly folder: string;
  /** A path from the top as somebody here would type it. */
  here(path: string): string;
}

export function whereabouts({ location: { workTree } }: CommandRepository, { cwd }: CommandContext): Whereabouts {
  const folder = workTree === undefined ? '' : relative(realPath(workTree), realPath(cwd)).split(sep).join('/');
  const inside = folder === '..' || folder.startsWith('../') || isAbsolute(folder) ? '' : folder;
  return { folder: inside, here: (path) => (inside === '' ? path : posix.relative(inside, path)) };
}

/** Outputs as words mean them from the current folder. Throws `usage` for a path outside of the repository. */
export function targetsOf(words: readonly string[], repository: CommandRepository, context: CommandContext): Targets {
  const located = words.map((word) => ({ word, path: locate(word, repository, context) }));
  return openTargets(located, whereabouts(repository, context).folder);
}

/** A path as somebody typed it, from the top of the repository; '' for the top itself. Throws `usage` for one outside. */
export function locate(word: string, { location }: CommandRepository, { cwd }: CommandContext): string {
  const top = location.workTree;
  const path =
    top === undefined
      ? posix.normalize(word).replace(/\/$/, '')
      : relative(realPath(top), resolve(realPath(cwd), word))
          .split(sep)
          .join('/');
  if (path === '..' || path.startsWith('../') || isAbsolute(path) || word === '') {
    throw new HelperError('usage', `'${printable(word)}' is outside of the repository`);
  }
  return path === '.' ? '' : path;
}
