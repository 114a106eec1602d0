import { newTo } from '../experiments/commits.ts';
import type { Experiment } from '../experiments/experiment.ts';
import { readLocalRefs } from '../experiments/local-refs.ts';
import { publish, withoutPrefix } from '../experiments/publish.ts';
import { type RemoteRefs, readRemoteRefs } from '../experiments/remote-refs.ts';
import { selectExperiments } from '../experiments/select.ts';
import type { RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import type { Settings } from '../model/settings.ts';
import { shareData } from '../transfer/share.ts';
import type { CommandContext } from './context.ts';
import { explainFailure, loudness, moverContext, pushOptionsOf, settingsOf, withoutRepeats } from './data-side.ts';
import { refuseBoth, type SharingOptions } from './options.ts';
import { type Outcome, reportOutcomes } from './outcome.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { type Target, takeTarget } from './target.ts';

/** What one push is about. */
interface Push {
  readonly options: SharingOptions;
  readonly target: Target;
  readonly theirs: RemoteRefs;
  /** Refs only. */
  readonly bare: boolean;
  readonly settings: Settings;
  readonly repository: CommandRepository;
  readonly context: CommandContext;
}

/**
 * `git dvcexp push [<git-remote>] [<experiment>…]`. Exit code 0 only when every experiment that was meant is on the Git remote as
 * it is here, with all its data in storage.
 */
export async function pushCommand(
  options: SharingOptions,
  given: CommandContext,
  operation: Operation,
): Promise<number> {
  const context = { ...given, stderr: withoutRepeats(given.stderr) };
  const repository = await requireRepository(context, operation);
  const { target, words, gitRemotes } = await takeTarget(options.words, 'push', repository, context, operation);
  refuseBoth({ '--run-cache': options['run-cache'], '--no-run-cache': options['no-run-cache'] });
  const settings = settingsOf(options, repository, context);
  const { experiments, head } = await readLocalRefs(repository.git);
  const chosen = await selectExperiments(
    { words, rev: options.rev, num: options.num, all: options['all-commits'] },
    { experiments, head, where: 'here', gitRemotes },
    repository.git,
  );
  const theirs =
    chosen.length === 0
      ? { experiments: [], ids: [] }
      : await readRemoteRefs(target.pushedTo, target.git, context.stderr, target.shown);
  const push = { options, target, theirs, bare: settings.noCache, settings, repository, context };
  const outcomes = chosen.length === 0 ? [] : await pushAll(push, chosen, operation);
  return reportOutcomes('push', outcomes, push);
}

async function pushAll(push: Push, chosen: readonly Experiment[], operation: Operation): Promise<readonly Outcome[]> {
  const { options, theirs, target, context, repository } = push;
  const known = new Map(theirs.experiments.map((each) => [each.ref, each.id]));
  const stateOf = ({ ref, id }: Experiment): 'same' | 'going' | 'diverged' => {
    const there = known.get(ref);
    if (there === id) return 'same';
    return there === undefined || options.force ? 'going' : 'diverged';
  };
  const going = chosen.filter((each) => stateOf(each) === 'going');
  const fresh = await newTo(
    going.map(({ id }) => id),
    theirs.ids,
    repository.git,
  );
  // Git has nothing to send for these, so it asks the helper for nothing: their data goes by itself, and before their refs.
  const settled = chosen.filter((each) => stateOf(each) !== 'diverged' && !fresh.has(each.id));
  const early = await share(settled, push, operation);
  const ready = going.filter(({ ref }) => !early.has(ref));
  const refused = await publish(
    ready.map(({ ref, id }) => ({ ref, commit: id, expected: known.get(ref) })),
    {
      address: target.address,
      git: target.moving,
      pushOptions: pushOptionsOf(options, repository),
      dryRun: options['dry-run'],
      ...loudness(options, context),
      stderr: context.stderr,
    },
  );
  if (ready.length > 0 && refused.size === ready.length) await explainFailure(repository, context);
  // The helper requires what is new in each. The rest has to be there as well before all is done.
  const pushed = ready.filter(({ ref, id }) => !refused.has(ref) && fresh.has(id));
  const late = options['dry-run'] ? new Map<RefName, string>() : await share(pushed, push, operation);
  return chosen.map((experiment): Outcome => {
    const { ref } = experiment;
    const state = stateOf(experiment);
    const other = state === 'same' ? undefined : known.get(ref);
    if (state === 'diverged') return { experiment, state, other, reason: undefined, data: undefined };
    const data = late.get(ref) ?? early.get(ref);
    if (state === 'same') return { experiment, state: 'up to date', other, reason: undefined, data };
    const reason = early.get(ref) ?? refused.get(ref);
    return { experiment, state: reason === undefined ? 'done' : 'failed', other, reason, data };
  });
}

/** Answers those whose data is not whole in storage afterwards, with the reason. */
async function share(
  experiments: readonly Experiment[],
  { bare, options, settings, repository, context }: Push,
  operation: Operation,
): Promise<ReadonlyMap<RefName, string>> {
  if (bare || experiments.length === 0) return new Map();
  const lacking = await shareData(
    moverContext(options, settings, repository, context),
    experiments.map(({ id, ref }) => ({ commit: id, name: ref })),
    { dryRun: options['dry-run'] },
    operation,
  );
  return new Map([...lacking].map(([ref, reason]) => [ref, withoutPrefix(reason)]));
}
