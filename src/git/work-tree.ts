import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Where a repository lies, all paths absolute. */
export interface RepositoryLocation {
  readonly gitDirectory: string;
  /** Shared by all linked worktrees; equal to gitDirectory in an ordinary repository. */
  readonly commonDirectory: string;
  /** undefined in a bare repository. */
  readonly workTree: string | undefined;
}

function firstLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0];
  } catch {
    return undefined;
  }
}

/**
 * Finds the work tree from the Git directory, not from the current one: during `git clone` the helper runs in
 * whatever directory the user was in, and a wrong guess would put a cache there (gitrepository-layout(5): `commondir`,
 * `gitdir`; git-config(1): core.worktree, core.bare).
 */
export function locateRepository(
  cwd: string,
  gitDirectory: string,
  env: Readonly<Record<string, string | undefined>>,
  configuration: (key: string) => string | undefined,
): RepositoryLocation {
  const git = resolve(cwd, gitDirectory);
  const common = firstLine(join(git, 'commondir'));
  const commonDirectory = common === undefined ? git : resolve(git, common);
  const workTree = (): string | undefined => {
    const fromEnvironment = env.GIT_WORK_TREE;
    if (fromEnvironment !== undefined && fromEnvironment !== '') return resolve(cwd, fromEnvironment);
    const linked = firstLine(join(git, 'gitdir'));
    if (linked !== undefined && common !== undefined) return dirname(resolve(git, linked));
    const configured = configuration('core.worktree');
    if (configured !== undefined) return resolve(git, configured);
    if (/^(?:true|yes|on|1|)$/i.test(configuration('core.bare') ?? 'false')) return undefined;
    if (basename(git) === '.git') return dirname(git);
    const pointer = firstLine(join(cwd, '.git'));
    return pointer !== undefined && resolve(cwd, pointer.replace(/^gitdir: /, '')) === git ? cwd : undefined;
  };
  return { gitDirectory: git, commonDirectory, workTree: workTree() };
}
