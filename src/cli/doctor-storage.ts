import { join } from 'node:path';
import { HelperError, isAbort } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { readSettings, type Settings } from '../model/settings.ts';
import { isCloudVersioned, type StorageConfig } from '../model/storage-config.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { openStorage } from '../storage/open.ts';
import type { CredentialSource, Judge } from '../storage/remote.ts';
import { openLedger } from '../transfer/ledger.ts';
import { programStarter } from '../transfer/programs.ts';
import { placeOf } from '../transfer/storage-place.ts';
import { onlyLooking, openCredentials } from '../trust/credentials.ts';
import { openJudge } from '../trust/judge.ts';
import type { CommandContext } from './context.ts';
import { error, type Finding, failed, ok, warn } from './finding.ts';
import type { CommandRepository } from './repository.ts';
import { judgeSurvey, switchedOff } from './setup-outlook.ts';
import { type Survey, surveyRepository } from './survey.ts';

/** An object that nobody has, to ask for. */
const nobodys = 'files/md5/ff/ffffffffffffffffffffffffffffff';
/** The object of the empty file, as DVC names it: the same in every project, and right wherever it is. */
const emptyObject = 'files/md5/d4/1d8cd98f00b204e9800998ecf8427e';
const patienceMs = 30_000;
/** Storage whose folder a first push makes. */
const makesItsBase = ['local', 'ssh', 'webdav', 'webdavs'];

/** What DVC's configuration and ours say of storage, and whether each storage remote in use answers. */
export async function* checkStorage(
  options: { readonly write: boolean },
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): AsyncGenerator<Finding> {
  let settings: Settings;
  let survey: Survey;
  try {
    settings = readSettings(repository.configuration.get, context.env);
    survey = await surveyRepository(repository, settings, context, operation);
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    yield failed(thrown);
    return;
  }
  yield* switchedOff(settings);
  yield* judgeSurvey(survey, repository);
  const judge = openJudge({
    direction: options.write ? 'push' : 'fetch',
    surroundings: { ...context, configuration: repository.configuration.get },
    git: repository.git,
    settings: (name) => repository.configuration.subsections('dvcexp', name),
    workTree: repository.location.workTree,
    familiar: async () => survey.storages,
    // A doctor changes nothing, and asks nothing.
    ask: undefined,
    say: () => undefined,
    remembers: false,
  });
  const { git, configuration } = repository;
  const asked = { git, platform: context.platform, configuration: configuration.get };
  const credentials = onlyLooking(openCredentials({ ...asked, aside: (_, work) => work() }));
  const door = { judge, credentials };
  for (const storage of survey.storages)
    yield await probe(storage, options.write, door, repository, context, operation);
}

async function probe(
  config: StorageConfig,
  wish: boolean,
  door: { readonly judge: Judge; readonly credentials: CredentialSource },
  { location, configuration }: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<Finding> {
  const versioned = isCloudVersioned(config);
  // An object under its name would be a stray file there.
  const write = wish && !versioned;
  const which = `storage remote '${printable(config.name)}' (${displayUrl(config.url)})`;
  const timeout = AbortSignal.timeout(patienceMs);
  const signal = AbortSignal.any([operation.signal, timeout]);
  // As in a push: what this clone has met before is not to be made anew, it is gone.
  const place = await placeOf(config, { ...context, configuration: configuration.get });
  const isNew = openLedger(join(location.commonDirectory, 'dvcexp'), place, Math.floor(Date.now() / 1000)).empty;
  const ask = async (createBase: boolean): Promise<void> => {
    const storage = await openStorage(config, {
      ...context,
      configuration: configuration.get,
      createBase,
      retry: { tries: 2 },
      start: programStarter(context.env),
      warn: (message) => context.stderr(`warning: ${message}\n`),
      ...door,
    });
    try {
      await storage.stat(nobodys, { signal });
      if (write) await storage.write(emptyObject, { size: 0, open: async function* () {} }, { signal });
    } finally {
      await storage.close();
    }
  };
  try {
    await ask(write && isNew);
    if (versioned)
      return ok(`${which} answers; it is cloud-versioned, so 'dvc push' writes there and git push does not`);
    if (write) return ok(`${which} answers and can be written: the object of the empty file is there now`);
    return ok(`${which} answers; whether it can be written: git dvcexp doctor --write`);
  } catch (thrown) {
    if (operation.signal.aborted) throw thrown;
    if (timeout.aborted) return error(`${which} does not answer within ${patienceMs / 1000} seconds`);
    const absent =
      makesItsBase.includes(config.scheme) &&
      !write &&
      isNew &&
      thrown instanceof HelperError &&
      thrown.code === 'unavailable';
    const made =
      absent &&
      (await ask(true).then(
        () => true,
        () => false,
      ));
    if (made) return warn(`${which} is not there yet; the first push makes it`, 'if it is a share, mount that first');
    return failed(thrown, `${which}: `);
  }
}
