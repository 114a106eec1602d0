import { createHash } from 'node:crypto';
import type { Cache } from '../dvc/cache.ts';
import { createCollector } from '../dvc/collector.ts';
import { parseListingIds } from '../dvc/listing.ts';
import type { Output, Project } from '../dvc/outputs.ts';
import { openIndexReader } from '../git/index-reader.ts';
import { runGit } from '../git/process.ts';
import { HelperError, isAbort } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import { type DvcObject, isListing, type Key, keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { isCloudVersioned, type StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { fixedLimit, forEachConcurrent } from '../transfer/concurrent.ts';
import type { Session } from '../transfer/context.ts';
import { concernsOneObject } from '../transfer/missing.ts';
import { identityOf } from '../transfer/plan.ts';
import { toldListing } from '../transfer/versions.ts';
import { cachedListing, readListing } from '../transfer/wanted.ts';
import type { GitOptions } from './commits.ts';
import { projectsIn } from './projects-here.ts';
import { type Roots, worktreesOf } from './roots.ts';

/** The objects that a repository needs, whatever cache or storage remote they belong to. */
export interface Keep {
  readonly keys: Set<Key>;
  readonly commits: number;
}

/** A listing whose files are needed. */
interface WantedListing {
  readonly object: DvcObject;
  readonly path: string;
  readonly where: string;
  optional: boolean;
  told: (() => Uint8Array | undefined) | undefined;
  readonly caches: Set<Cache>;
  readonly storages: Map<string, StorageConfig>;
}

interface Draft extends Keep {
  readonly listings: Map<Key, WantedListing>;
}

/**
 * Everything that the commits, and the index and files of every worktree, need. Throws `corrupt` or `missing` as soon as something
 * cannot be told: a metafile that is not understood, an object of Git's that is not here, a listing that is nowhere.
 */
export async function keepOf(roots: Roots, session: Session, git: GitOptions, operation: Operation): Promise<Keep> {
  const draft: Draft = { keys: new Set(), listings: new Map(), commits: roots.commits.length };
  const meter = session.voice.meter('Reading commits', {
    objects: roots.commits.length,
    bytes: undefined,
    still: true,
  });
  let whole = false;
  try {
    for (const commit of roots.commits) {
      operation.signal.throwIfAborted();
      await addCommit(commit, draft, session);
      meter.object();
    }
    whole = true;
  } finally {
    meter.finish(whole);
  }
  for (const path of await worktreesOf(git, session.location.workTree)) await addWorktree(path, draft, session, git);
  await addFiles(draft, session, await headOf(session), operation);
  return draft;
}

/**
 * Whose storage remotes count as known where this clone has met none: what is checked out. Somewhere in a history any place
 * may be named.
 */
export async function headOf({ repository }: Session): Promise<readonly GitOid[]> {
  const head = await repository.resolve('HEAD');
  return head === undefined ? [] : [head];
}

async function addCommit(commit: GitOid, draft: Draft, { projects }: Session): Promise<void> {
  const where = `commit ${commit.slice(0, 7)}`;
  try {
    const { outputs, problems } = await projects.of(commit);
    refuseProblem(problems, where, commit);
    for (const { output, place, cache } of outputs) {
      const storage = place instanceof HelperError || place === undefined ? undefined : place.storage;
      addOutput(output, draft, where, cache, storage);
    }
  } catch (error) {
    if (!(error instanceof HelperError) || isAbort(error) || error instanceof UnknownNeeds) throw error;
    throw new UnknownNeeds(`${where}: ${error.message}`, error.hints);
  }
}

/** Something that is needed is not known, so nothing may be removed. */
class UnknownNeeds extends HelperError {
  constructor(message: string, hints: readonly string[]) {
    super('corrupt', `what is needed cannot be told, so nothing is removed: ${message}`, { hints });
  }
}

function refuseProblem(problems: Project['problems'], where: string, commit?: GitOid): void {
  const [problem] = problems;
  if (problem === undefined) return;
  const hints =
    commit === undefined
      ? ['mend the file']
      : [`a commit that needs nothing may be left out: --except ${commit.slice(0, 12)}`];
  throw new UnknownNeeds(`'${printable(problem.path)}' in ${where}: ${problem.message}`, hints);
}

async function addWorktree(path: string, draft: Draft, session: Session, git: GitOptions): Promise<void> {
  const own = { ...git, env: { ...git.env, GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined } };
  const where = `the work tree '${printable(path)}'`;
  const addAll = async (projects: readonly Project[], place: string): Promise<void> => {
    for (const { root, config, outputs, problems } of projects) {
      refuseProblem(problems, place);
      const cache = await session.projects.cacheFor(root, config);
      const settled = await session.projects.configure(root, config);
      for (const output of outputs) {
        const name = settled instanceof HelperError ? undefined : (output.remote ?? settled.defaultRemote);
        const storage = settled instanceof HelperError ? undefined : settled.remotes.get(name ?? '');
        addOutput(output, draft, place, cache, storage);
      }
    }
  };
  await addAll(await projectsIn(path, own), where);
  const { rootId, trees } = await openIndexReader(path, own);
  for (const { tree } of trees) {
    const reader = { tree, blob: session.repository.blob };
    await addAll(await createCollector(reader).projects(rootId), `the index of '${printable(path)}'`);
  }
}

function addOutput(
  output: Output,
  draft: Draft,
  where: string,
  cache: Cache | undefined,
  storage: StorageConfig | undefined,
): void {
  const { object, path, versioned = [], push, imported } = output;
  for (const file of versioned) if (file.object !== undefined) draft.keys.add(keyOf(file.object));
  if (object === undefined) return;
  const key = keyOf(object);
  draft.keys.add(key);
  if (!isListing(object.id)) return;
  const told = toldListing(output);
  const optional = !push || imported === 'repo';
  const known = draft.listings.get(key);
  const listing: WantedListing = known ?? {
    object,
    path,
    where,
    optional,
    told,
    caches: new Set(),
    storages: new Map(),
  };
  draft.listings.set(key, listing);
  listing.optional &&= optional;
  listing.told ??= told;
  if (cache !== undefined) listing.caches.add(cache);
  if (storage !== undefined && !isCloudVersioned(storage))
    listing.storages.set(identityOf(storage, undefined), storage);
}

/** The files of listings: read here, else from metafiles, else from storage, which is asked only for what is not here. */
async function addFiles(
  { keys, listings }: Draft,
  session: Session,
  commits: readonly GitOid[],
  operation: Operation,
): Promise<void> {
  const one = async (listing: WantedListing, inner: Operation): Promise<void> => {
    const bytes = bytesHere(listing) ?? (await bytesThere(listing, session, commits, inner));
    const { object, path, where, optional } = listing;
    if (bytes !== undefined) {
      for (const id of parseListingIds(bytes, path)) keys.add(keyOf({ kind: object.kind, id }));
    } else if (!optional) {
      throw new UnknownNeeds(`the listing of '${printable(path)}' in ${where} is nowhere at hand`, [
        "'git dvcexp fsck --repair' may find it; a commit that needs nothing may be left out: --except <commit>",
      ]);
    }
  };
  await forEachConcurrent(listings.values(), fixedLimit(16), one, operation);
}

function bytesHere({ object, caches, told }: WantedListing): Uint8Array | undefined {
  for (const cache of caches) {
    try {
      const bytes = cachedListing(object, cache);
      if (bytes !== undefined) parseListingIds(bytes, object.id);
      if (bytes !== undefined) return bytes;
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
    }
  }
  return told?.();
}

async function bytesThere(
  { object, storages }: WantedListing,
  session: Session,
  commits: readonly GitOid[],
  operation: Operation,
): Promise<Uint8Array | undefined> {
  for (const storage of storages.values()) {
    try {
      const tools = await session.toolsFor({ storage }, { direction: 'fetch', commits });
      const opened = await tools.open();
      return await readListing(object, opened, operation);
    } catch (error) {
      if (!concernsOneObject(error)) throw error;
    }
  }
  return undefined;
}

/** Changes when a ref, an index or a metafile of a work tree does. */
export async function fingerprint(roots: Roots, session: Session, git: GitOptions): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([...roots.commits].sort()));
  for (const path of await worktreesOf(git, session.location.workTree)) {
    const own = { ...git, cwd: path, env: { ...git.env, GIT_DIR: undefined, GIT_WORK_TREE: undefined } };
    const { stdout } = await runGit(['ls-files', '-s', '-z'], { ...own, maxBytes: 2 ** 30 });
    hash.update(stdout).update(JSON.stringify(await projectsIn(path, own)));
  }
  return hash.digest('hex');
}
