import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { Config } from '../dvc/config.ts';
import { openRepository } from '../git/repository.ts';
import { HelperError } from '../model/error.ts';
import { openProjects } from '../transfer/projects.ts';
import type { CommandContext } from './context.ts';
import type { CommandRepository } from './repository.ts';

/**
 * The Git remote that DVC shares experiments with: `DVC_EXP_GIT_REMOTE`, else `exp.git_remote` of the project around the current
 * directory; undefined when neither is set. What was committed may name a Git remote of this clone, and no other place.
 */
export async function experimentRemote(
  repository: CommandRepository,
  context: CommandContext,
  names: readonly string[],
): Promise<string | undefined> {
  const named = context.env.DVC_EXP_GIT_REMOTE;
  if (named !== undefined && named !== '') return named;
  const setting = (await workTreeConfig(repository, context))?.experimentRemote;
  if (setting === undefined || (setting.committed && !names.includes(setting.address))) return undefined;
  return setting.address;
}

/** DVC's configuration as it counts in the current directory; undefined outside of a project. Throws `config` when it cannot be used. */
export async function workTreeConfig(
  repository: CommandRepository,
  context: CommandContext,
): Promise<Config | undefined> {
  const { git, location } = repository;
  const root = projectAround(repository);
  if (root === undefined || location.workTree === undefined) return undefined;
  const projects = openProjects(openRepository(git), {
    ...context,
    location,
    remote: undefined,
    fsyncObjects: false,
    warn: () => undefined,
  });
  const config = await projects.configure(root, readIfThere(join(location.workTree, root, '.dvc', 'config')));
  if (config instanceof HelperError) throw config;
  return config;
}

/** From the top of the work tree, '' for the top itself. */
export function projectAround({ git, location: { workTree } }: CommandRepository): string | undefined {
  if (workTree === undefined) return undefined;
  for (let folder = realpathSync(git.cwd); ; folder = dirname(folder)) {
    const root = relative(workTree, folder).split(sep).join('/');
    if (root.startsWith('..')) return undefined;
    if (existsSync(join(folder, '.dvc'))) return root;
    if (root === '') return undefined;
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
