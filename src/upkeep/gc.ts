import { realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import type { Key } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import { type DataMoverContext, openSession, type Session, type Way } from '../transfer/context.ts';
import { markLive } from '../transfer/live.ts';
import { placeOf } from '../transfer/storage-place.ts';
import type { GitOptions } from './commits.ts';
import { fingerprint, headOf, keepOf } from './keep.ts';
import { cachesOf, type ProjectHere, projectsHere, storagesNamed } from './projects-here.ts';
import { requireQuiet } from './quiet.ts';
import { rootsOf, worktreesOf } from './roots.ts';
import { type Amount, rank, type Stocktaking, takeStock } from './stocktaking.ts';
import { cacheTarget, type Item, requireSwept, storageTarget, type Target } from './sweep.ts';

/** A repository whose needs count. */
export interface GcSource {
  readonly context: DataMoverContext;
  readonly git: GitOptions;
}

export interface GcRequest {
  /** Name of the storage remote; undefined: the caches. */
  readonly storage: string | undefined;
  readonly tipsOnly: boolean;
  readonly except: readonly GitOid[];
  readonly fetch: boolean;
  /** What came there after this stays. Milliseconds since 1970. */
  readonly before: number;
  readonly runCache: boolean;
  /** The user says that no other repository uses the cache. */
  readonly unshared: boolean;
  /** Else nothing is removed. */
  readonly yes: boolean;
}

export interface GcPlace {
  readonly place: string;
  readonly kept: Amount;
  readonly young: Amount;
  readonly unneeded: Amount;
  /** Undefined: nothing was to be removed. */
  readonly removed: Amount | undefined;
  /** Of what is not needed, biggest first. */
  readonly biggest: readonly Item[];
}

export interface GcReport {
  readonly commits: number;
  readonly places: readonly GcPlace[];
}

const mostShown = 10;

/**
 * Finds what nobody needs, here or in a storage remote, and removes it if told to. The first source is the repository whose
 * caches or storage remote are meant; what any of them needs stays. Throws before anything is removed when not all that
 * is needed is known, when data is being moved, and where nothing can be removed.
 */
export async function gc(
  sources: readonly [GcSource, ...GcSource[]],
  request: GcRequest,
  operation: Operation,
): Promise<GcReport> {
  const sessions = sources.map(({ context }) => openSession(context, operation));
  const [own] = sessions;
  const [{ context, git }] = sources;
  if (own === undefined) throw new HelperError('usage', 'there is no repository');
  const sweeping = openSession(context, operation);
  const unmark = request.yes ? markLive(own.directory) : () => {};
  const all = sources.map(({ git: each, context: { stderr } }, at) => ({
    git: each,
    stderr,
    session: sessions[at] ?? own,
  }));
  const targets: Target[] = [];
  try {
    const projects = await projectsHere(own, git);
    const storages = request.storage === undefined ? [] : await distinct(storagesNamed(request.storage, projects), own);
    storages.forEach(requireSwept);
    const caches = request.storage === undefined ? cachesOf(projects) : [];
    if (caches.length === 0 && storages.length === 0) throw noCache();
    if (!request.unshared && sources.length === 1) await refuseShared(caches, own, git);
    const quiet = (): Promise<void> => requireAllQuiet(all, caches, own, projects);
    if (request.yes) await quiet();
    let known = await needsOfAll(all, request, operation);
    for (const cache of caches) targets.push(cacheTarget(cache));
    for (const storage of storages) targets.push(await openTarget(storage, own, sweeping));
    let stock = await stockOfAll(targets, known.needed, request, operation);
    if (request.yes) {
      // Somebody may have pushed or committed while all this was read.
      const again = await fingerprintOfAll(all, request);
      if (again !== known.print) {
        known = await needsOfAll(all, request, operation);
        stock = await stockOfAll(targets, known.needed, request, operation);
        if ((await fingerprintOfAll(all, request)) !== known.print) throw restless();
      }
      await quiet();
    }
    const places: GcPlace[] = [];
    for (const [at, target] of targets.entries()) {
      const found = stock[at];
      if (found === undefined) continue;
      const removed = request.yes ? await remove(found.doomed, target, storages, sessions, operation) : undefined;
      places.push(placeOfStock(target, found, removed));
    }
    if (request.yes) for (const cache of caches) cache.removeStaleTemporaries();
    return { commits: known.roots.length, places };
  } finally {
    unmark();
    for (const target of targets) await target.close();
    for (const session of [...sessions, sweeping]) await session.close();
  }
}

interface Known {
  readonly needed: ReadonlySet<Key>;
  readonly roots: readonly GitOid[];
  readonly print: string;
}

interface Repository {
  readonly git: GitOptions;
  readonly session: Session;
  readonly stderr: (text: string) => void;
}

async function needsOfAll(all: readonly Repository[], request: GcRequest, operation: Operation): Promise<Known> {
  const needed = new Set<Key>();
  const roots: GitOid[] = [];
  const prints: string[] = [];
  for (const { git, session, stderr } of all) {
    const found = await rootsOf(git, request, stderr);
    prints.push(await fingerprint(found, session, git));
    const { keys } = await keepOf(found, session, git, operation);
    for (const key of keys) needed.add(key);
    for (const commit of found.commits) roots.push(commit);
  }
  return { needed, roots, print: prints.join() };
}

async function fingerprintOfAll(all: readonly Repository[], request: GcRequest): Promise<string> {
  const prints: string[] = [];
  for (const { git, session, stderr } of all) {
    prints.push(await fingerprint(await rootsOf(git, request, stderr), session, git));
  }
  return prints.join();
}

const restless = (): HelperError =>
  new HelperError('unavailable', 'refs or metafiles change all the time, so nothing is removed', {
    hints: ['try again when nobody commits or pushes'],
  });

const noCache = (): HelperError =>
  new HelperError('unsupported', 'there is no DVC cache in a bare repository', {
    hints: ["'--storage <name>' is about a storage remote"],
  });

/** A cache that lies outside of the repository may be others' too, and what they need is not known. */
async function refuseShared(caches: readonly Cache[], { location }: Session, git: GitOptions): Promise<void> {
  const own = [location.commonDirectory, ...(await worktreesOf(git, location.workTree))].map(real);
  for (const { directory } of caches) {
    const cache = real(directory);
    if (own.some((path) => cache.startsWith(path + sep))) continue;
    throw new HelperError(
      'config',
      `the cache '${printable(directory)}' lies outside of this repository, so others may use it`,
      {
        hints: ['name every other repository that does: -p <repository> ...', 'or say that there is none: --unshared'],
      },
    );
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

async function requireAllQuiet(
  all: readonly Repository[],
  caches: readonly Cache[],
  own: Session,
  here: readonly ProjectHere[],
): Promise<void> {
  const projects: string[] = [];
  for (const { git, session } of all) {
    const roots = session === own ? here : await projectsHere(session, git);
    for (const top of await worktreesOf(git, session.location.workTree)) {
      for (const { root } of roots) projects.push(join(top, root));
    }
  }
  await requireQuiet(
    all.map(({ session }) => session.directory),
    projects,
    caches,
  );
}

async function openTarget(config: StorageConfig, own: Session, sweeping: Session): Promise<Target> {
  const commits = await headOf(own);
  const reading: Way = { direction: 'fetch', commits };
  const tools = await own.toolsFor({ storage: config }, reading);
  const storage = await tools.open();
  if (!storage.canList) throw new HelperError('unsupported', `${storage.displayUrl} cannot list what it has`);
  return storageTarget(config, storage, { session: sweeping, way: { direction: 'push', commits } });
}

/** One of each place. What cannot be placed stays: opening it will say why. */
async function distinct(storages: readonly StorageConfig[], own: Session): Promise<readonly StorageConfig[]> {
  const placed = new Map<unknown, StorageConfig>();
  for (const each of storages) placed.set((await placeOf(each, own.context))?.name ?? each, each);
  return [...placed.values()];
}

async function stockOfAll(
  targets: readonly Target[],
  needed: ReadonlySet<Key>,
  { before, runCache }: GcRequest,
  operation: Operation,
): Promise<readonly Stocktaking[]> {
  const stock: Stocktaking[] = [];
  for (const target of targets) stock.push(await takeStock(target, { needed, before, sweepRuns: runCache }, operation));
  return stock;
}

/** Entries of the run cache, then listings, then files, each all before the next. The first failure ends it. */
async function remove(
  doomed: readonly Item[],
  target: Target,
  storages: readonly StorageConfig[],
  sessions: readonly Session[],
  operation: Operation,
): Promise<Amount> {
  const removed = { objects: 0, bytes: 0 };
  const [own] = sessions;
  if (own === undefined || doomed.length === 0) return removed;
  // Before anything goes: a push must not take for there what has gone.
  for (const session of sessions) {
    for (const storage of storages) {
      const tools = await session.toolsFor({ storage }, { direction: 'fetch', commits: [] });
      tools.ledger.forget();
    }
  }
  const meter = own.voice.meter('Removing', { objects: doomed.length, bytes: undefined, still: true });
  let whole = false;
  try {
    for (const turn of [0, 1, 2]) {
      await forEachConcurrent(
        doomed.filter((item) => rank(item) === turn),
        fixedLimit(target.concurrency),
        async (item, inner) => {
          if (await target.remove(item, inner)) {
            removed.objects += 1;
            removed.bytes += item.size;
          }
          meter.object();
        },
        operation,
      );
    }
    whole = true;
  } finally {
    meter.finish(whole);
    if (!whole) own.voice.say(`dvcexp: removed ${removed.objects} of ${doomed.length}; the same command again goes on`);
  }
  return removed;
}

function placeOfStock({ place }: Target, { kept, young, doomed }: Stocktaking, removed: Amount | undefined): GcPlace {
  const bytes = doomed.reduce((sum, { size }) => sum + size, 0);
  const biggest = [...doomed].sort((one, other) => other.size - one.size).slice(0, mostShown);
  return { place, kept, young, unneeded: { objects: doomed.length, bytes }, removed, biggest };
}
