import type { Experiment } from '../experiments/experiment.ts';
import { readLocalRefs } from '../experiments/local-refs.ts';
import { forgetExperiments } from '../experiments/machinery.ts';
import { moveRefs } from '../experiments/move-refs.ts';
import { publish } from '../experiments/publish.ts';
import { readRemoteRefs } from '../experiments/remote-refs.ts';
import { selectExperiments } from '../experiments/select.ts';
import { HelperError } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { choosePaint } from '../report/color.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import type { SelectionOptions } from './options.ts';
import { requireRepository } from './repository.ts';
import { openTarget, type Target } from './target.ts';

export interface RemoveOptions extends SelectionOptions {
  readonly experiment: readonly string[];
  /** undefined: those of this repository. */
  readonly 'git-remote': string | undefined;
  /** Those that are meant stay, all others go. */
  readonly keep: boolean;
  readonly queue: boolean;
  readonly 'dry-run': boolean;
}

/**
 * `git dvcexp remove <experiment>… [-g <git-remote>]`: refs go, data stays where it is. Each goes only if it is what was seen. Exit
 * code 1 when one did not.
 */
export async function removeCommand(
  options: RemoveOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const { experiment: words, rev, num, 'all-commits': all, 'git-remote': gitRemote } = options;
  if (options.queue) {
    throw new HelperError('usage', 'queued experiments are known to DVC alone', { hints: ['dvc exp remove --queue'] });
  }
  if (words.length === 0 && rev.length === 0 && num === undefined && !all) {
    throw new HelperError('usage', 'say which experiments to remove', {
      hints: ['by name or ID, by what they were made from (--rev, -n), or all of them (-A)'],
    });
  }
  const repository = await requireRepository(context, operation);
  const { git } = repository;
  const local = await readLocalRefs(git);
  const target = gitRemote === undefined ? undefined : await openTarget(gitRemote, repository, context, operation);
  const experiments =
    target === undefined
      ? local.experiments
      : (await readRemoteRefs(target.pushedTo, target.git, context.stderr, target.shown)).experiments;
  const where = target === undefined ? 'here' : `on ${target.shown}`;
  const meant = await selectExperiments({ words, rev, num, all }, { experiments, head: local.head, where }, git);
  const going = options.keep ? experiments.filter((each) => !meant.includes(each)) : meant;
  const paint = choosePaint(context.stdoutTerminal, repository.configuration.get, context.env);
  const say = (line: string): void => context.stdout(`${line}\n`);
  if (going.length === 0) {
    say('no experiments to remove');
    return 0;
  }
  const failed = await removeAll(going, target, options['dry-run'], git, context);
  for (const { ref, id, name } of going) {
    const reason = failed.get(ref);
    const label = reason !== undefined ? 'failed' : options['dry-run'] ? 'would go' : 'removed';
    const note = reason === undefined ? `${ref} ${paint('id', id)}` : printable(reason);
    say(`${paint(reason === undefined ? 'good' : 'bad', label.padEnd(8))}  ${printable(name)}: ${note}`);
  }
  if (target === undefined && !options['dry-run'] && failed.size < going.length) {
    say('to have one back before git gc takes its commit: git update-ref <ref> <ID>');
  }
  return failed.size === 0 ? 0 : 1;
}

async function removeAll(
  experiments: readonly Experiment[],
  target: Target | undefined,
  dryRun: boolean,
  git: Target['git'],
  { stderr }: CommandContext,
): Promise<ReadonlyMap<RefName, string>> {
  const changes = experiments.map(({ ref, id }) => ({ ref, commit: undefined, expected: id }));
  if (target !== undefined) {
    const options = { address: target.address, git: target.git, pushOptions: [], progress: false, verbosity: 1 };
    return await publish(changes, { ...options, dryRun, stderr });
  }
  if (dryRun) return new Map();
  await forgetExperiments(experiments, git);
  return await moveRefs(changes, git, 'dvcexp: removed');
}
