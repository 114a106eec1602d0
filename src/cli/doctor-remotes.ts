import { placedValues } from '../git/config-file.ts';
import { isAbort } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { unsetCommand, word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { error, type Finding, failed, ok, warn } from './finding.ts';
import { experimentRefspecs, pruningFetches, publishingPushes, trackedExperiments } from './refspecs.ts';
import { type GitRemote, nameWithUrl, readRemote, remoteNames } from './remote.ts';
import { type CommandRepository, gitOptions } from './repository.ts';
import { checkSubmodule, checkUrls, isByUrlAlone, passwordWarnings } from './setup-checks.ts';

/** Which Git remotes go through the helper, whether they can, and refspecs that move experiments behind one's back. */
export async function* checkRemotes(
  named: string | undefined,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): AsyncGenerator<Finding> {
  const names = named === undefined ? await remoteNames(repository) : [named];
  if (names.length === 0) yield warn('there is no Git remote', 'git remote add origin <url>');
  let carried = 0;
  for (const name of names) {
    let remote: GitRemote;
    try {
      remote = await readRemote(repository, name);
    } catch (thrown) {
      if (isAbort(thrown)) throw thrown;
      yield failed(thrown);
      continue;
    }
    if (isCarried(remote)) {
      carried += 1;
      yield* judgeCarried(remote, repository, context, operation);
    } else yield* judgePlain(remote, named !== undefined);
    yield* checkRefspecs(remote, repository);
  }
  if (carried === 0 && named === undefined && names.length > 0) {
    yield error('no Git remote is set up, so no data moves', 'git dvcexp setup');
  }
}

function isCarried(remote: GitRemote): boolean {
  return remote.vcs.at(-1)?.value === 'dvcexp' || isByUrlAlone(remote);
}

async function* judgeCarried(
  remote: GitRemote,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): AsyncGenerator<Finding> {
  const which = `Git remote ${nameWithUrl(remote)}`;
  const last = remote.vcs.at(-1);
  try {
    const warnings = await checkUrls(remote, repository, context);
    await checkSubmodule(repository, gitOptions(context, operation));
    yield ok(`${which} is set up, ${last === undefined ? 'by its URL' : `in '${last.file}'`}`);
    yield* warnings;
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    yield failed(thrown, `${which}: `);
  }
}

/** @param wanted somebody named it, so it is the one that should carry data */
function* judgePlain(remote: GitRemote, wanted: boolean): Generator<Finding> {
  const last = remote.vcs.at(-1);
  const how = last === undefined ? 'is plain Git' : `is served by another helper, '${last.value}'`;
  const text = `Git remote ${nameWithUrl(remote)} ${how}`;
  yield wanted ? error(text, `git dvcexp setup ${word(remote.name)}`) : ok(text);
  yield* passwordWarnings(remote);
}

async function* checkRefspecs({ name }: GitRemote, repository: CommandRepository): AsyncGenerator<Finding> {
  const { configuration, git } = repository;
  const shown = `'${printable(name)}'`;
  const prunes = configuration.bool(`remote.${name}.prune`) ?? configuration.bool('fetch.prune') ?? false;
  const remedy = async (key: string, value: string): Promise<string> => {
    const placed = (await placedValues(key, git)).find((each) => each.value === value);
    return placed === undefined
      ? `git config --show-origin --get-all ${word(key)}`
      : unsetCommand(key, placed, repository);
  };
  const fetchKey = `remote.${name}.fetch`;
  for (const value of pruningFetches(configuration.all(fetchKey))) {
    const text = `a fetch of ${shown} ${prunes ? 'deletes' : 'with --prune deletes'} experiments that exist only here: ${fetchKey} has '${value}'`;
    yield {
      level: prunes ? 'error' : 'warn',
      text,
      hints: [await remedy(fetchKey, value), `to see its experiments: git dvcexp setup ${word(name)} --experiments`],
    };
  }
  const pushKey = `remote.${name}.push`;
  for (const value of publishingPushes(configuration.all(pushKey))) {
    yield warn(
      `a bare git push to ${shown} publishes experiments, and only what such lines name: ${pushKey} has '${value}'`,
      await remedy(pushKey, value),
    );
  }
  if (configuration.bool(`remote.${name}.mirror`) === true) {
    yield warn(
      `a push to ${shown} publishes every ref, experiments among them, and deletes what is not here: remote.${name}.mirror is set`,
      `git config --unset remote.${name}.mirror`,
    );
  }
  if (configuration.all(fetchKey).includes(experimentRefspecs(name)[0] ?? '')) {
    yield ok(`experiments of ${shown} are shown below ${trackedExperiments(name)}, and fetched with it`);
  }
}
