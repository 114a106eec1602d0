import { type GitOid, isExperiment, parseGitOid, type RefName } from '../model/git.ts';

/** One DVC experiment: a commit whose first parent is its baseline, at `refs/exps/<2>/<38>/<name>`. */
export interface Experiment {
  readonly ref: RefName;
  /** The last part of the ref. The same name may exist for several baselines. */
  readonly name: string;
  readonly baseline: GitOid;
  /** The experiment's commit. */
  readonly id: GitOid;
}

/** undefined for every other ref: branches, tags, DVC's internal refs, and what only lies below `refs/exps/`. */
export function parseExperiment(ref: string, id: string): Experiment | undefined {
  if (!isExperiment(ref)) return undefined;
  const [, , first = '', rest = '', name = ''] = ref.split('/');
  const [baseline, tip] = [parseGitOid(`${first}${rest}`), parseGitOid(id)];
  return baseline === undefined || tip === undefined ? undefined : { ref: ref as RefName, name, baseline, id: tip };
}

/** Where DVC keeps an experiment of this name and baseline. */
export function experimentRef(baseline: GitOid, name: string): RefName {
  return `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/${name}` as RefName;
}

/** The ID as DVC shows it, in 7 digits. */
export function shortId(oid: string): string {
  return oid.slice(0, 7);
}

/** By name, then by baseline: an order that does not change from run to run. */
export function byName(one: Experiment, other: Experiment): number {
  return compare(one.name, other.name) || compare(one.ref, other.ref);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
