import { type RunOptions, runGit } from '../git/process.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';

export type GitOptions = Pick<RunOptions, 'env' | 'cwd' | 'signal'>;

/** Commits of a repository of any size fit. Bytes. */
const maxBytes = 2 ** 30;

/** Commits that `git rev-list` names, in its order. */
export async function revList(args: readonly string[], git: GitOptions, input?: string): Promise<readonly GitOid[]> {
  const { stdout } = await runGit(['rev-list', ...args], {
    ...git,
    maxBytes,
    ...(input === undefined ? {} : { input }),
  });
  return stdout
    .toString('latin1')
    .split('\n')
    .flatMap((line) => parseGitOid(line) ?? []);
}

/** Every commit that a ref, a reflog or the HEAD of a worktree leads to, newest first. */
export function everyCommit(git: GitOptions): Promise<readonly GitOid[]> {
  return revList(['--all', '--reflog', '--ignore-missing'], git);
}
