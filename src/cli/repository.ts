import { join } from 'node:path';
import { type Configuration, readConfiguration } from '../git/configuration.ts';
import { type Environment, runGit } from '../git/process.ts';
import { locateRepository, type RepositoryLocation } from '../git/work-tree.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';

/** How a command runs Git in its repository. */
export interface GitOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** The repository a command works on. */
export interface CommandRepository {
  /** GIT_DIR is set, so that every path Git answers with is absolute. */
  readonly git: GitOptions;
  /** Git's configuration file of the repository, which its linked worktrees share; absolute. */
  readonly configFile: string;
  readonly location: RepositoryLocation;
  readonly configuration: Configuration;
}

/** GIT_CONFIG is for `git config` alone, and with it that would not see what `git push` sees. */
export function gitOptions(context: CommandContext, operation: Operation): GitOptions {
  return { cwd: context.cwd, env: { ...context.env, GIT_CONFIG: undefined }, signal: operation.signal };
}

/** The repository around the current directory; undefined when there is none. Throws `config` when Git refuses it. */
export async function findRepository(
  context: CommandContext,
  operation: Operation,
): Promise<CommandRepository | undefined> {
  const git = gitOptions(context, operation);
  // Untranslated: what Git says is looked into.
  const plain = { ...git, env: { ...git.env, LC_ALL: 'C', LANGUAGE: undefined } };
  // Asked together: each is a process to start.
  const top = runGit(['rev-parse', '--show-toplevel'], { ...git, accept: 'any' });
  const reading = readConfiguration(git);
  for (const each of [top, reading]) each.catch(() => undefined);
  const located = await runGit(['rev-parse', '--absolute-git-dir'], { ...plain, accept: [0, 128] });
  if (located.code !== 0) {
    await Promise.allSettled([top, reading]);
    if (/not a git repository/i.test(located.stderr)) return undefined;
    const said = located.stderr.split('\n').find((line) => line !== '') ?? '';
    throw new HelperError('config', `Git refuses this repository: ${printable(said.replace(/^fatal: /, ''))}`);
  }
  const configuration = await reading;
  const directory = firstLine(located.stdout);
  const location = locateRepository(git.cwd, directory, git.env, configuration.get);
  const { code, stdout } = await top;
  const workTree = code === 0 ? firstLine(stdout) : location.workTree;
  return {
    git: { ...git, env: { ...git.env, GIT_DIR: directory } },
    configFile: join(location.commonDirectory, 'config'),
    configuration,
    location: { ...location, workTree },
  };
}

/** The first line of what Git wrote; a path in it may hold no line feed. */
export function firstLine(stdout: Buffer): string {
  return stdout.toString().split('\n', 1)[0] ?? '';
}

/** As findRepository, but throws `usage` when there is none. */
export async function requireRepository(context: CommandContext, operation: Operation): Promise<CommandRepository> {
  const repository = await findRepository(context, operation);
  if (repository !== undefined) return repository;
  throw new HelperError('usage', 'not inside a Git repository', {
    hints: ['change into one, or use git -C <directory> dvcexp ...'],
  });
}
