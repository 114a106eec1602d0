import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HelperError } from '../model/error.ts';
import { type GitOid, isExperiment, type RefName } from '../model/git.ts';
import { displayUrl } from '../report/printable.ts';
import { countOf, formatBytes } from '../report/progress.ts';
import type { Session } from './context.ts';
import type { DownloadRequest, DownloadResult } from './data-mover.ts';
import type { Downloaded } from './download.ts';
import { type Group, planFetch } from './plan.ts';
import { refsOf, type Wanted } from './wanted.ts';

/** A wanted commit with the names the Git remote gives it. */
export interface WantedCommit {
  /** What Git asked for: the commit itself or a tag that points at it. */
  readonly want: GitOid;
  readonly commit: GitOid;
  readonly names: readonly RefName[];
}

export interface Choice {
  readonly wanted: readonly WantedCommit[];
  readonly leftOut: readonly WantedCommit[];
}

/** Which of the fetched tips get their data now (docs/decisions, "How much a fetch downloads"). Objects other than commits have none. */
export async function chooseWants(session: Session, request: DownloadRequest): Promise<Choice> {
  const { fetchData } = session.context.settings;
  const chosen = { wanted: [] as WantedCommit[], leftOut: [] as WantedCommit[] };
  const tracked = request.cloning ? request.head : trackedRef(session);
  for (const { oid, names } of request.wants) {
    const commit = await session.repository.resolve(oid);
    if (commit === undefined) continue;
    const refs = names.filter((name) => name !== 'HEAD');
    const tip: WantedCommit = { want: oid, commit, names: (refs.length > 0 ? refs : [names[0] ?? oid]) as RefName[] };
    const now = fetchData === 'all' || (fetchData !== 'none' && isWantedNow(names, fetchData, tracked));
    (now ? chosen.wanted : chosen.leftOut).push(tip);
  }
  return chosen;
}

function isWantedNow(names: readonly string[], fetchData: 'auto' | 'exps', tracked: string | undefined): boolean {
  if (names.some(isExperiment)) return true;
  // A bare object ID was typed by somebody who wants just that.
  return fetchData === 'auto' && (names.length === 0 || (tracked !== undefined && names.includes(tracked)));
}

/** The Git remote's ref that the current branch tracks (git-config(1), branch.<name>.merge); undefined when there is none. */
function trackedRef({ location, context }: Session): string | undefined {
  try {
    const [, branch] =
      /^ref: refs\/heads\/(.+)$/m.exec(readFileSync(join(location.gitDirectory, 'HEAD'), 'utf8')) ?? [];
    if (branch === undefined || context.configuration(`branch.${branch}.remote`) !== context.remoteName)
      return undefined;
    return context.configuration(`branch.${branch}.merge`);
  } catch {
    return undefined;
  }
}

export interface FetchResult extends Downloaded {
  readonly group: Group;
}

/** Why the data of a ref is not here. */
export interface Shortfall {
  /** `absent`: storage answers, and has not got it. `broken`: another try may bring it. */
  readonly kind: 'absent' | 'broken';
  /** One short line. */
  readonly reason: string;
}

export interface FetchOutcome extends DownloadResult {
  /** Refs whose data is not all here, whatever the settings make of that. */
  readonly shortfalls: ReadonlyMap<RefName, Shortfall>;
}

export interface FetchReport extends Choice {
  readonly problems: ReadonlyMap<RefName, HelperError>;
  readonly results: readonly FetchResult[];
}

/**
 * Tells what came and what did not, and what that means for Git.
 *
 * @param request undefined when a person asked for data alone: then everything that is not here is a failure
 */
export async function reportFetch(
  session: Session,
  request: DownloadRequest | undefined,
  report: FetchReport,
): Promise<FetchOutcome> {
  const { voice, context } = session;
  for (const error of new Set(report.problems.values())) voice.warn(error.message, ...error.hints);
  for (const { group, objects, bytes } of report.results) {
    if (objects > 0)
      voice.say(
        `dvcexp: downloaded ${countOf(objects, 'object')}, ${formatBytes(bytes)}, from ${displayUrl(group.storage.url)}`,
      );
  }
  const absent = report.results.flatMap((result) => result.absent.map((wanted) => ({ wanted, result })));
  tellAbsent(absent, session);
  if (context.settings.fetchData !== 'none') await tellLeftOut(report.leftOut, session);

  // What trying again cannot mend does not keep a ref from moving, unless that was asked for.
  const hopeless = report.results.filter(({ breakage }) => breakage === 'unsupported');
  const hopelessRefs = new Set([...report.problems.keys(), ...brokenRefsOf(hopeless)]);
  const brokenRefs = brokenRefsOf(report.results.filter(({ breakage }) => breakage !== 'unsupported'));
  const policy = context.settings.onFetchError;
  const fatal = new Set<string>();
  for (const ref of [...brokenRefs, ...hopelessRefs]) {
    const byItself = brokenRefs.has(ref) && isExperiment(ref) && !(request?.cloning ?? false);
    if (request === undefined || policy === 'fail' || (policy === undefined && byItself)) fatal.add(ref);
  }
  const absentFails = absent.length > 0 && (request === undefined || context.settings.onAbsent === 'fail');
  tellBroken(session, request, report, { fatal, brokenRefs, hopelessRefs });
  const retry = report.wanted.filter(({ names }) => names.some((name) => fatal.has(name))).map(({ want }) => want);
  const shortfalls = shortfallsOf(absent, new Set([...brokenRefs, ...hopelessRefs]));
  return { outcome: fatal.size > 0 || absentFails ? 'failed' : 'whole', retry, shortfalls };
}

function shortfallsOf(
  absent: readonly { readonly wanted: Wanted }[],
  broken: ReadonlySet<RefName>,
): ReadonlyMap<RefName, Shortfall> {
  const counts = new Map<RefName, number>();
  for (const { wanted } of absent) for (const ref of refsOf(wanted)) counts.set(ref, (counts.get(ref) ?? 0) + 1);
  return new Map<RefName, Shortfall>([
    ...[...counts].map(
      ([ref, count]) => [ref, { kind: 'absent', reason: `storage has not got ${countOf(count, 'object')}` }] as const,
    ),
    ...[...broken].map((ref) => [ref, { kind: 'broken', reason: 'its data did not come' }] as const),
  ]);
}

interface Verdict {
  /** Refs that do not move. */
  readonly fatal: ReadonlySet<string>;
  readonly brokenRefs: ReadonlySet<RefName>;
  readonly hopelessRefs: ReadonlySet<RefName>;
}

function tellBroken(
  session: Session,
  request: DownloadRequest | undefined,
  { results }: FetchReport,
  { fatal, brokenRefs, hopelessRefs }: Verdict,
): void {
  const { voice } = session;
  const without = [...new Set([...brokenRefs, ...hopelessRefs])];
  const later = `bring it later with: ${fetchCommand([...brokenRefs], session)}`;
  const refusals = results.flatMap(({ refusal }) => refusal ?? []);
  const [refusal] = refusals;
  const nothingElse = results.every(({ broken, refusal }) => broken.length === 0 || refusal !== undefined);
  if (refusal !== undefined && fatal.size === 0 && nothingElse) {
    // Whoever has no access to storage, and wants the code, is told so in one line.
    const allow = refusal.code === 'trust' ? refusal.hints : [];
    voice.warn(`data of ${namesOf(without)} is not here: ${refusal.message}; ${later}`, ...allow);
    return;
  }
  for (const error of refusals) voice.fail(error);
  if (fatal.size > 0) {
    const again = results.some(({ breakage }) => breakage === 'passing');
    voice.fail(
      `data of ${namesOf([...fatal])} is not here${request === undefined ? '' : ', so no ref was moved'}`,
      ...(again ? ['run the same command again: it goes on where it stopped'] : []),
      ...(request === undefined
        ? []
        : ['to get the refs without their data: git -c dvcexp.onFetchError=warn fetch ...']),
    );
  } else if (without.length > 0) {
    voice.warn(`data of ${namesOf(without)} is not here; the refs are`, ...(brokenRefs.size > 0 ? [later] : []));
  }
}

/** What to type to get the data of these refs of the Git remote, named as this repository names them. */
function fetchCommand(refs: readonly string[], { context }: Session): string {
  const names = refs
    .slice(0, 3)
    .map((ref) => (ref.startsWith('refs/heads/') ? `${context.remoteName}/${ref.slice('refs/heads/'.length)}` : ref));
  return `git dvcexp fetch ${names.join(' ')}${refs.length > 3 ? ' ...' : ''}`;
}

function brokenRefsOf(results: readonly FetchResult[]): Set<RefName> {
  return new Set(results.flatMap(({ broken }) => broken.flatMap((wanted) => [...refsOf(wanted)])));
}

function refsOfAll(wanted: Wanted): RefName[] {
  return wanted.edges.flatMap(({ refs }) => refs);
}

function tellAbsent(
  absent: readonly { readonly wanted: Wanted; readonly result: FetchResult }[],
  { voice, context }: Session,
): void {
  const [first] = absent;
  if (first === undefined) return;
  const url = displayUrl(first.result.group.storage.url);
  const refs = [...new Set(absent.flatMap(({ wanted }) => refsOfAll(wanted)))];
  const message = `${url} has not got ${countOf(absent.length, 'object')} of ${namesOf(refs)}: somebody pushed without data`;
  if (context.settings.onAbsent === 'fail') voice.fail(message);
  else voice.warn(message);
  if (context.verbosity > 0) voice.list(absent.slice(0, 10).map(({ wanted, result }) => result.describe(wanted)));
  if (absent.length > 10 && context.verbosity > 0) voice.list([`... and ${absent.length - 10} more`]);
}

/** One line when a fetch left data where it is. Costs no storage: what the cache lacks is what was left. */
async function tellLeftOut(leftOut: readonly WantedCommit[], session: Session): Promise<void> {
  const plan = await planFetch(leftOut, session.projects);
  const refs = new Set<RefName>();
  for (const { needs, cache } of plan.groups.values()) {
    for (const { object, edges } of needs.values()) {
      if (cache?.size(object) !== undefined) continue;
      for (const edge of edges) if (!edge.optional) for (const ref of edge.refs) refs.add(ref);
    }
  }
  if (refs.size === 0) return;
  session.voice.say(
    `dvcexp: data of ${namesOf([...refs])} was left in storage; bring it with: ${fetchCommand([...refs], session)}`,
  );
}

/** `'main'`, `'a' and 'b'`, `'a', 'b' and 3 more`: short names, as people type them. */
function namesOf(refs: readonly string[]): string {
  const short = refs.map(
    (ref) =>
      `'${isExperiment(ref) ? (ref.split('/').at(-1) ?? ref) : ref.replace(/^refs\/(?:heads|tags|remotes)\//, '')}'`,
  );
  if (short.length <= 1) return short[0] ?? 'a ref';
  if (short.length <= 3) return `${short.slice(0, -1).join(', ')} and ${short.at(-1)}`;
  return `${short.slice(0, 2).join(', ')} and ${short.length - 2} more`;
}
