import { withoutFetching } from '../experiments/commits.ts';
import type { GitOid, RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { openVoice } from '../report/voice.ts';
import { type DataState, inspectData } from '../transfer/inspect.ts';
import type { CommandContext } from './context.ts';
import { moverContext, settingsOf } from './data-side.ts';
import type { TransferOptions } from './options.ts';
import type { CommandRepository } from './repository.ts';

/** Looks at the data of commits with a meter, and asks nobody but the storage remotes, and these only if asked to. */
export async function inspectCommits(
  commits: readonly { readonly commit: GitOid; readonly name: RefName }[],
  options: Partial<TransferOptions> & { readonly storage: boolean },
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<ReadonlyMap<RefName, DataState>> {
  if (commits.length === 0) return new Map();
  const settings = settingsOf(options, repository, context);
  const mover = moverContext(options, settings, repository, context);
  const voice = openVoice({ ...mover, env: context.env });
  const meter = voice.meter('Looking at data', { objects: commits.length, bytes: undefined, still: true });
  const { env } = withoutFetching(repository.git);
  let whole = false;
  try {
    const found = await inspectData(
      { ...mover, env, verbosity: 0 },
      commits,
      { ...options, onCommit: meter.object },
      operation,
    );
    whole = true;
    return found;
  } finally {
    meter.finish(whole);
  }
}
