import type { RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { fetchData } from '../transfer/session.ts';
import type { CommandContext } from './context.ts';
import { moverContext, settingsOf } from './data-side.ts';
import type { TransferOptions } from './options.ts';
import { requireRepository } from './repository.ts';

export interface FetchOptions extends TransferOptions {
  readonly revision: readonly string[];
}

/** `git dvcexp fetch [<revision>…]`. Exit code 0 only when all data of the revisions is in the cache. */
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
  const result = await fetchData(
    moverContext(options, settings, repository, context),
    options.revision.map((revision) => ({ revision, name: revision as RefName })),
    operation,
  );
  return result.outcome === 'whole' ? 0 : 1;
}
