import { newTo } from '../experiments/commits.ts';
import { shortId } from '../experiments/experiment.ts';
import { type LocalRefs, readLocalRefs, resolveCommit } from '../experiments/local-refs.ts';
import { readRemoteRefs } from '../experiments/remote-refs.ts';
import { resolveExperiments } from '../experiments/resolve.ts';
import { selectExperiments } from '../experiments/select.ts';
import { namedTips } from '../experiments/tips.ts';
import type { GitOid, RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import type { CommandContext } from './context.ts';
import { inspectCommits } from './inspect.ts';
import type { SelectionOptions, TransferOptions } from './options.ts';
import { openOutput } from './output.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { type CommitStatus, isShared, statusLines, statusToJson } from './status-words.ts';
import { openTarget, type Target } from './target.ts';

export interface StatusOptions extends SelectionOptions, Partial<TransferOptions> {
  readonly revision: readonly string[];
  /** Also ask this Git remote for the commits; undefined: ask none. */
  readonly 'git-remote': string | undefined;
  readonly 'all-branches': boolean;
  readonly 'all-tags': boolean;
  readonly json: boolean;
}

/** A commit that was asked about, under the name it was asked by. */
interface Named {
  readonly name: string;
  readonly id: GitOid;
  /** Set for an experiment. */
  readonly ref: RefName | undefined;
}

/**
 * `git dvcexp status [<revision>…]`: is it shared? Exit code 0 when all data of all commits is in storage, and the commits are on the
 * Git remote where that was asked; 1 when something is not, or cannot be told.
 */
export async function statusCommand(
  options: StatusOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const repository = await requireRepository(context, operation);
  const local = await readLocalRefs(repository.git);
  const gitRemote = options['git-remote'];
  const target = gitRemote === undefined ? undefined : await openTarget(gitRemote, repository, context, operation);
  const commits = await namedCommits(options, local, repository);
  const published = target === undefined ? undefined : await whatIsThere(commits, target, repository, context);
  const states = await inspectCommits(
    commits.map(({ id }) => ({ commit: id, name: id as string as RefName })),
    { ...options, storage: true },
    repository,
    context,
    operation,
  );
  const statuses = commits.flatMap((each): CommitStatus[] => {
    const data = states.get(each.id as string as RefName);
    return data === undefined ? [] : [{ ...each, data, published: published?.get(each) }];
  });
  const code = statuses.every(isShared) ? 0 : 1;
  if (options.json) {
    context.stdout(`${JSON.stringify(statusToJson(statuses, gitRemote), null, 2)}\n`);
    return code;
  }
  const output = await openOutput(repository, context, operation);
  try {
    for (const line of statusLines(statuses, { all: options.verbose === true, paint: output.paint, target })) {
      output.line(line);
    }
  } finally {
    await output.close();
  }
  return code;
}

/** Branches, tags, commits and experiments that are named or selected; HEAD when nothing is said. */
async function namedCommits(
  options: StatusOptions,
  local: LocalRefs,
  { git }: CommandRepository,
): Promise<readonly Named[]> {
  const { revision, rev, num, 'all-commits': all, 'all-branches': branches, 'all-tags': tags } = options;
  const names = { ...local, where: 'here', what: 'commit or experiment' };
  const found: Named[] = [];
  for (const word of revision) {
    const id = await resolveCommit(word, git);
    const ref = local.experiments.find((each) => each.ref === word)?.ref;
    if (id !== undefined) found.push({ name: word, id, ref });
    else for (const { name, id, ref } of resolveExperiments([word], names)) found.push({ name, id, ref });
  }
  if (rev.length > 0 || num !== undefined || all) {
    const selected = await selectExperiments({ words: [], rev, num, all }, names, git);
    found.push(...selected.map(({ name, id, ref }) => ({ name, id, ref })));
  }
  const prefixes = [...(branches ? ['refs/heads/'] : []), ...(tags ? ['refs/tags/'] : [])];
  for (const [name, id] of await namedTips(prefixes, git)) found.push({ name, id, ref: undefined });
  const said = revision.length > 0 || rev.length > 0 || num !== undefined || all || branches || tags;
  if (!said && local.head !== undefined) {
    found.push({ name: 'HEAD', id: local.head, ref: undefined });
  }
  return found;
}

/** What a Git remote has of each commit. */
async function whatIsThere(
  commits: readonly Named[],
  target: Target,
  { git }: CommandRepository,
  { stderr }: CommandContext,
): Promise<ReadonlyMap<Named, string>> {
  const theirs = await readRemoteRefs(target.address, target.git, stderr, target.shown);
  const fresh = await newTo(
    commits.map(({ id }) => id),
    theirs.ids,
    git,
  );
  const refs = new Map(theirs.experiments.map(({ ref, id }) => [ref, id]));
  const judge = ({ id, ref }: Named): string => {
    const there = ref === undefined ? undefined : refs.get(ref);
    if (there === id) return 'there';
    if (there !== undefined) return `another one is there (${shortId(there)})`;
    if (ref !== undefined) return 'not there';
    return fresh.has(id) ? 'not there' : 'there';
  };
  return new Map(commits.map((each) => [each, judge(each)]));
}
