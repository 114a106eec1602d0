import { type RunOptions, runGit } from '../git/process.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import { byName, type Experiment, parseExperiment, shortId } from './experiment.ts';

/** How Git is run in one repository. */
export type GitOptions = Pick<RunOptions, 'env' | 'cwd' | 'signal'>;

/** The refs of this repository that have to do with experiments, as they were at one moment. */
export interface LocalRefs {
  /** By name, then baseline. */
  readonly experiments: readonly Experiment[];
  /** Commit that is checked out; undefined before the first one. */
  readonly head: GitOid | undefined;
  /**
   * What people call a commit: the current branch if it is checked out, else its first tag, else its first branch, as
   * DVC does; undefined where it has no name.
   */
  nameOf(commit: GitOid): string | undefined;
}

const format = ['%(HEAD)', '%(objectname)', '%(*objectname)', '%(refname)'].join('%00');

/** One `git for-each-ref`; where no branch is checked out one `git rev-parse` more. */
export async function readLocalRefs(git: GitOptions): Promise<LocalRefs> {
  const args = ['for-each-ref', `--format=${format}`, 'refs/exps/', 'refs/heads/', 'refs/tags/'];
  const { stdout } = await runGit(args, { ...git, maxBytes: 512 * 1024 * 1024 });
  const experiments: Experiment[] = [];
  const tags = new Map<string, string>();
  const branches = new Map<string, string>();
  let current: { readonly id: string; readonly branch: string } | undefined;
  for (const line of stdout.toString().split('\n')) {
    const [mark, id = '', peeled = '', ref = ''] = line.split('\0');
    const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? [];
    if (kind === undefined) {
      const experiment = parseExperiment(ref, id);
      if (experiment !== undefined) experiments.push(experiment);
      continue;
    }
    if (mark === '*') current = { id, branch: name };
    const names = kind === 'tags' ? tags : branches;
    const commit = peeled === '' ? id : peeled;
    if (!names.has(commit)) names.set(commit, name);
  }
  const head = current === undefined ? await resolveCommit('HEAD', git) : parseGitOid(current.id);
  return {
    experiments: experiments.sort(byName),
    head,
    nameOf: (commit) => (commit === current?.id ? current.branch : (tags.get(commit) ?? branches.get(commit))),
  };
}

/** A baseline as DVC heads its list with it: by name, else by the first 7 digits of its ID. */
export function baselineName(baseline: GitOid, refs: LocalRefs): string {
  return refs.nameOf(baseline) ?? shortId(baseline);
}

/** The commit that a revision names; undefined when it names none. */
export async function resolveCommit(revision: string, git: GitOptions): Promise<GitOid | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
  const { code, stdout } = await runGit(args, { ...git, accept: 'any' });
  return code === 0 ? parseGitOid(stdout.toString().trim()) : undefined;
}
