import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { readSettings } from '../model/settings.ts';
import { diagnose, formatDiagnosis } from '../report/diagnose.ts';
import { printable } from '../report/printable.ts';
import { word } from './commands.ts';
import { addValue, type Edit } from './config-edit.ts';
import type { CommandContext } from './context.ts';
import { checkExperiments, experimentsText } from './experiments.ts';
import { type Finding, warn } from './finding.ts';
import { defaultRemote, type GitRemote, nameWithUrl, readRemote } from './remote.ts';
import { type CommandRepository, gitOptions, requireRepository } from './repository.ts';
import { setupCheckout } from './setup-checkout.ts';
import { checkHelper, checkSubmodule, checkUrls, checkVcs, isByUrlAlone } from './setup-checks.ts';
import { setupCredentialHelper } from './setup-credential-helper.ts';
import { nextPush } from './setup-outlook.ts';
import { readRecord, writeRecord } from './setup-record.ts';
import { undoSetup } from './undo.ts';

export interface SetupOptions {
  /** Name of the Git remote; undefined: the one that `git push` takes. */
  readonly remote: string | undefined;
  readonly undo: boolean;
  readonly experiments: boolean;
  /** Instead of a Git remote: the credential helper, for all repositories. */
  readonly credentialHelper: boolean;
  /** Instead of a Git remote: hooks that put data into the work tree. */
  readonly checkout: boolean;
}

/** `git dvcexp setup [<remote>] [--experiments] [--undo]`. */
export async function setupCommand(
  options: SetupOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  if (options.credentialHelper) {
    if (options.remote === undefined && !options.experiments && !options.checkout) {
      return await setupCredentialHelper(options.undo, context, operation);
    }
    throw new HelperError(
      'usage',
      "'--credential-helper' is for all Git remotes: it takes no name and no other option",
    );
  }
  if (options.checkout) {
    if (options.remote === undefined && !options.experiments) {
      return await setupCheckout(options.undo, context, operation);
    }
    throw new HelperError('usage', "'--checkout' is for the work tree: it takes no name and no other option");
  }
  const repository = await requireRepository(context, operation);
  const { name, why } =
    options.remote === undefined ? await defaultRemote(repository) : { name: options.remote, why: undefined };
  const say = (line: string): void => context.stdout(`${line}\n`);
  if (why !== undefined) say(`Git remote '${printable(name)}' (${why})`);
  if (options.undo) {
    await undoSetup(name, { onlyExperiments: options.experiments }, repository, say);
    return 0;
  }
  const remote = await readRemote(repository, name);
  const settings = readSettings(repository.configuration.get, context.env);
  const tell = ({ text, hints }: Finding): void =>
    context.stderr(formatDiagnosis('warning', { message: printable(text), hints: hints.map(printable) }));
  const isSet = checkVcs(remote, repository);
  const warnings = [...(await checkUrls(remote, repository, context)), ...(await checkHelper(repository.git))];
  await checkSubmodule(repository, gitOptions(context, operation));
  const missing = options.experiments ? await checkExperiments(remote, repository) : [];

  const edits: Edit[] = [];
  const byUrl = isByUrlAlone(remote);
  try {
    if (!isSet && !byUrl) edits.push(await addValue(repository, `remote.${name}.vcs`, 'dvcexp'));
    for (const refspec of missing) edits.push(await addValue(repository, `remote.${name}.fetch`, refspec));
  } finally {
    // Also of what was done before a failure, so that it can be undone.
    record(name, edits, repository, tell);
  }
  say(outcome(remote, { isSet, byUrl }, repository));
  if (options.experiments) for (const line of experimentsText(name, missing.length > 0)) say(line);
  for (const finding of warnings) tell(finding);
  const outlook = await nextPush(repository, settings, name, context, operation);
  for (const line of outlook.lines) say(line);
  for (const finding of outlook.findings) tell(finding);
  if (!byUrl || options.experiments) say(`back to plain Git: git dvcexp setup ${word(name)} --undo`);
  return 0;
}

function outcome(
  remote: GitRemote,
  { isSet, byUrl }: { readonly isSet: boolean; readonly byUrl: boolean },
  { configFile }: CommandRepository,
): string {
  if (byUrl) return `Git remote ${nameWithUrl(remote)} goes through the helper by its URL; nothing to set`;
  const file = isSet ? (remote.vcs.at(-1)?.file ?? '') : configFile;
  const key = `remote.${remote.name}.vcs`;
  return `Git remote ${nameWithUrl(remote)} ${isSet ? 'is set up already' : 'is set up'}: ${printable(key)} = dvcexp in '${printable(file)}'`;
}

/** What is written down again takes the place of what an older record says of the same value. */
function record(
  remote: string,
  edits: readonly Edit[],
  { location }: CommandRepository,
  tell: (finding: Finding) => void,
): void {
  if (edits.length === 0) return;
  const old = readRecord(location, remote).edits.filter(
    ({ key, value }) => !edits.some((edit) => edit.key === key && edit.value === value),
  );
  try {
    writeRecord(location, { remote, edits: [...old, ...edits] });
  } catch (error) {
    const text = `cannot write down what was changed: ${diagnose(error).message}`;
    tell(warn(text, "'--undo' will take the values away, but may leave the configuration laid out differently"));
  }
}
