import { existsSync } from 'node:fs';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import { type GitOptions, revList } from './commits.ts';
import { remoteTips } from './remote-tips.ts';

/** Which commits' data is kept. */
export interface Roots {
  readonly commits: readonly GitOid[];
}

export interface RootsRequest {
  /** Only what refs point at, and not what leads there. */
  readonly tipsOnly: boolean;
  /** Commits that need nothing. */
  readonly except: readonly GitOid[];
  /** See remoteTips. */
  readonly fetch: boolean;
}

/**
 * The commits that count: all that refs, reflogs, stashes, worktrees and every ref of every Git remote lead to; with `tipsOnly`
 * those that they point at. Asks every Git remote. Throws `missing` in a shallow clone whose history would count, and as remoteTips does.
 */
export async function rootsOf(
  git: GitOptions,
  { tipsOnly, except, fetch }: RootsRequest,
  stderr: (text: string) => void,
): Promise<Roots> {
  if (!tipsOnly) await refuseShallow(git);
  const theirs = await remoteTips(git, fetch, stderr);
  const input = theirs.map((id) => `${id}\n`).join('');
  const found = tipsOnly
    ? [
        ...(await revList(['--no-walk=unsorted', '--all', '--ignore-missing', '--stdin'], git, input)),
        ...(await stashed(git)),
      ]
    : await revList(['--all', '--reflog', '--ignore-missing', '--stdin'], git, input);
  const left = new Set(except);
  return { commits: [...new Set(found)].filter((id) => !left.has(id)) };
}

async function refuseShallow(git: GitOptions): Promise<void> {
  const { stdout } = await runGit(['rev-parse', '--is-shallow-repository'], git);
  if (stdout.toString().trim() !== 'true') return;
  throw new HelperError('missing', 'this clone is shallow, so what the history needs is not known', {
    hints: ['get it: git fetch --unshallow', 'or keep what the tips of refs need, and nothing older: --tips-only'],
  });
}

/** Everything that was stashed, also by DVC (experiments that wait or failed), with the index and the untracked files of each. */
async function stashed(git: GitOptions): Promise<readonly GitOid[]> {
  const { stdout } = await runGit(['for-each-ref', '--format=%(refname)', 'refs/stash', 'refs/exps/'], git);
  const commits: GitOid[] = [];
  for (const ref of stdout.toString().split('\n')) {
    if (!/^refs\/(?:stash|exps\/(?:stash|(?:celery|apply|exec|temp)\/.*))$/.test(ref)) continue;
    const log = await runGit(['log', '--walk-reflogs', '--format=%H %P', ref, '--'], { ...git, accept: 'any' });
    const tip = await runGit(['log', '-1', '--format=%H %P', ref, '--'], { ...git, accept: 'any' });
    commits.push(...`${log.stdout}${tip.stdout}`.split(/\s+/).flatMap((word) => parseGitOid(word) ?? []));
  }
  return commits;
}

/** Where the repository is checked out; directories that are there. */
export async function worktreesOf(git: GitOptions, workTree: string | undefined): Promise<readonly string[]> {
  const { stdout } = await runGit(['worktree', 'list', '--porcelain', '-z'], { ...git, accept: 'any' });
  const listed = stdout.length > 0 ? stdout : (await runGit(['worktree', 'list', '--porcelain'], git)).stdout;
  const paths: string[] = [];
  // One block each, its path first; a bare repository is listed too, and is none.
  for (const block of listed.toString().replaceAll('\0', '\n').split('\n\n')) {
    const [, path] = /^worktree (.*)$/m.exec(block) ?? [];
    if (path !== undefined && !/^bare$/m.test(block) && existsSync(path)) paths.push(path);
  }
  return [...new Set([...(workTree === undefined ? [] : [workTree]), ...paths])];
}
