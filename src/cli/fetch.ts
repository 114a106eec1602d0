import type { Operation } from '../model/operation.ts';
import { readSettings } from '../model/settings.ts';
import { fetchData } from '../transfer/session.ts';
import type { CommandContext } from './context.ts';
import { requireRepository } from './repository.ts';

export interface FetchOptions {
  readonly revision: readonly string[];
  readonly remote: string | undefined;
  readonly jobs: number | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** `git dvcexp fetch [<revision>…]`. Exit code 0 only when all data of the revisions is in the cache. */
export async function fetchCommand(
  options: FetchOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const { configuration, location } = await requireRepository(context, operation);
  const settings = readSettings(configuration.get, context.env, [
    ...(options.remote === undefined ? [] : [`dvcexp.remote=${options.remote}`]),
    ...(options.jobs === undefined ? [] : [`dvcexp.jobs=${options.jobs}`]),
  ]);
  const result = await fetchData(
    {
      ...context,
      gitDirectory: location.gitDirectory,
      // Asked for by name: all of it, and nothing that is missing may pass for success.
      settings: { ...settings, fetchData: 'all', onFetchError: 'fail', onAbsent: 'fail' },
      configuration: configuration.get,
      remoteName: '',
      progress: context.terminal && !options.quiet,
      verbosity: options.quiet ? 0 : options.verbose ? 2 : 1,
    },
    options.revision,
    operation,
  );
  return result.outcome === 'whole' ? 0 : 1;
}
