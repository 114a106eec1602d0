import { shortId } from '../experiments/experiment.ts';
import { readLocalRefs } from '../experiments/local-refs.ts';
import { moveTogether } from '../experiments/move-refs.ts';
import { resolveExperiments } from '../experiments/resolve.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { type CommandRepository, requireRepository } from './repository.ts';

export interface BranchOptions {
  readonly experiment: string;
  /** undefined: `<name>-branch`, as DVC calls it. */
  readonly branch: string | undefined;
}

/** `git dvcexp branch <experiment> [<branch>]`: a branch that points at the experiment's commit. */
export async function branchCommand(
  options: BranchOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const repository = await requireRepository(context, operation);
  const { git } = repository;
  const { experiments, head } = await readLocalRefs(git);
  const [experiment] = resolveExperiments([options.experiment], { experiments, head, where: 'here' });
  if (experiment === undefined) return 1;
  const branch = options.branch ?? `${experiment.name}-branch`;
  const ref = await branchRef(branch, repository);
  const change = { ref, commit: experiment.id, expected: undefined };
  const refused = await moveTogether([change], git, `dvcexp: created from experiment '${experiment.name}'`);
  if (refused !== undefined) throw await refusal(branch, ref, refused, repository);
  const name = `'${printable(experiment.name)}' (${shortId(experiment.id)})`;
  context.stdout(`branch '${printable(branch)}' created from experiment ${name}\n`);
  context.stdout(`to switch to it: git checkout ${word(branch)}\n`);
  return 0;
}

async function branchRef(branch: string, { git }: CommandRepository): Promise<RefName> {
  // Not `--branch`, which would take `@{-1}` for the branch that was left last.
  const { code } = await runGit(['check-ref-format', `refs/heads/${branch}`], { ...git, accept: 'any' });
  if (code === 0 && !branch.startsWith('-') && branch !== 'HEAD') return `refs/heads/${branch}` as RefName;
  throw new HelperError('usage', `'${printable(branch)}' cannot be the name of a branch`, {
    hints: ['see git check-ref-format for what can'],
  });
}

async function refusal(branch: string, ref: RefName, reason: string, { git }: CommandRepository): Promise<HelperError> {
  const { code } = await runGit(['show-ref', '--verify', '--quiet', ref], { ...git, accept: 'any' });
  if (code !== 0) return new HelperError('io', `branch '${printable(branch)}' cannot be made: ${printable(reason)}`);
  return new HelperError('usage', `there is a branch '${printable(branch)}' already`, {
    hints: ['name another one: git dvcexp branch <experiment> <branch>'],
  });
}
