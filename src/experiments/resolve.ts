import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import { printable } from '../report/printable.ts';
import type { Experiment } from './experiment.ts';
import { nearest } from './nearest.ts';

/** Where names are looked up. */
export interface Names {
  readonly experiments: readonly Experiment[];
  /** Commit that is checked out here: of several experiments of a name, the one made from it is meant. */
  readonly head: GitOid | undefined;
  /** For messages: `here`, `on 'origin'`. */
  readonly where: string;
  /** For messages: what a word may mean, where it may mean more than an experiment, `commit or experiment`. */
  readonly what?: string;
  /** Names of Git remotes, where a word may have been meant for one. */
  readonly gitRemotes?: readonly string[];
}

const shortestId = 4;

/**
 * The experiments that words mean: a name, a full ref, a commit ID or the beginning of one. In the order of the words,
 * each once. Throws `usage` for words that mean none, with the nearest name, and for a word that means several.
 */
export function resolveExperiments(words: readonly string[], names: Names): readonly Experiment[] {
  const found = new Map<string, Experiment>();
  const unknown: string[] = [];
  for (const word of words) {
    const candidates = candidatesOf(word, names.experiments);
    const experiment = candidates.length === 1 ? candidates[0] : chooseByHead(word, candidates, names);
    if (experiment === undefined) unknown.push(word);
    else found.set(experiment.ref, experiment);
  }
  if (unknown.length > 0) throw unknownNames([...new Set(unknown)], names);
  return [...found.values()];
}

/** A name that is one counts before an ID that begins like it. */
function candidatesOf(word: string, experiments: readonly Experiment[]): readonly Experiment[] {
  if (word.startsWith('refs/')) return experiments.filter(({ ref }) => ref === word);
  const named = experiments.filter(({ name }) => name === word);
  if (named.length > 0 || !isIdPrefix(word)) return named;
  return experiments.filter(({ id }) => id.startsWith(word.toLowerCase()));
}

function isIdPrefix(word: string): boolean {
  return word.length >= shortestId && /^[0-9a-f]{1,64}$/i.test(word);
}

function chooseByHead(word: string, candidates: readonly Experiment[], { head, where }: Names): Experiment | undefined {
  if (candidates.length === 0) return undefined;
  const here = candidates.filter(({ baseline }) => baseline === head);
  if (here.length === 1) return here[0];
  const is = candidates[0]?.name === word ? 'the name' : 'the beginning of the IDs';
  throw new HelperError('usage', `'${printable(word)}' is ${is} of ${candidates.length} experiments ${where}`, {
    hints: ['use one of their full refs:', ...candidates.map(({ ref }) => `    ${printable(ref)}`)],
  });
}

function unknownNames(words: readonly string[], names: Names): HelperError {
  const { experiments, where, what: noun = 'experiment', gitRemotes = [] } = names;
  const list = words.map((word) => `'${printable(word)}'`).join(', ');
  const what = words.length === 1 ? `there is no ${noun} ${list} ${where}` : `there are no ${noun}s ${list} ${where}`;
  return new HelperError('usage', what, {
    hints: words.flatMap((word) => [
      ...hintFor(word, experiments),
      ...nearest(word, gitRemotes).map((name) => `did you mean the Git remote '${printable(name)}'?`),
    ]),
  });
}

function hintFor(word: string, experiments: readonly Experiment[]): readonly string[] {
  const shown = printable(word);
  const based = experiments.filter(({ baseline }) => isIdPrefix(word) && baseline.startsWith(word.toLowerCase()));
  if (based.length > 0) return [`'${shown}' is a commit that experiments were made from; those: --rev ${shown}`];
  const full = word.startsWith('refs/');
  const known = [...new Set(experiments.map(({ name, ref }) => (full ? ref : name)))];
  const [similar] = nearest(word, known);
  return similar === undefined ? [] : [`did you mean '${printable(similar)}'?`];
}
