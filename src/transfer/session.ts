import { openCache } from '../dvc/cache.ts';
import { HelperError } from '../model/error.ts';
import type { RefName } from '../model/git.ts';
import { type Key, parseKey } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { type DataMoverContext, openSession, type Session } from './context.ts';
import type { DataMover, DownloadRequest, DownloadResult, UploadRequest } from './data-mover.ts';
import { downloadGroup } from './download.ts';
import { settleJournals } from './journal.ts';
import { planFetch, planPush } from './plan.ts';
import { downloadRuns } from './run-cache.ts';
import {
  chooseWants,
  type FetchOutcome,
  type FetchReport,
  type FetchResult,
  reportFetch,
  type WantedCommit,
} from './selection.ts';
import { runPlaces, uploadPlan } from './upload-plan.ts';

/** Opens the data side. Starts nothing before it is asked to move something. */
export async function openDataMover(context: DataMoverContext): Promise<DataMover> {
  let session: Session | undefined;
  const begin = async (operation: Operation): Promise<Session> => {
    if (session === undefined) {
      session = openSession(context, operation);
      await settleJournals(session.directory, checkObject);
    }
    return session;
  };
  return {
    upload: async (request, operation) => upload(await begin(operation), request, operation),
    download: async (request, operation) => download(await begin(operation), request, operation),
    close: async () => session?.close(),
  };
}

async function upload(
  session: Session,
  request: UploadRequest,
  operation: Operation,
): Promise<ReadonlyMap<RefName, string>> {
  const { refs, advertised } = request;
  const plan = await planPush(refs, advertised, session.repository, session.projects, session.context.settings);
  const tips = refs.map(({ source, destination }) => ({ ref: destination, source }));
  return await uploadPlan(session, plan, { ...request, tips }, operation);
}

async function download(session: Session, request: DownloadRequest, operation: Operation): Promise<DownloadResult> {
  const choice = await chooseWants(session, request);
  return reportFetch(session, request, { ...choice, ...(await receive(session, choice.wanted, operation)) });
}

async function receive(
  session: Session,
  wanted: readonly WantedCommit[],
  operation: Operation,
): Promise<Pick<FetchReport, 'problems' | 'results'>> {
  const plan = await planFetch(wanted, session.projects);
  const results: FetchResult[] = [];
  for (const group of plan.groups.values()) {
    results.push({ group, ...(await downloadGroup(group, session.toolsFor(group, 'download'), operation)) });
  }
  if (session.context.settings.runCache) {
    const places = await runPlaces(
      session,
      wanted.map(({ commit }) => commit),
    );
    for (const place of places) await downloadRuns(place, session.toolsFor(place, 'download'), operation);
  }
  return { problems: plan.problems, results };
}

/**
 * Brings the data of commits into the cache, whatever Git has or has not to fetch: what a fetch left out, or failed on.
 * Each is called by its `name`. Answers `failed` when something is not here afterwards; already explained on stderr.
 *
 * @throws HelperError `usage` when a revision names no commit of this repository
 */
export async function fetchData(
  context: DataMoverContext,
  revisions: readonly { readonly revision: string; readonly name: RefName }[],
  operation: Operation,
): Promise<FetchOutcome> {
  const session = openSession(context, operation);
  try {
    await settleJournals(session.directory, checkObject);
    const wanted: WantedCommit[] = [];
    for (const { revision, name } of revisions) {
      const commit = await session.repository.resolve(revision);
      if (commit === undefined) {
        const hints = ['git fetch its ref first'];
        throw new HelperError('usage', `'${revision}' names no commit of this repository`, { hints });
      }
      wanted.push({ want: commit, commit, names: [name] });
    }
    return await reportFetch(session, undefined, {
      wanted,
      leftOut: [],
      ...(await receive(session, wanted, operation)),
    });
  } finally {
    await session.close();
  }
}

/** An object that was being placed when the machine went down. What did not survive is fetched again when it is wanted. */
async function checkObject(cacheDirectory: string, key: Key): Promise<void> {
  const object = parseKey(key);
  if (object !== undefined)
    await openCache(cacheDirectory, { shared: undefined, fsyncObjects: false }).removeDamaged(object);
}
