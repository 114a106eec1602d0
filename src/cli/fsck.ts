import { readLocalRefs, resolveCommit } from '../experiments/local-refs.ts';
import { resolveExperiments } from '../experiments/resolve.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { fsck } from '../upkeep/fsck.ts';
import type { NamedCommit } from '../upkeep/needs.ts';
import { openSample, type Sample } from '../upkeep/sample.ts';
import type { CommandContext } from './context.ts';
import { moverContext, settingsOf } from './data-side.ts';
import { fsckLines, fsckToJson, isSound } from './fsck-words.ts';
import type { TransferOptions } from './options.ts';
import { openOutput } from './output.ts';
import { type CommandRepository, requireRepository } from './repository.ts';

export interface FsckOptions extends TransferOptions {
  readonly revision: readonly string[];
  readonly storage: boolean;
  readonly sample: string | undefined;
  readonly seed: string | undefined;
  readonly repair: boolean;
  readonly json: boolean;
}

/**
 * `git dvcexp fsck [<revision>…]`: are cache and storage what their names say? Exit code 0 when all is right, or was put
 * right; 1 when something is still wrong, or could not be checked.
 */
export async function fsckCommand(
  options: FsckOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const sample = sampleOf(options);
  const repository = await requireRepository(context, operation);
  const commits = await commitsOf(options, repository);
  // Somebody waits for the answer: who may be asked for a password is asked.
  const settings = { ...settingsOf(options, repository, context), onFetchError: 'fail' } as const;
  const { git } = repository;
  const report = await fsck(
    moverContext(options, settings, repository, context),
    git,
    { commits, storage: options.storage, sample, repair: options.repair },
    operation,
  );
  const code = isSound(report) ? 0 : 1;
  if (options.json) {
    context.stdout(`${JSON.stringify(fsckToJson(report, sample), null, 2)}\n`);
    return code;
  }
  if (options.quiet && code === 0) return 0;
  const output = await openOutput(repository, context, operation);
  try {
    const { repair, verbose } = options;
    for (const line of fsckLines(report, { sample, repair, all: verbose, paint: output.paint })) output.line(line);
  } finally {
    await output.close();
  }
  return code;
}

function sampleOf({ sample, seed }: FsckOptions): Sample {
  if (sample === undefined) {
    if (seed !== undefined) throw new HelperError('usage', "'--seed' goes with '--sample'");
    return openSample(1);
  }
  const [, digits] = /^([0-9]{1,3}(?:\.[0-9]{1,6})?)%?$/.exec(sample) ?? [];
  const percent = Number(digits ?? 0);
  if (percent > 0 && percent <= 100) return openSample(percent / 100, seed);
  throw new HelperError('usage', "'--sample' takes a share of the objects, more than 0% and at most 100%", {
    hints: ['for instance --sample 5%'],
  });
}

/** undefined: all that is in the caches. */
async function commitsOf(
  { revision, storage }: FsckOptions,
  { git }: CommandRepository,
): Promise<readonly NamedCommit[] | undefined> {
  if (revision.length === 0 && !storage) return undefined;
  const local = await readLocalRefs(git);
  if (revision.length === 0) {
    if (local.head !== undefined) return [{ id: local.head, name: 'HEAD' }];
    throw new HelperError('usage', 'there is no commit yet, so nothing has to be in storage');
  }
  const found: NamedCommit[] = [];
  for (const word of revision) {
    const id = await resolveCommit(word, git);
    if (id !== undefined) found.push({ id, name: word });
    else
      for (const each of resolveExperiments([word], { ...local, where: 'here', what: 'commit or experiment' }))
        found.push(each);
  }
  return found.map(({ id, name }) => ({ id, name }));
}
