import type { Cache } from '../dvc/cache.ts';
import { HelperError, isAbort } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import { type DvcObject, type Key, keyOf } from '../model/object.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import type { Session } from '../transfer/context.ts';
import type { PlacedOutput } from '../transfer/placed-output.ts';
import { identityOf } from '../transfer/plan.ts';
import { type Source, toldListing, versionedObjects } from '../transfer/versions.ts';

/** A commit, and what it is called in answers. */
export interface NamedCommit {
  readonly id: GitOid;
  readonly name: string;
}

/** One object that an output of a commit consists of: a file or a listing. */
export interface Needed {
  readonly object: DvcObject;
  readonly key: Key;
  /** Of the output, from the top of the repository. */
  readonly path: string;
  /** The first commit, in the order given, that needs it. */
  readonly commit: NamedCommit;
  /** Nobody misses it when it is nowhere: never pushed, or of another repository. For all that need it. */
  optional: boolean;
  /** Of a listing whose content the metafile tells. */
  readonly told: (() => Uint8Array | undefined) | undefined;
  /** On a cloud-versioned storage remote: where its bytes are. */
  readonly sources: readonly Source[] | undefined;
}

/** What belongs to one cache and one storage remote. */
export interface Share {
  readonly cache: Cache | undefined;
  /** undefined: the project has none for it. */
  readonly storage: StorageConfig | undefined;
  readonly needs: Map<Key, Needed>;
}

export interface Needs {
  readonly shares: readonly Share[];
  /** What keeps the needs of a commit from being known, in words. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly commit: NamedCommit;
  readonly message: string;
}

/** What these commits need, of all their DVC projects. What cannot be read is among the problems. */
export async function needsOf(
  commits: readonly NamedCommit[],
  { projects }: Pick<Session, 'projects'>,
): Promise<Needs> {
  const shares = new Map<string, Share>();
  const problems: Problem[] = [];
  for (const commit of commits) {
    try {
      const data = await projects.of(commit.id);
      for (const { path, message } of data.problems) problems.push({ commit, message: `'${path}': ${message}` });
      for (const placed of data.outputs) addOutput(placed, commit, shares, problems);
    } catch (error) {
      if (!(error instanceof HelperError) || isAbort(error)) throw error;
      problems.push({ commit, message: error.message });
    }
  }
  return { shares: [...shares.values()], problems };
}

function addOutput(placed: PlacedOutput, commit: NamedCommit, shares: Map<string, Share>, problems: Problem[]): void {
  const { place, output, versions } = placed;
  if (place instanceof HelperError) {
    problems.push({ commit, message: place.message });
    return;
  }
  const storage = versions?.storage ?? place?.storage;
  const identity = storage === undefined ? `\0${placed.cache?.directory}` : identityOf(storage, placed.cache);
  const share = shares.get(identity) ?? { cache: placed.cache, storage, needs: new Map() };
  shares.set(identity, share);
  const optional = !output.push || output.imported === 'repo';
  for (const { object, path, told, sources } of objectsOf(placed)) {
    const key = keyOf(object);
    const known = share.needs.get(key);
    if (known === undefined) share.needs.set(key, { object, key, path, commit, optional, told, sources });
    else known.optional &&= optional;
  }
}

/** The objects that the metafiles tell of: files that stand only in a listing are not among them. */
export function objectsOf(placed: PlacedOutput): readonly Pick<Needed, 'object' | 'path' | 'told' | 'sources'>[] {
  const { output, versions } = placed;
  if (versions !== undefined || (output.versioned !== undefined && output.object === undefined)) {
    return versionedObjects(placed).map(({ object, path, sources, listing }) => ({
      object,
      path,
      told: listing,
      sources,
    }));
  }
  if (output.object === undefined) return [];
  return [{ object: output.object, path: output.path, told: toldListing(output), sources: undefined }];
}
