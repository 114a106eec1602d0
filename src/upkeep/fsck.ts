import type { Cache } from '../dvc/cache.ts';
import { openHashPool } from '../dvc/hash-pool.ts';
import { type DvcObject, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { type DataMoverContext, openSession, type Session, type Way } from '../transfer/context.ts';
import { markLive } from '../transfer/live.ts';
import { type CheckTools, checkWholeCache } from './check-cache.ts';
import { type CheckedShare, checkShare } from './check-share.ts';
import { everyCommit, type GitOptions } from './commits.ts';
import type { Checked, Fault, FsckReport } from './fault.ts';
import { headOf } from './keep.ts';
import { type Located, locate } from './locate.ts';
import { type NamedCommit, type Needs, needsOf } from './needs.ts';
import { cachesOf, defaultStorages, projectsHere } from './projects-here.ts';
import { guardObjects, type Repair, repairAll } from './repair.ts';
import type { Sample } from './sample.ts';

export interface FsckRequest {
  /** Whose objects are checked; undefined: all that the caches of this repository have. */
  readonly commits: readonly NamedCommit[] | undefined;
  /** Also what these commits need in storage. Goes with `commits`. */
  readonly storage: boolean;
  readonly sample: Sample;
  readonly repair: boolean;
}

/** A fault with what can be asked for right bytes. */
type Found = Omit<Repair, 'fault'> & { readonly fault: Fault };

interface Findings {
  readonly caches: readonly Checked[];
  readonly storages: readonly Checked[];
  readonly found: readonly Found[];
  readonly leftovers: FsckReport['leftovers'];
  readonly writable: readonly { readonly cache: Cache; readonly objects: readonly DvcObject[] }[];
  readonly problems: readonly string[];
}

/**
 * Checks objects against their names, and with `repair` puts right bytes in the place of wrong and lost ones. Changes
 * nothing else, but that this clone forgets what it saw in a storage remote that has lost something.
 */
export async function fsck(
  context: DataMoverContext,
  git: GitOptions,
  request: FsckRequest,
  operation: Operation,
): Promise<FsckReport> {
  const session = openSession(context, operation);
  const pool = openHashPool();
  const unmark = request.repair ? markLive(session.directory) : () => {};
  const stop = (): void => void pool.close();
  operation.signal.addEventListener('abort', stop, { once: true });
  const tools: CheckTools = { pool, sample: request.sample, voice: session.voice };
  try {
    const { commits } = request;
    const findings =
      commits === undefined
        ? await checkCaches(session, git, tools, operation)
        : await checkCommits(commits, request, session, tools, operation);
    const { caches, storages, leftovers } = findings;
    const problems = [...new Set(findings.problems)];
    const faults = request.repair
      ? await repair(findings.found, commits, context, session, operation)
      : findings.found.map(({ fault }) => fault);
    let writable = 0;
    for (const { cache, objects } of findings.writable) {
      writable += request.repair ? guardObjects(objects, cache) : objects.length;
    }
    return { caches, storages, faults: [...faults].sort(inOrder), leftovers, writable, problems };
  } finally {
    operation.signal.removeEventListener('abort', stop);
    unmark();
    await pool.close();
    await session.close();
  }
}

/** By side, path and name, so that the same state gives the same answer. */
function inOrder(one: Fault, other: Fault): number {
  const text = ({ side, path = '\uffff', key }: Fault): string => `${side} ${path} ${key}`;
  return text(one) < text(other) ? -1 : 1;
}

async function checkCaches(
  session: Session,
  git: GitOptions,
  tools: CheckTools,
  operation: Operation,
): Promise<Findings> {
  const projects = await projectsHere(session, git);
  const checked = [];
  for (const cache of cachesOf(projects)) checked.push({ cache, ...(await checkWholeCache(cache, tools, operation)) });
  const keys = checked.flatMap(({ faults }) => faults.map(({ object, within }) => keyOf(within?.listing ?? object)));
  const located = keys.length === 0 ? new Map<Key, Located>() : locate(keys, (await needsOfAll(session, git)).shares);
  const defaults = defaultStorages(projects, session.context.settings.remote);
  const found = checked.flatMap(({ cache, faults }) =>
    faults.map(({ object, within, kind, bytes, reason }): Found => {
      const place = located.get(keyOf(within?.listing ?? object));
      const path =
        place === undefined ? undefined : [place.path, ...(within === undefined ? [] : [within.relpath])].join('/');
      const commit = place?.need.commit;
      const own = place?.share.storage;
      return {
        fault: {
          ...emptyFault,
          side: 'cache',
          kind,
          object,
          key: keyOf(object),
          reason,
          place: printable(cache.directory),
          path,
          commit,
          bytes,
        },
        cache,
        located: place,
        storages: own === undefined ? defaults : [own],
      };
    }),
  );
  return {
    caches: checked.map(({ place, objects, hashed, bytes, vouched, elsewhere }) => ({
      place: printable(place),
      objects,
      hashed,
      bytes,
      vouched,
      elsewhere,
    })),
    storages: [],
    found: distinct(found),
    leftovers: checked.reduce(
      (sum, { leftovers: { files, bytes } }) => ({ files: sum.files + files, bytes: sum.bytes + bytes }),
      { files: 0, bytes: 0 },
    ),
    writable: checked.map(({ cache, writable }) => ({ cache, objects: writable })),
    problems: [],
  };
}

const emptyFault = { repaired: false, obstacle: undefined } as const;

/** For names: of all that any ref leads to, newest first. What cannot be read names nothing. */
async function needsOfAll(session: Session, git: GitOptions): Promise<Needs> {
  const commits = await everyCommit(git);
  return needsOf(
    commits.map((id) => ({ id, name: id.slice(0, 7) })),
    session,
  );
}

async function checkCommits(
  commits: readonly NamedCommit[],
  request: Pick<FsckRequest, 'storage' | 'repair'>,
  session: Session,
  tools: CheckTools,
  operation: Operation,
): Promise<Findings> {
  const { shares, problems } = await needsOf(commits, session);
  const way: Way = { direction: 'fetch', commits: commits.map(({ id }) => id) };
  const checked: CheckedShare[] = [];
  for (const share of shares) {
    const config = share.storage;
    const source = config === undefined ? undefined : await session.toolsFor({ storage: config }, way);
    const result = await checkShare(share, request, source, tools, operation);
    if (result.faults.some(({ side }) => side === 'storage')) source?.ledger.forget();
    checked.push(result);
  }
  const found = checked.flatMap((each) => foundIn(each));
  return {
    caches: checked.flatMap(({ cache }) => (cache === undefined ? [] : [{ ...cache, place: printable(cache.place) }])),
    storages: checked.flatMap((each) => each.storage ?? []),
    found: distinct(found),
    leftovers: { files: 0, bytes: 0 },
    writable: checked.flatMap(({ share: { cache }, writable }) =>
      cache === undefined ? [] : [{ cache, objects: writable }],
    ),
    problems: [
      ...problems.map(({ commit, message }) => `${commit.name}: ${message}`),
      ...checked.flatMap((each) => each.problems),
    ],
  };
}

function foundIn({ share, listings, faults }: CheckedShare): readonly Found[] {
  const located = locate(
    faults.map(({ object }) => keyOf(object)),
    [share],
    () => listings,
  );
  const { cache, storage } = share;
  return faults.map(({ side, kind, object, bytes, reason }) => {
    const place = located.get(keyOf(object));
    const where = side === 'cache' ? printable(cache?.directory ?? '') : displayUrl(storage?.url ?? '');
    const { path, need } = place ?? {};
    return {
      fault: {
        ...emptyFault,
        side,
        kind,
        object,
        key: keyOf(object),
        reason,
        place: where,
        path,
        commit: need?.commit,
        bytes,
      },
      cache,
      located: place,
      storages: storage === undefined ? [] : [storage],
    };
  });
}

/** One object may be found faulty several times: by several listings, or under several configurations. */
function distinct(found: readonly Found[]): readonly Found[] {
  return [
    ...new Map(found.map((each) => [`${each.fault.side}\0${each.fault.place}\0${each.fault.key}`, each])).values(),
  ];
}

async function repair(
  found: readonly Found[],
  named: readonly NamedCommit[] | undefined,
  context: DataMoverContext,
  session: Session,
  operation: Operation,
): Promise<readonly Fault[]> {
  if (found.length === 0) return [];
  const commits = named?.map(({ id }) => id) ?? (await headOf(session));
  if (!found.some(({ fault }) => fault.side === 'storage')) {
    return repairAll(found, session, { direction: 'fetch', commits }, operation);
  }
  // What may be written to is judged anew.
  const writing = openSession(context, operation);
  try {
    return await repairAll(found, writing, { direction: 'push', commits }, operation);
  } finally {
    await writing.close();
  }
}
