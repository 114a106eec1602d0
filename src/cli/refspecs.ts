/** `[+]<source>:<destination>`, or `^<source>` for what is left out (gitglossary(7), refspec). */
interface Refspec {
  readonly negative: boolean;
  readonly source: string;
  /** '' where there is none. */
  readonly destination: string;
}

function parseRefspec(text: string): Refspec {
  const bare = text.replace(/^[+^]/, '');
  const colon = bare.indexOf(':');
  return {
    negative: text.startsWith('^'),
    source: colon < 0 ? bare : bare.slice(0, colon),
    destination: colon < 0 ? '' : bare.slice(colon + 1),
  };
}

const experiments = 'refs/exps/';

/** A pattern with one `*`, or a name: may it be a ref below `refs/exps/`? */
function reachesExperiments(pattern: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern.startsWith(experiments);
  const prefix = pattern.slice(0, star);
  return prefix.startsWith(experiments) || experiments.startsWith(prefix);
}

/** DVC's own machinery, which no clone has any use for (dvc/repo/experiments/refs.py). */
const internal = ['exec/*', 'stash', 'celery/*', 'apply/*', 'temp/*'];

/** What `setup --experiments` writes to `remote.<name>.fetch`: experiments as remote-tracking refs, internal refs left out. */
export function experimentRefspecs(remote: string): readonly string[] {
  return [`+${experiments}*:${trackedExperiments(remote)}*`, ...internal.map((name) => `^${experiments}${name}`)];
}

/** Where `setup --experiments` has the experiments of a Git remote shown. */
export function trackedExperiments(remote: string): string {
  return `refs/remotes/${remote}/exps/`;
}

/** Refspecs of `remote.<name>.fetch` that bring experiments, those of `setup` left out. */
export function foreignExperimentFetches(remote: string, values: readonly string[]): readonly string[] {
  const ours = experimentRefspecs(remote);
  return values.filter((value) => {
    const { negative, source } = parseRefspec(value);
    return !negative && !ours.includes(value) && reachesExperiments(source);
  });
}

/**
 * Refspecs of `remote.<name>.fetch` with which pruning deletes local experiments: a pattern that fetches into
 * `refs/exps/` makes Git take every ref there for its copy (git-fetch(1), PRUNING).
 */
export function pruningFetches(values: readonly string[]): readonly string[] {
  return values.filter((value) => {
    const { negative, destination } = parseRefspec(value);
    return !negative && destination.includes('*') && reachesExperiments(destination);
  });
}

/** Refspecs of `remote.<name>.push` that publish experiments with every bare `git push`. */
export function publishingPushes(values: readonly string[]): readonly string[] {
  return values.filter((value) => {
    const { negative, source } = parseRefspec(value);
    return !negative && reachesExperiments(source);
  });
}
