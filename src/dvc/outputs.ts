import type { DvcObject } from '../model/object.ts';

/** A file of an output whose listing stands in the metafile itself (cloud-versioned remotes). */
export interface VersionedFile {
  /** '' when the output itself is this file. */
  readonly relpath: string;
  readonly object: DvcObject | undefined;
  /** Version by storage remote name, lower case. */
  readonly versions: ReadonlyMap<string, string>;
}

/** One output of one commit: the join of what dvc.yaml declares and dvc.lock recorded, or an entry of a .dvc file. */
export interface Output {
  /** From the top of the Git repository, for people. */
  readonly path: string;
  /** undefined: never computed, so there is nothing to move. */
  readonly object: DvcObject | undefined;
  /** False: kept out of the cache, so nothing to move. */
  readonly cache: boolean;
  /** False: never uploaded; a fetch looks for it but does not miss it. */
  readonly push: boolean;
  /** Storage remote named by the output, lower case; undefined: the default one. */
  readonly remote: string | undefined;
  /** `repo`: belongs to another Git repository (`dvc import`), never uploaded. */
  readonly imported: 'repo' | 'url' | undefined;
  /** Bytes, as the metafile says; of a directory the sum. */
  readonly size: number | undefined;
  /** A file that is executable where it is checked out. */
  readonly executable: boolean;
  /** The metafile that tells of it, from the top of the Git repository. */
  readonly file: string;
  /** What its stage is called in dvc.yaml; undefined for an output of a `.dvc` file. */
  readonly stage: string | undefined;
  /** Set for outputs of cloud-versioned storage remotes; undefined otherwise. */
  readonly versioned: readonly VersionedFile[] | undefined;
}

/** A metafile that could not be understood: where, and what is wrong, in one line each. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** One DVC project (directory with a `.dvc/` folder) of a commit. */
export interface Project {
  /** From the top of the Git repository, '' for the top itself. */
  readonly root: string;
  /** Bytes of the committed `.dvc/config`; undefined when there is none. */
  readonly config: Uint8Array | undefined;
  readonly outputs: readonly Output[];
  readonly problems: readonly Problem[];
}
