import { commitsHere } from '../experiments/commits.ts';
import { type Experiment, experimentRef, shortId } from '../experiments/experiment.ts';
import { readLocalRefs } from '../experiments/local-refs.ts';
import { forgetExperiments } from '../experiments/machinery.ts';
import { moveTogether } from '../experiments/move-refs.ts';
import { publish } from '../experiments/publish.ts';
import { receive } from '../experiments/receive.ts';
import type { RefChange } from '../experiments/ref-change.ts';
import { readRemoteRefs } from '../experiments/remote-refs.ts';
import { resolveExperiments } from '../experiments/resolve.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { openTarget, type Target } from './target.ts';

export interface RenameOptions {
  readonly experiment: string;
  readonly name: string;
  /** undefined: in this repository. */
  readonly 'git-remote': string | undefined;
  readonly force: boolean;
}

/** The two halves of a renaming. */
interface Renaming {
  readonly experiment: Experiment;
  readonly appear: RefChange;
  readonly vanish: RefChange;
}

/** `git dvcexp rename <experiment> <name> [-g <git-remote>]`: the same commit under another name, here or there. */
export async function renameCommand(
  options: RenameOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const { 'git-remote': gitRemote, name } = options;
  const repository = await requireRepository(context, operation);
  const { git } = repository;
  const local = await readLocalRefs(git);
  const target = gitRemote === undefined ? undefined : await openTarget(gitRemote, repository, context, operation);
  const experiments =
    target === undefined
      ? local.experiments
      : (await readRemoteRefs(target.pushedTo, target.git, context.stderr, target.shown)).experiments;
  const where = target === undefined ? 'here' : `on ${target.shown}`;
  const [experiment] = resolveExperiments([options.experiment], { experiments, head: local.head, where });
  if (experiment === undefined) return 1;
  await checkName(name, repository);
  const from = printable(experiment.name);
  if (experiment.name === name) {
    context.stdout(`experiment '${from}' has that name already\n`);
    return 0;
  }
  const ref = experimentRef(experiment.baseline, name);
  const other = experiments.find((each) => each.ref === ref);
  if (other !== undefined && !options.force) {
    throw new HelperError('usage', `there is an experiment '${printable(name)}' of the same commit ${where} already`, {
      hints: [`to replace it (${shortId(other.id)}): git dvcexp rename --force ...`],
    });
  }
  const renaming = {
    experiment,
    appear: { ref, commit: experiment.id, expected: other?.id },
    vanish: { ref: experiment.ref, commit: undefined, expected: experiment.id },
  };
  if (target === undefined) await renameHere(renaming, repository);
  else await renameThere(renaming, target, repository, context);
  context.stdout(`experiment '${from}' (${shortId(experiment.id)}) is '${printable(name)}' now${there(target)}\n`);
  return 0;
}

function there(target: Target | undefined): string {
  return target === undefined ? '' : ` on ${target.shown}`;
}

/** DVC allows what Git allows in the last part of a ref, and no slash. */
async function checkName(name: string, { git }: CommandRepository): Promise<void> {
  const { code } = await runGit(['check-ref-format', `refs/exps/${name}`], { ...git, accept: 'any' });
  if (code === 0 && !name.includes('/')) return;
  throw new HelperError('usage', `'${printable(name)}' cannot be the name of an experiment`, {
    hints: ['see git check-ref-format for what can; a slash cannot'],
  });
}

async function renameHere({ experiment, appear, vanish }: Renaming, { git }: CommandRepository): Promise<void> {
  await forgetExperiments([experiment], git);
  const reason = await moveTogether([appear, vanish], git, `dvcexp: renamed from ${experiment.name}`);
  if (reason !== undefined) throw new HelperError('io', `experiment '${experiment.name}' was not renamed: ${reason}`);
}

/** The new name first: a Git remote may do one and refuse the other, and then it has both. */
async function renameThere(
  { experiment, appear, vanish }: Renaming,
  target: Target,
  { git }: CommandRepository,
  { stderr }: CommandContext,
): Promise<void> {
  const { id, ref } = experiment;
  const quiet = { address: target.address, git: target.git, progress: false, verbosity: 1, stderr };
  if (!(await commitsHere([id], git)).has(id)) await receive([ref], { ...quiet, env: { DVCEXP_NO_CACHE: 'true' } });
  const change = async (step: RefChange): Promise<string | undefined> =>
    (await publish([step], { ...quiet, pushOptions: [], dryRun: false })).get(step.ref);
  const name = printable(experiment.name);
  const refused = await change(appear);
  if (refused !== undefined) {
    throw new HelperError('io', `experiment '${name}' was not renamed on ${target.shown}: ${printable(refused)}`);
  }
  const kept = await change(vanish);
  if (kept === undefined) return;
  throw new HelperError('io', `experiment '${name}' has both names on ${target.shown} now: ${printable(kept)}`, {
    hints: [`take the old one away: git dvcexp remove -g ${word(target.address)} ${word(ref)}`],
  });
}
