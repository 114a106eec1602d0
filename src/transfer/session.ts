import { openCache } from '../dvc/cache.ts';
import { refuseStrangers, type Targets } from '../dvc/targets.ts';
import { HelperError } from '../model/error.ts';
import { isExperiment, type RefName } from '../model/git.ts';
import { type Key, parseKey } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { type DataMoverContext, openSession, type Session, type Way } from './context.ts';
import type { DataMover, DownloadRequest, DownloadResult, UploadRequest } from './data-mover.ts';
import { downloadGroup } from './download.ts';
import { noStorageFor, storageHint } from './homeless.ts';
import { settleJournals } from './journal.ts';
import { markLive } from './live.ts';
import { type Plan, planFetch, planPush } from './plan.ts';
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
  let unmark = (): void => {};
  const begin = async (operation: Operation): Promise<Session> => {
    if (session === undefined) {
      session = openSession(context, operation);
      unmark = markLive(session.directory);
      await settleJournals(session.directory, checkObject);
    }
    return session;
  };
  return {
    upload: async (request, operation) => upload(await begin(operation), request, operation),
    download: async (request, operation) => download(await begin(operation), request, operation),
    async close() {
      unmark();
      await session?.close();
    },
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
  return reportFetch(session, request, {
    ...choice,
    ...(await receive(session, choice.wanted, request.head, operation)),
  });
}

/** What will be checked out first, then branches and tags, then experiments, which anybody may have made. */
function byFamiliarity(wanted: readonly WantedCommit[], head: string | undefined): readonly WantedCommit[] {
  const rank = ({ names }: WantedCommit): number => {
    if (names.some((name) => name === 'HEAD' || name === head)) return 0;
    return names.some((name) => !isExperiment(name)) ? 1 : 2;
  };
  return [...wanted].sort((one, other) => rank(one) - rank(other));
}

async function receive(
  session: Session,
  wanted: readonly WantedCommit[],
  head: string | undefined,
  operation: Operation,
  targets?: Targets,
): Promise<Pick<FetchReport, 'problems' | 'results'> & Pick<Plan, 'homeless'>> {
  const plan = await planFetch(wanted, session.projects, targets);
  refuseStrangers(targets?.strangers() ?? [], namesOf(wanted));
  const results: FetchResult[] = [];
  const way: Way = { direction: 'fetch', commits: byFamiliarity(wanted, head).map(({ commit }) => commit) };
  for (const group of plan.groups.values()) {
    results.push({ group, ...(await downloadGroup(group, await session.toolsFor(group, way), operation)) });
  }
  if (session.context.settings.runCache && targets === undefined) {
    const places = await runPlaces(
      session,
      wanted.map(({ commit }) => commit),
    );
    for (const place of places) await downloadRuns(place, await session.toolsFor(place, way), operation);
  }
  return { problems: plan.problems, results, homeless: plan.homeless };
}

/**
 * Brings the data of commits into the cache, whatever Git has or has not to fetch: what a fetch left out, or failed on.
 * Each is called by its `name`. Answers `failed` when something is not here afterwards; already explained on stderr.
 *
 * @param targets what of it is meant; undefined: all, and the run cache where that is shared
 * @throws HelperError `usage` when a revision names no commit of this repository, or a target nothing in them
 */
export async function fetchData(
  context: DataMoverContext,
  revisions: readonly { readonly revision: string; readonly name: RefName }[],
  operation: Operation,
  targets?: Targets,
): Promise<FetchOutcome> {
  const session = openSession(context, operation);
  const unmark = markLive(session.directory);
  try {
    await settleJournals(session.directory, checkObject);
    const wanted: WantedCommit[] = [];
    for (const { revision, name } of revisions) {
      const commit = await session.repository.resolve(revision);
      if (commit === undefined) {
        const hints = ['git fetch its ref first', `if it is a path: git dvcexp fetch -- ${revision}`];
        throw new HelperError('usage', `'${revision}' names no commit of this repository`, { hints });
      }
      wanted.push({ want: commit, commit, names: [name] });
    }
    const received = await receive(session, wanted, undefined, operation, targets);
    const report = await reportFetch(session, undefined, { wanted, leftOut: [], ...received });
    // A listing that did not come cannot say what is in it.
    if (report.outcome === 'whole') refuseStrangers(targets?.unmet() ?? [], namesOf(wanted));
    const homeless = received.homeless.filter(({ optional }) => !optional);
    if (homeless.length === 0 || context.settings.onAbsent !== 'fail') return report;
    session.voice.fail(noStorageFor(homeless.map(({ path }) => path)), storageHint);
    return { ...report, outcome: 'failed' };
  } finally {
    unmark();
    await session.close();
  }
}

const namesOf = (wanted: readonly WantedCommit[]): string => wanted.flatMap(({ names }) => names).join(', ');

/** An object that was being placed when the machine went down. What did not survive is fetched again when it is wanted. */
async function checkObject(cacheDirectory: string, key: Key): Promise<void> {
  const object = parseKey(key);
  if (object !== undefined)
    await openCache(cacheDirectory, { shared: undefined, fsyncObjects: false }).removeDamaged(object);
}
