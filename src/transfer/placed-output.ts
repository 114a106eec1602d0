import type { Cache } from '../dvc/cache.ts';
import type { Output } from '../dvc/outputs.ts';
import type { HelperError } from '../model/error.ts';
import type { StorageConfig } from '../model/storage-config.ts';

/** Where one output's objects go and come from. `cache` is undefined in a bare repository without a configured one. */
export interface Place {
  readonly storage: StorageConfig;
  readonly cache: Cache | undefined;
}

/** One output of a commit with the place its DVC project gives it. */
export interface PlacedOutput {
  readonly output: Output;
  /** undefined: the project has no storage remote for it. An error: the configuration cannot be used. */
  readonly place: Place | undefined | HelperError;
  /** Of its DVC project, whether it has a storage remote or not; undefined as in Place, or where the configuration cannot be used. */
  readonly cache: Cache | undefined;
  /** Root of its DVC project, from the top of the repository; '' for the top itself. */
  readonly root: string;
  /** Set where `place` is a cloud-versioned storage remote: whose versions count. */
  readonly versions: VersionsAt | undefined;
}

/** The storage remote that an output's versions are of. */
export interface VersionsAt {
  readonly storage: StorageConfig;
  /** What it was called when they were recorded. */
  readonly name: string;
}

/** Where the run cache of a DVC project is, here and in storage. */
export interface RunPlace {
  readonly storage: StorageConfig;
  readonly cache: Cache;
  /** Outputs that are never pushed or have a storage remote of their own. */
  readonly apart: readonly Output[];
}
