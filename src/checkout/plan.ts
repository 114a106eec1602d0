import { posix } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import type { LinkType } from '../dvc/config.ts';
import { formatInlineListing } from '../dvc/entry.ts';
import { parseListing } from '../dvc/listing.ts';
import type { Output } from '../dvc/outputs.ts';
import type { Part } from '../dvc/targets.ts';
import { HelperError } from '../model/error.ts';
import { type DvcObject, isListing } from '../model/object.ts';
import { isReserved } from './folders.ts';

/** An output of the work tree's metafiles, and where its bytes are. */
export interface ChosenOutput {
  readonly output: Output;
  readonly part: Part;
  /** Of its DVC project, from the top of the repository. */
  readonly root: string;
  readonly cache: Cache;
  readonly linkTypes: readonly LinkType[];
}

/** Paths are from the top of the repository. */
export interface PlannedFile {
  readonly path: string;
  readonly object: DvcObject;
  readonly executable: boolean;
}

export interface PlannedOutput extends ChosenOutput {
  readonly path: string;
  readonly isFolder: boolean;
  /** Each path once. */
  readonly files: ReadonlyMap<string, PlannedFile>;
}

/** Something that the cache has not got. */
export interface Missing {
  readonly path: string;
  readonly object: DvcObject;
  /** The bytes in the cache are not those of its name. */
  readonly damaged: boolean;
}

export interface Refused {
  readonly path: string;
  readonly reason: string;
}

export interface CheckoutPlan {
  readonly outputs: readonly PlannedOutput[];
  readonly missing: readonly Missing[];
  readonly refused: readonly Refused[];
}

/** Which files the chosen outputs are. Reads listings; outputs without a recorded hash, or outside of the cache, have no files. */
export function planCheckout(chosen: readonly ChosenOutput[]): CheckoutPlan {
  const outputs = new Map<string, PlannedOutput>();
  const missing: Missing[] = [];
  const refused: Refused[] = [];
  for (const each of chosen) {
    const { path, object, cache } = each.output;
    if (object === undefined || !cache) continue;
    const other = outputs.get(path)?.output.object;
    if (other !== undefined) {
      if (other.id !== object.id) refused.push({ path, reason: 'two metafiles tell of it, and not the same' });
      continue;
    }
    if (isReserved(path)) {
      refused.push({ path, reason: 'no output may be there' });
      continue;
    }
    try {
      const files = filesOf(each, object);
      if (files === undefined) missing.push({ path, object, damaged: false });
      else outputs.set(path, { ...each, path, isFolder: isListing(object.id), files });
    } catch (error) {
      if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
      missing.push({ path, object, damaged: true });
    }
  }
  return { outputs: [...outputs.values()], missing, refused };
}

/** undefined: the cache has no listing. Throws `corrupt` for one that is damaged. */
function filesOf(
  { output, part, cache }: ChosenOutput,
  object: DvcObject,
): ReadonlyMap<string, PlannedFile> | undefined {
  const { path, executable, versioned } = output;
  if (!isListing(object.id)) return new Map([[path, { path, object, executable }]]);
  const told = versioned === undefined ? undefined : formatInlineListing(versioned);
  const bytes = told ?? (cache.size(object) === undefined ? undefined : cache.read(object));
  if (bytes === undefined) return undefined;
  const files = new Map<string, PlannedFile>();
  for (const { relpath, id } of parseListing(bytes, `listing of '${path}'`)) {
    if (!part.includes(relpath)) continue;
    const file = posix.join(path, relpath);
    if (!files.has(file)) files.set(file, { path: file, object: { kind: object.kind, id }, executable: false });
  }
  return files;
}
