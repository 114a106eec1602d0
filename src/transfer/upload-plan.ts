import type { GitOid, RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { displayUrl } from '../report/printable.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { Session, Way } from './context.ts';
import type { UploadRequest } from './data-mover.ts';
import type { RunPlace } from './placed-output.ts';
import { identityOf, type Plan } from './plan.ts';
import { uploadRuns } from './run-cache.ts';
import { uploadGroup } from './upload.ts';
import { reportHomeless, reportUnrecorded } from './upload-refusals.ts';
import type { UploadTools } from './upload-tools.ts';

/** What a plan is carried out for. */
export interface PlannedUpload extends Pick<UploadRequest, 'dryRun' | 'atomic'> {
  /** Every ref, and its commit as a revision. */
  readonly tips: readonly { readonly ref: RefName; readonly source: string }[];
}

/** Brings what is planned to storage. Answers the refs whose data is not there, with a short reason each; already explained on stderr. */
export async function uploadPlan(
  session: Session,
  plan: Plan,
  request: PlannedUpload,
  operation: Operation,
): Promise<ReadonlyMap<RefName, string>> {
  const { context, voice } = session;
  const { settings } = context;
  const failed = new Map<RefName, string>();
  for (const error of new Set(plan.problems.values())) voice.fail(error);
  for (const ref of plan.problems.keys()) failed.set(ref, 'dvc: the data it needs cannot be told');
  reportHomeless(plan.homeless, settings, voice, failed);
  reportUnrecorded(plan.unrecorded, settings, voice, failed);

  const all = new Set(request.tips.map(({ ref }) => ref));
  const nothingGoes = (): boolean => failed.size > 0 && (request.atomic || failed.size === all.size);
  const way = await pushWay(session, request.tips);
  const toolsFor = async (place: { readonly storage: StorageConfig }): Promise<UploadTools> => ({
    ...(await session.toolsFor(place, way)),
    force: settings.forceUpload,
    allowMissing: settings.allowMissing,
    dryRun: request.dryRun,
    failed: new Set(failed.keys()),
    atomic: request.atomic,
  });
  for (const group of plan.groups.values()) {
    // Data of refs that do not move is nobody's.
    if (nothingGoes()) break;
    const result = await uploadGroup(group, await toolsFor(group), operation);
    for (const [ref, reason] of result.failed) failed.set(ref, reason);
    if (result.objects > 0) {
      voice.say(
        `dvcexp: uploaded ${countOf(result.objects, 'object')}, ${formatBytes(result.bytes)}, to ${displayUrl(group.storage.url)}`,
      );
    }
  }
  if (settings.runCache && !nothingGoes()) {
    const going = request.tips.filter(({ ref }) => !failed.has(ref));
    const commits = await Promise.all(going.map(({ source }) => session.repository.resolve(source)));
    for (const place of await runPlaces(session, commits)) await uploadRuns(place, await toolsFor(place), operation);
  }
  return failed;
}

/** The way of a push: what it is about are its tips. */
export async function pushWay(
  { repository }: Pick<Session, 'repository'>,
  tips: readonly { readonly source: string }[],
): Promise<Way> {
  const commits = await Promise.all(tips.map(({ source }) => repository.resolve(source)));
  return { direction: 'push', commits: commits.filter((commit) => commit !== undefined) };
}

/** The run caches of these commits' projects, each once. */
export async function runPlaces(
  session: Session,
  commits: readonly (GitOid | undefined)[],
): Promise<Iterable<RunPlace>> {
  const places = new Map<string, RunPlace>();
  for (const commit of new Set(commits)) {
    for (const place of commit === undefined ? [] : await session.projects.runPlaces(commit)) {
      const identity = identityOf(place.storage, place.cache);
      places.set(identity, { ...place, apart: [...(places.get(identity)?.apart ?? []), ...place.apart] });
    }
  }
  return places.values();
}
