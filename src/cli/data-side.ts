import { isAbort } from '../model/error.ts';
import { readSettings, type Settings } from '../model/settings.ts';
import { diagnose, formatDiagnosis } from '../report/diagnose.ts';
import type { DataMoverContext } from '../transfer/context.ts';
import type { CommandContext } from './context.ts';
import type { TransferOptions } from './options.ts';
import type { CommandRepository } from './repository.ts';
import { checkHelper } from './setup-checks.ts';

/** Settings of the command line over those of push options, the environment and Git's configuration. */
export function settingsOf(
  options: Partial<TransferOptions>,
  repository: CommandRepository,
  { env }: CommandContext,
): Settings {
  const own = configuredPushOptions(repository).filter((option) => option.startsWith('dvcexp.'));
  return readSettings(repository.configuration.get, env, [...own, ...given(options)]);
}

/** Push options that say what the command line says, which count for more than any other setting. */
export function pushOptionsOf(options: Partial<TransferOptions>, repository: CommandRepository): readonly string[] {
  const ours = given(options);
  // Given one, Git leaves out those that are configured.
  return ours.length === 0 ? [] : [...configuredPushOptions(repository), ...ours];
}

function given(options: Partial<TransferOptions>): readonly string[] {
  const { remote, jobs, 'no-cache': noCache, 'run-cache': runCache, 'no-run-cache': noRunCache } = options;
  return [
    ...(remote === undefined ? [] : [`dvcexp.remote=${remote}`]),
    ...(jobs === undefined ? [] : [`dvcexp.jobs=${jobs}`]),
    ...(noCache === true ? ['dvcexp.no-cache'] : []),
    ...(runCache === true ? ['dvcexp.run-cache'] : []),
    ...(noRunCache === true ? ['dvcexp.run-cache=false'] : []),
  ];
}

/** An empty value takes back those before it (git-config(1), push.pushOption). */
function configuredPushOptions({ configuration }: CommandRepository): readonly string[] {
  const values = configuration.all('push.pushOption');
  return values.slice(values.lastIndexOf('') + 1);
}

/** How much is told while data moves. */
export function loudness(
  { quiet = false, verbose = false }: Partial<TransferOptions>,
  { terminal }: CommandContext,
): { readonly progress: boolean; readonly verbosity: number } {
  return { progress: terminal && !quiet, verbosity: quiet ? 0 : verbose ? 2 : 1 };
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
    ...loudness(options, context),
    gitDirectory: location.gitDirectory,
    settings,
    configuration: configuration.get,
    urlSettings: (name) => configuration.subsections('dvcexp', name),
    remoteName: '',
  };
}

/** Says why Git could not start the helper, where that is why nothing moved. */
export async function explainFailure({ git }: CommandRepository, { stderr }: CommandContext): Promise<void> {
  try {
    await checkHelper(git);
  } catch (error) {
    if (isAbort(error)) throw error;
    stderr(formatDiagnosis('error', diagnose(error)));
  }
}

/** A warning that was given already is not given again: the helper and we read the same configuration. */
export function withoutRepeats(stderr: (text: string) => void): (text: string) => void {
  const given = new Set<string>();
  return (text) => {
    if (text.startsWith('warning: ')) {
      if (given.has(text)) return;
      given.add(text);
    }
    stderr(text);
  };
}
