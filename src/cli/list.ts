import { commitsHere, newestFirst } from '../experiments/commits.ts';
import { type Experiment, shortId } from '../experiments/experiment.ts';
import { baselineName, type LocalRefs, readLocalRefs } from '../experiments/local-refs.ts';
import { readRemoteRefs } from '../experiments/remote-refs.ts';
import { selectExperiments } from '../experiments/select.ts';
import type { GitOid } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { DataState } from '../transfer/inspect.ts';
import type { CommandContext } from './context.ts';
import { dataInWords, dataToJson } from './data-words.ts';
import { inspectCommits } from './inspect.ts';
import { refuseBoth, type SelectionOptions, type TransferOptions } from './options.ts';
import { type Output, openOutput } from './output.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { openTarget } from './target.ts';

export interface ListOptions extends SelectionOptions, Partial<TransferOptions> {
  /** undefined: the experiments of this repository. */
  readonly 'git-remote': string | undefined;
  readonly 'name-only': boolean;
  readonly 'sha-only': boolean;
  readonly storage: boolean;
  readonly json: boolean;
}

interface Row {
  readonly experiment: Experiment;
  /** The experiment at the same ref in this repository; undefined: there is none. */
  readonly local: Experiment | undefined;
  /** undefined: the commit is not in this repository, or nobody asked. */
  readonly data: DataState | undefined;
}

/** Experiments of one baseline. */
interface Group {
  readonly baseline: GitOid;
  readonly rows: readonly Row[];
}

/** `git dvcexp list [<git-remote>]`. Exit code 0, also when there is nothing to list. */
export async function listCommand(
  options: ListOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const { 'name-only': nameOnly, 'sha-only': shaOnly, 'git-remote': gitRemote, json } = options;
  refuseBoth({ '--name-only': nameOnly, '--sha-only': shaOnly, '--json': json });
  const repository = await requireRepository(context, operation);
  const refs = await readLocalRefs(repository.git);
  const { experiments, shown } = await source(gitRemote, refs, repository, context, operation);
  const where = shown === undefined ? 'here' : `on ${shown}`;
  const selection = { words: [], rev: options.rev, num: options.num, all: options['all-commits'] };
  const chosen = await selectExperiments(selection, { experiments, head: refs.head, where }, repository.git);
  const bare = nameOnly || shaOnly;
  const [data, order] = await Promise.all([
    bare ? new Map() : dataOf(chosen, options, repository, context, operation),
    baselinesInOrder(chosen, refs, repository),
  ]);
  const local = new Map(refs.experiments.map((each) => [each.ref, each]));
  const rows = chosen.map((experiment) => ({
    experiment,
    local: local.get(experiment.ref),
    data: data.get(experiment.ref),
  }));
  const groups = grouped(rows, order);
  if (json) {
    context.stdout(`${JSON.stringify(toJson(groups, refs, shown === undefined ? undefined : gitRemote), null, 2)}\n`);
    return 0;
  }
  const output = await openOutput(repository, context, operation);
  try {
    for (const group of groups) {
      if (bare)
        for (const { experiment } of group.rows) output.line(printable(nameOnly ? experiment.name : experiment.id));
      else writeGroup(group, refs, shown !== undefined, output);
    }
  } finally {
    await output.close();
  }
  return 0;
}

async function source(
  gitRemote: string | undefined,
  refs: LocalRefs,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<{ readonly experiments: readonly Experiment[]; readonly shown: string | undefined }> {
  if (gitRemote === undefined) return { experiments: refs.experiments, shown: undefined };
  const target = await openTarget(gitRemote, repository, context, operation);
  const { experiments } = await readRemoteRefs(target.address, target.git, context.stderr, target.shown);
  return { experiments, shown: target.shown };
}

async function dataOf(
  experiments: readonly Experiment[],
  options: ListOptions,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<ReadonlyMap<string, DataState>> {
  const look = (chosen: readonly Experiment[]): Promise<ReadonlyMap<string, DataState>> =>
    inspectCommits(
      chosen.map(({ id, ref }) => ({ commit: id, name: ref })),
      options,
      repository,
      context,
      operation,
    );
  const asking = commitsHere(
    experiments.map(({ id }) => id),
    repository.git,
  );
  if (options['git-remote'] !== undefined) {
    const here = await asking;
    return await look(experiments.filter(({ id }) => here.has(id)));
  }
  // Refs of this repository lead to commits of it, but for a broken one.
  const [here, states] = await Promise.all([asking, look(experiments)]);
  return new Map(
    experiments.flatMap(({ id, ref }) => {
      const state = here.has(id) ? states.get(ref) : undefined;
      return state === undefined ? [] : [[ref, state] as const];
    }),
  );
}

/** The commit that is checked out first, then by date, newest first. */
async function baselinesInOrder(
  experiments: readonly Experiment[],
  { head }: LocalRefs,
  { git }: CommandRepository,
): Promise<readonly GitOid[]> {
  const ordered = await newestFirst([...new Set(experiments.map(({ baseline }) => baseline))], git);
  const first = ordered.filter((baseline) => baseline === head);
  return [...first, ...ordered.filter((baseline) => baseline !== head)];
}

function grouped(rows: readonly Row[], order: readonly GitOid[]): readonly Group[] {
  const groups = new Map<GitOid, Row[]>(order.map((baseline) => [baseline, []]));
  for (const row of rows) groups.get(row.experiment.baseline)?.push(row);
  return [...groups].map(([baseline, of]) => ({ baseline, rows: of }));
}

function writeGroup({ baseline, rows }: Group, refs: LocalRefs, remote: boolean, { paint, line }: Output): void {
  line(`${paint('heading', printable(baselineName(baseline, refs)))}:`);
  const width = Math.max(...rows.map(({ experiment }) => printable(experiment.name).length));
  for (const { experiment, local, data } of rows) {
    const name = printable(experiment.name);
    const words = remote && local?.id !== experiment.id ? presence(local) : dataInWords(data);
    const gap = ' '.repeat(width - name.length + 2);
    line(`\t${paint('id', shortId(experiment.id))} [${name}]${gap}${words}`);
  }
}

function presence(local: Experiment | undefined): string {
  return local === undefined ? 'not here' : `differs from the one here (${shortId(local.id)})`;
}

function toJson(groups: readonly Group[], refs: LocalRefs, gitRemote: string | undefined): unknown {
  return {
    gitRemote: gitRemote ?? null,
    experiments: groups.flatMap(({ baseline, rows }) =>
      rows.map(({ experiment: { name, ref, id }, local, data }) => ({
        name,
        ref,
        id,
        baseline: { id: baseline, name: refs.nameOf(baseline) ?? null },
        here: local?.id ?? null,
        data: data === undefined ? null : dataToJson(data),
      })),
    ),
  };
}
