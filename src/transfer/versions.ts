import { posix } from 'node:path';
import type { Config } from '../dvc/config.ts';
import { formatInlineListing } from '../dvc/entry.ts';
import type { Output } from '../dvc/outputs.ts';
import { HelperError } from '../model/error.ts';
import { type DvcObject, isListing } from '../model/object.ts';
import { isCloudVersioned, type StorageConfig } from '../model/storage-config.ts';
import type { PlacedOutput, VersionsAt } from './placed-output.ts';

/** Where a cloud-versioned storage remote has the bytes of an object. */
export interface Source {
  readonly key: string;
  readonly version: string;
}

/**
 * Which of an output's recorded versions count, where `storage` is the storage remote it belongs to: those of that
 * name; else those of another cloud-versioned storage remote that is configured, since they say where the bytes are;
 * else those of a name that is not configured, since `dvc remote rename` leaves the old name in the metafiles, and
 * DVC heeds none.
 */
export function versionsAt(output: Output, storage: StorageConfig, config: Config): VersionsAt {
  const names = new Set((output.versioned ?? []).flatMap(({ versions }) => [...versions.keys()]));
  if (names.has(storage.name)) return { storage, name: storage.name };
  for (const name of names) {
    const other = config.remotes.get(name);
    if (other !== undefined && isCloudVersioned(other)) return { storage: other, name };
  }
  const renamed = [...names].find((name) => !config.remotes.has(name) && !config.broken.has(name));
  return { storage, name: renamed ?? storage.name };
}

/** True when every file has a version in the storage remote it belongs to, so that a push has nothing to bring there. */
export function isRecorded({ output, place, versions }: PlacedOutput): boolean {
  if (place === undefined || place instanceof HelperError || versions?.storage !== place.storage) return false;
  const files = output.versioned ?? [];
  return files.length > 0 && files.every((file) => file.versions.has(versions.name));
}

/** Bytes of an output's listing where the metafile tells its content; undefined where it does not. */
export function toldListing({ object, versioned }: Output): (() => Uint8Array | undefined) | undefined {
  if (object === undefined || versioned === undefined || !isListing(object.id)) return undefined;
  return () => formatInlineListing(versioned);
}

/** An object of an output on a cloud-versioned storage remote. */
export interface VersionedObject {
  readonly object: DvcObject;
  /** From the top of the Git repository, for people. */
  readonly path: string;
  /** Empty: no version is recorded, so nobody can tell which bytes are meant. */
  readonly sources: readonly Source[];
  /** Of a listing that stands in the metafile: its bytes. */
  readonly listing: ReturnType<typeof toldListing>;
}

/** The files of an output, then its listing. */
export function versionedObjects({ output, root, versions }: PlacedOutput): readonly VersionedObject[] {
  const found: VersionedObject[] = [];
  const { object, path, versioned: files = [] } = output;
  for (const file of files) {
    if (file.object === undefined) continue;
    const place = posix.join(path, file.relpath);
    const version = versions === undefined ? undefined : file.versions.get(versions.name);
    const key = root === '' ? place : place.slice(root.length + 1);
    found.push({
      object: file.object,
      path: place,
      sources: version === undefined ? [] : [{ key, version }],
      listing: undefined,
    });
  }
  if (object !== undefined && (files.length === 0 || isListing(object.id)))
    found.push({ object, path, sources: [], listing: toldListing(output) });
  return found;
}
