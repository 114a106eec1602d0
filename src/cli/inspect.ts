import { withoutFetching } from '../experiments/commits.ts';
import type { GitOid, RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { readSettings, type Settings } from '../model/settings.ts';
import { openVoice } from '../report/voice.ts';
import type { DataMoverContext } from '../transfer/context.ts';
import { type DataState, inspectData } from '../transfer/inspect.ts';
import type { CommandContext } from './context.ts';
import type { TransferOptions } from './options.ts';
import type { CommandRepository } from './repository.ts';

/** Settings of the command line over those of the environment and Git's configuration. */
export function settingsOf(
  options: Partial<TransferOptions>,
  { configuration }: CommandRepository,
  { env }: CommandContext,
): Settings {
  return readSettings(configuration.get, env, pushOptionsOf(options));
}

/** Options of a command line as push options, which count for more than any other setting. */
export function pushOptionsOf({ remote, jobs }: Partial<TransferOptions>): readonly string[] {
  return [
    ...(remote === undefined ? [] : [`dvcexp.remote=${remote}`]),
    ...(jobs === undefined ? [] : [`dvcexp.jobs=${jobs}`]),
  ];
}

/** What the data side is opened with when a command opens it, and not Git. */
export function moverContext(
  options: Partial<TransferOptions>,
  settings: Settings,
  { configuration, location }: CommandRepository,
  context: CommandContext,
): DataMoverContext {
  return {
    ...context,
    gitDirectory: location.gitDirectory,
    settings,
    configuration: configuration.get,
    remoteName: '',
    progress: context.terminal && options.quiet !== true,
    verbosity: options.quiet === true ? 0 : options.verbose === true ? 2 : 1,
  };
}

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
    const found = await inspectData({ ...mover, env }, commits, { ...options, onCommit: meter.object }, operation);
    whole = true;
    return found;
  } finally {
    meter.finish(whole);
  }
}
