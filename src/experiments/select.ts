import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import { printable } from '../report/printable.ts';
import { byName, type Experiment } from './experiment.ts';
import { type GitOptions, resolveCommit } from './local-refs.ts';
import { type Names, resolveExperiments } from './resolve.ts';

/** What a command line says of the experiments it is about. */
export interface Selection {
  /** Names, full refs, IDs. */
  readonly words: readonly string[];
  /** Baselines, as revisions. */
  readonly rev: readonly string[];
  /** From each baseline so many commits by first parents; negative: all. */
  readonly num: number | undefined;
  readonly all: boolean;
}

/**
 * The experiments that are meant: those that are named, those of `rev`, or all; of HEAD when nothing is said. Several
 * ways to say it add up. Named ones first, in their order; the others by name. Throws `usage` for words and revisions that mean nothing.
 */
export async function selectExperiments(
  selection: Selection,
  names: Names,
  git: GitOptions,
): Promise<readonly Experiment[]> {
  const named = resolveExperiments(selection.words, names);
  const byBaseline = selection.rev.length > 0 || selection.num !== undefined || selection.words.length === 0;
  if (!selection.all && !byBaseline) return named;
  const baselines = selection.all ? undefined : await baselinesOf(selection, names.head, git);
  const rest = names.experiments.filter(
    (experiment) => (baselines?.has(experiment.baseline) ?? true) && !named.includes(experiment),
  );
  return [...named, ...[...rest].sort(byName)];
}

/** Commits whose experiments are meant. Throws `usage` for a revision that names none. */
export async function baselinesOf(
  { rev, num = 1 }: Pick<Selection, 'rev' | 'num'>,
  head: GitOid | undefined,
  git: GitOptions,
): Promise<ReadonlySet<GitOid>> {
  const starts: GitOid[] = [];
  for (const revision of rev) {
    const commit = await resolveCommit(revision, git);
    if (commit === undefined) {
      throw new HelperError('usage', `'${printable(revision)}' names no commit of this repository`, {
        hints: ['--rev takes the commit that experiments were made from, such as HEAD, a branch or a tag'],
      });
    }
    starts.push(commit);
  }
  if (rev.length === 0 && head !== undefined) starts.push(head);
  if (num === 1) return new Set(starts);
  const found = new Set<GitOid>();
  for (const start of starts) {
    const args = ['rev-list', '--first-parent', `--max-count=${num}`, start];
    const { stdout } = await runGit(args, { ...git, maxBytes: 512 * 1024 * 1024 });
    for (const line of stdout.toString('latin1').split('\n')) {
      const commit = parseGitOid(line);
      if (commit !== undefined) found.add(commit);
    }
  }
  return found;
}
