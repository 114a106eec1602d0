import type { RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { fetchData } from '../transfer/session.ts';
import type { CommandContext } from './context.ts';
import { moverContext, settingsOf } from './data-side.ts';
import type { TransferOptions } from './options.ts';
import { requireRepository } from './repository.ts';
import { targetsOf } from './targets.ts';

export interface FetchOptions extends TransferOptions {
  /** None: `HEAD`. */
  readonly revision: readonly string[];
  /** Outputs, or what is in them, from the current folder; none: everything. */
  readonly path: readonly string[];
}

/** `git dvcexp fetch [<revision>…] [-- <path>…]`. Exit code 0 only when all data that was meant is in the cache. */
export async function fetchCommand(
  options: FetchOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const repository = await requireRepository(context, operation);
  // Asked for by name: all of it, and nothing that is missing may pass for success.
  const settings = {
    ...settingsOf(options, repository, context),
    fetchData: 'all',
    onFetchError: 'fail',
    onAbsent: 'fail',
  } as const;
  const revisions = options.revision.length === 0 ? ['HEAD'] : options.revision;
  const result = await fetchData(
    moverContext(options, settings, repository, context),
    revisions.map((revision) => ({ revision, name: revision as RefName })),
    operation,
    options.path.length === 0 ? undefined : targetsOf(options.path, repository, context),
  );
  return result.outcome === 'whole' ? 0 : 1;
}
