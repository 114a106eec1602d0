import type { GitOid, RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';

/** One accepted line of a push batch that is not a deletion. */
export interface PushedRef {
  /** As Git named it: a refname or an object ID of this repository. */
  readonly source: string;
  readonly destination: RefName;
}

export interface UploadRequest {
  readonly refs: readonly PushedRef[];
  /** Every object ID the Git remote advertised; those this repository lacks are simply no help. */
  readonly advertised: readonly GitOid[];
  /** Say what would be uploaded, open no storage for writing. */
  readonly dryRun: boolean;
  /** All or none: a ref that fails fails the others, so nothing need be uploaded for them. */
  readonly atomic: boolean;
}

export interface DownloadRequest {
  /** What Git asked for, with every name the Git remote gave it. A want that nobody named has an empty list. */
  readonly wants: readonly { readonly oid: GitOid; readonly names: readonly string[] }[];
  /** Target of the Git remote's HEAD, when it told. */
  readonly head: string | undefined;
  readonly cloning: boolean;
}

/**
 * The data side of one session with Git. Speaks to people on stderr itself (progress, summary, warnings, errors
 * with hints); its answers are only what Git must do. Loaded when data may have to move, not before.
 */
export interface DataMover {
  /**
   * Brings the data of the pushed refs to storage. Answers the refs that must not be pushed, with a reason of one
   * short line each; every other ref may go. Throws only for what concerns the whole session.
   */
  upload(request: UploadRequest, operation: Operation): Promise<ReadonlyMap<RefName, string>>;
  /**
   * Brings the data of the wanted commits, whose Git objects are all here, into the cache. `whole`: everything asked
   * for is here, or is absent in a way the settings accept. `failed`: it broke and by the settings these refs must
   * not move; already explained on stderr.
   */
  download(request: DownloadRequest, operation: Operation): Promise<DownloadResult>;
  close(): Promise<void>;
}

export interface DownloadResult {
  readonly outcome: 'whole' | 'failed';
  /** The wants whose data is not here because storage broke: worth another try when Git next meets them. */
  readonly retry: readonly GitOid[];
}
