import { commitsHere } from '../experiments/commits.ts';
import type { Experiment } from '../experiments/experiment.ts';
import { readLocalRefs } from '../experiments/local-refs.ts';
import { moveRefs } from '../experiments/move-refs.ts';
import { areWhole, receive } from '../experiments/receive.ts';
import { readRemoteRefs } from '../experiments/remote-refs.ts';
import { selectExperiments } from '../experiments/select.ts';
import type { GitOid, RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import type { Settings } from '../model/settings.ts';
import { countOf } from '../report/progress.ts';
import { fetchData } from '../transfer/session.ts';
import type { CommandContext } from './context.ts';
import { explainFailure, loudness, moverContext, settingsOf, withoutRepeats } from './data-side.ts';
import { inspectCommits } from './inspect.ts';
import { refuseBoth, type SharingOptions } from './options.ts';
import { type Outcome, reportOutcomes } from './outcome.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { type Target, takeTarget } from './target.ts';

/** What one pull is about. */
interface Pull {
  readonly options: SharingOptions;
  readonly target: Target;
  /** Refs only. */
  readonly bare: boolean;
  readonly settings: Settings;
  readonly repository: CommandRepository;
  readonly context: CommandContext;
}

/**
 * `git dvcexp pull [<git-remote>] [<experiment>…]`. Exit code 0 only when every experiment that was meant is here as it is on the
 * Git remote, with all its data in the cache.
 */
export async function pullCommand(
  options: SharingOptions,
  given: CommandContext,
  operation: Operation,
): Promise<number> {
  const context = { ...given, stderr: withoutRepeats(given.stderr) };
  const repository = await requireRepository(context, operation);
  const { target, words, gitRemotes } = await takeTarget(options.words, 'pull', repository, context, operation);
  refuseBoth({ '--run-cache': options['run-cache'], '--no-run-cache': options['no-run-cache'] });
  // Asked for by name: what is missing is told by the outcome, and storage that breaks keeps refs where they are.
  const asked = settingsOf(options, repository, context);
  const settings = { ...asked, fetchData: 'all', onFetchError: 'fail', onAbsent: 'warn' } as const;
  const local = await readLocalRefs(repository.git);
  const { experiments } = await readRemoteRefs(target.address, target.git, context.stderr, target.shown);
  const chosen = await selectExperiments(
    { words, rev: options.rev, num: options.num, all: options['all-commits'] },
    { experiments, head: local.head, where: `on ${target.shown}`, gitRemotes },
    repository.git,
  );
  const pull = { options, target, bare: settings.noCache, settings, repository, context };
  const here = new Map(local.experiments.map(({ ref, id }) => [ref, id]));
  const outcomes = chosen.length === 0 ? [] : await pullAll(pull, chosen, here, operation);
  return reportOutcomes('pull', outcomes, pull);
}

async function pullAll(
  pull: Pull,
  chosen: readonly Experiment[],
  here: ReadonlyMap<RefName, GitOid>,
  operation: Operation,
): Promise<readonly Outcome[]> {
  const { options, repository, bare } = pull;
  const dryRun = options['dry-run'];
  const stateOf = ({ ref, id }: Experiment): 'same' | 'going' | 'diverged' => {
    const ours = here.get(ref);
    if (ours === id) return 'same';
    return ours === undefined || options.force ? 'going' : 'diverged';
  };
  const same = chosen.filter((each) => stateOf(each) === 'same');
  const going = chosen.filter((each) => stateOf(each) === 'going');
  const failed = dryRun ? new Map<RefName, string>() : await bring(pull, same, going, operation);
  const moving = going.filter(({ ref }) => !failed.has(ref));
  const data = bare
    ? new Map<RefName, string>()
    : await whatIsMissing(pull, dryRun ? same : [...same, ...moving], operation);
  if (!dryRun) {
    const changes = moving.map(({ ref, id }) => ({ ref, commit: id, expected: here.get(ref) }));
    const stuck = await moveRefs(changes, repository.git, `dvcexp: pulled from ${pull.target.shown}`);
    for (const [ref, reason] of stuck) failed.set(ref, reason);
  }
  return chosen.map((experiment): Outcome => {
    const { ref } = experiment;
    const state = stateOf(experiment);
    const other = state === 'same' ? undefined : here.get(ref);
    if (state === 'diverged') return { experiment, state, other, reason: undefined, data: undefined };
    const reason = failed.get(ref);
    if (state === 'same')
      return { experiment, state: 'up to date', other, reason: undefined, data: reason ?? data.get(ref) };
    return {
      experiment,
      state: reason === undefined ? 'done' : 'failed',
      other,
      reason,
      data: reason ?? data.get(ref),
    };
  });
}

/** Brings commits and data. Answers the refs that must not move, and why; of those that are the same, whose data broke. */
async function bring(
  { options, target, bare, settings, repository, context }: Pull,
  same: readonly Experiment[],
  going: readonly Experiment[],
  operation: Operation,
): Promise<Map<RefName, string>> {
  const { git } = repository;
  const ids = going.map(({ id }) => id);
  const known = await commitsHere(ids, git);
  const whole = (await areWhole([...known], git)) ? known : new Set<GitOid>();
  const wanted = going.filter(({ id }) => !whole.has(id));
  const isFine = await receive(
    wanted.map(({ ref }) => ref),
    {
      address: target.address,
      git: target.moving,
      env: helperSettings(settings),
      ...loudness(options, context),
      stderr: context.stderr,
    },
  );
  const failed = new Map<RefName, string>();
  const arrived = await commitsHere(ids, git);
  for (const { ref, id } of wanted) if (!arrived.has(id)) failed.set(ref, 'git fetch did not bring it');
  if (wanted.length > 0 && failed.size === wanted.length) await explainFailure(repository, context);
  if (!isFine) await judge(wanted, failed, { options, target, bare, settings, repository, context }, operation);
  // Git has nothing to fetch for these, so it asks the helper for nothing: their data comes by itself.
  const settled = [...same, ...going.filter(({ id }) => whole.has(id))];
  if (bare || settled.length === 0) return failed;
  const { shortfalls } = await fetchData(
    moverContext(options, settings, repository, context),
    settled.map(({ ref, id }) => ({ revision: id, name: ref })),
    operation,
  );
  for (const [ref, { kind, reason }] of shortfalls) if (kind === 'broken') failed.set(ref, reason);
  return failed;
}

/** Git gave up, which it does for all at once: those that are whole here may move all the same. */
async function judge(
  wanted: readonly Experiment[],
  failed: Map<RefName, string>,
  pull: Pull,
  operation: Operation,
): Promise<void> {
  const arrived = wanted.filter(({ ref }) => !failed.has(ref));
  const missing = pull.bare ? new Map<RefName, string>() : await whatIsMissing(pull, arrived, operation);
  for (const { ref, id } of arrived) {
    if (missing.has(ref)) failed.set(ref, 'its data did not come');
    else if (!(await areWhole([id], pull.repository.git))) failed.set(ref, 'git fetch did not bring all of it');
  }
}

/** What the cache lacks of each, in words; those that are whole are left out. */
async function whatIsMissing(
  { options, repository, context }: Pull,
  experiments: readonly Experiment[],
  operation: Operation,
): Promise<ReadonlyMap<RefName, string>> {
  const commits = experiments.map(({ id, ref }) => ({ commit: id, name: ref }));
  const states = await inspectCommits(commits, { ...options, storage: false }, repository, context, operation);
  return new Map(
    [...states].flatMap(([ref, { lacks, problems }]) => {
      const [problem] = problems;
      if (lacks.length > 0) return [[ref, `${countOf(lacks.length, 'object')} not in the cache`] as const];
      return problem === undefined ? [] : [[ref, problem] as const];
    }),
  );
}

/** What the helper below `git fetch` has to do, in its environment, since a fetch takes no options for it. */
function helperSettings(settings: Settings): Record<string, string> {
  const { noCache, fetchData, onFetchError, onAbsent, runCache, remote, jobs } = settings;
  return {
    DVCEXP_NO_CACHE: String(noCache),
    DVCEXP_RUN_CACHE: String(runCache),
    DVCEXP_FETCH_DATA: fetchData,
    DVCEXP_ON_FETCH_ERROR: onFetchError ?? 'fail',
    DVCEXP_ON_ABSENT: onAbsent,
    ...(remote === undefined ? {} : { DVCEXP_REMOTE: remote }),
    ...(jobs === undefined ? {} : { DVCEXP_JOBS: String(jobs) }),
  };
}
