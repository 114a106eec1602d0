import { runGit } from '../git/process.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import type { GitOptions } from './local-refs.ts';

/** To look at a repository is no reason to fetch from a promisor (git(1), GIT_NO_LAZY_FETCH). */
export function withoutFetching(git: GitOptions): GitOptions {
  return { ...git, env: { ...git.env, GIT_NO_LAZY_FETCH: '1' } };
}

/** Those of `ids` that are commits of this repository. */
export async function commitsHere(ids: readonly GitOid[], git: GitOptions): Promise<ReadonlySet<GitOid>> {
  if (ids.length === 0) return new Set();
  const { stdout } = await runGit(['cat-file', '--batch-check=%(objecttype) %(objectname)'], {
    ...withoutFetching(git),
    input: `${ids.join('\n')}\n`,
  });
  const lines = stdout.toString('latin1').split('\n');
  return new Set(lines.flatMap((line) => (line.startsWith('commit ') ? (parseGitOid(line.slice(7)) ?? []) : [])));
}

/** The commits by their dates, newest first; behind them those that are not here, by their IDs. */
export async function newestFirst(commits: readonly GitOid[], git: GitOptions): Promise<readonly GitOid[]> {
  if (commits.length < 2) return commits;
  // `--ignore-missing` looks at nothing but the commits themselves, since nothing is walked.
  const { stdout } = await runGit(['rev-list', '--no-walk=sorted', '--ignore-missing', '--stdin'], {
    ...withoutFetching(git),
    input: `${commits.join('\n')}\n`,
  });
  const dated = stdout
    .toString('latin1')
    .split('\n')
    .flatMap((line) => parseGitOid(line) ?? []);
  return [...new Set([...dated, ...[...commits].sort()])];
}

/** Those of `commits` that no ref at `known` leads to: a push of them has objects to send. IDs that are not here are no help. */
export async function newTo(
  commits: readonly GitOid[],
  known: readonly GitOid[],
  git: GitOptions,
): Promise<ReadonlySet<GitOid>> {
  if (commits.length === 0) return new Set();
  const { stdout } = await runGit(['rev-list', '--ignore-missing', '--stdin'], {
    ...withoutFetching(git),
    // `^` and not `--not`, which Git before 2.42 does not take from stdin.
    input: `${[...commits, ...known.map((id) => `^${id}`)].join('\n')}\n`,
    maxBytes: 512 * 1024 * 1024,
  });
  const wanted = new Set(commits);
  const lines = stdout.toString('latin1').split('\n');
  return new Set(lines.flatMap((line) => (wanted.has(line as GitOid) ? [line as GitOid] : [])));
}
