import { newestFirst } from '../experiments/commits.ts';
import type { Experiment } from '../experiments/experiment.ts';
import type { GitOptions, LocalRefs } from '../experiments/local-refs.ts';
import { baselinesOf, selectExperiments } from '../experiments/select.ts';
import { tipsOf } from '../experiments/tips.ts';
import type { GitOid } from '../model/git.ts';
import type { WantedGroup } from '../table/rows.ts';
import type { SelectionOptions } from './options.ts';

/** Which commits a table is about. */
export interface GroupOptions extends SelectionOptions {
  readonly experiment: readonly string[];
  readonly 'all-branches': boolean;
  readonly 'all-tags': boolean;
  /** Commits go without their names. */
  readonly sha: boolean;
}

/**
 * What the command line asks for, by baseline: that of HEAD first, then the newest. Named experiments come with their
 * baselines; baselines that are asked for with all their experiments. Several ways to say it add up.
 */
export async function wantedGroups(
  options: GroupOptions,
  refs: LocalRefs,
  git: GitOptions,
): Promise<readonly WantedGroup[]> {
  const named = await namedExperiments(options, refs, git);
  const whole = await wholeBaselines(options, refs, git);
  const groups = new Map<GitOid, Experiment[]>([...whole].map((baseline) => [baseline, []]));
  for (const each of named) groups.set(each.baseline, [...(groups.get(each.baseline) ?? []), each]);
  for (const each of refs.experiments)
    if (whole.has(each.baseline) && !named.has(each)) groups.get(each.baseline)?.push(each);
  const ordered = await newestFirst([...groups.keys()], git);
  const first = ordered.filter((each) => each === refs.head);
  return [...first, ...ordered.filter((each) => each !== refs.head)].map((baseline) => ({
    baseline,
    name: options.sha ? undefined : refs.nameOf(baseline),
    experiments: groups.get(baseline) ?? [],
  }));
}

async function namedExperiments(
  { experiment: words }: GroupOptions,
  { experiments, head }: LocalRefs,
  git: GitOptions,
): Promise<ReadonlySet<Experiment>> {
  if (words.length === 0) return new Set();
  const names = { experiments, head, where: 'here' };
  return new Set(await selectExperiments({ words, rev: [], num: undefined, all: false }, names, git));
}

async function wholeBaselines(
  options: GroupOptions,
  { experiments, head }: LocalRefs,
  git: GitOptions,
): Promise<ReadonlySet<GitOid>> {
  const { experiment: words, rev, num, 'all-commits': all, 'all-branches': branches, 'all-tags': tags } = options;
  const found = new Set<GitOid>();
  const add = (commits: Iterable<GitOid>): void => {
    for (const commit of commits) found.add(commit);
  };
  if (all) {
    add(experiments.map(({ baseline }) => baseline));
    if (head !== undefined) found.add(head);
  }
  const saidOtherwise = words.length > 0 || branches || tags || all;
  // With branches and tags -n is about these.
  if (rev.length > 0 || !saidOtherwise || (num !== undefined && !branches && !tags))
    add(await baselinesOf({ rev, num }, head, git));
  if (branches) {
    const tips = await tipsOf('refs/heads/', git);
    add(num === undefined ? tips : await baselinesOf({ rev: tips, num }, undefined, git));
  }
  if (tags) add(await tipsOf('refs/tags/', git));
  return found;
}
