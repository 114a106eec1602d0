import { openCache } from '../dvc/cache.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid, RefName } from '../model/git.ts';
import { type Key, parseKey } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { displayUrl } from '../report/printable.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import { type DataMoverContext, openSession, type Session } from './context.ts';
import type { DataMover, DownloadRequest, DownloadResult, UploadRequest } from './data-mover.ts';
import { downloadGroup } from './download.ts';
import { settleJournals } from './journal.ts';
import type { RunPlace } from './placed-output.ts';
import { identityOf, planFetch, planPush } from './plan.ts';
import { downloadRuns, uploadRuns } from './run-cache.ts';
import { chooseWants, type FetchReport, type FetchResult, reportFetch, type WantedCommit } from './selection.ts';
import { uploadGroup } from './upload.ts';
import { reportHomeless, reportUnrecorded } from './upload-refusals.ts';
import type { UploadTools } from './upload-tools.ts';

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
  const { context, voice } = session;
  const { settings } = context;
  const plan = await planPush(request.refs, request.advertised, session.repository, session.projects, settings);
  const failed = new Map<RefName, string>();
  for (const error of new Set(plan.problems.values())) voice.fail(error);
  for (const ref of plan.problems.keys()) failed.set(ref, 'dvc: the data it needs cannot be told');
  reportHomeless(plan.homeless, settings, voice, failed);
  reportUnrecorded(plan.unrecorded, settings, voice, failed);

  const all = new Set(request.refs.map(({ destination }) => destination));
  const nothingGoes = (): boolean => failed.size > 0 && (request.atomic || failed.size === all.size);
  const toolsFor = (place: { readonly storage: StorageConfig }): UploadTools => ({
    ...session.toolsFor(place, 'upload'),
    force: settings.forceUpload,
    allowMissing: settings.allowMissing,
    dryRun: request.dryRun,
    failed: new Set(failed.keys()),
    atomic: request.atomic,
  });
  for (const group of plan.groups.values()) {
    // Data of refs that do not move is nobody's.
    if (nothingGoes()) break;
    const result = await uploadGroup(group, toolsFor(group), operation);
    for (const [ref, reason] of result.failed) failed.set(ref, reason);
    if (result.objects > 0) {
      voice.say(
        `dvcexp: uploaded ${countOf(result.objects, 'object')}, ${formatBytes(result.bytes)}, to ${displayUrl(group.storage.url)}`,
      );
    }
  }
  if (settings.runCache && !nothingGoes()) {
    const going = request.refs.filter(({ destination }) => !failed.has(destination));
    const commits = await Promise.all(going.map(({ source }) => session.repository.resolve(source)));
    for (const place of await runPlaces(session, commits)) await uploadRuns(place, toolsFor(place), operation);
  }
  return failed;
}

/** The run caches of these commits' projects, each once. */
async function runPlaces(session: Session, commits: readonly (GitOid | undefined)[]): Promise<Iterable<RunPlace>> {
  const places = new Map<string, RunPlace>();
  for (const commit of new Set(commits)) {
    for (const place of commit === undefined ? [] : await session.projects.runPlaces(commit)) {
      const identity = identityOf(place.storage, place.cache);
      places.set(identity, { ...place, apart: [...(places.get(identity)?.apart ?? []), ...place.apart] });
    }
  }
  return places.values();
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
 * Brings the data of named commits into the cache, whatever Git has or has not to fetch: what a fetch left out, or
 * failed on. Answers `failed` when something is not here afterwards; already explained on stderr.
 *
 * @throws HelperError `usage` when a revision names no commit of this repository
 */
export async function fetchData(
  context: DataMoverContext,
  revisions: readonly string[],
  operation: Operation,
): Promise<DownloadResult> {
  const session = openSession(context, operation);
  try {
    await settleJournals(session.directory, checkObject);
    const wanted: WantedCommit[] = [];
    for (const revision of revisions) {
      const commit = await session.repository.resolve(revision);
      if (commit === undefined) {
        const hints = ['git fetch its ref first'];
        throw new HelperError('usage', `'${revision}' names no commit of this repository`, { hints });
      }
      wanted.push({ want: commit, commit, names: [revision as RefName] });
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
