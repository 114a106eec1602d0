import type { RefName } from '../model/git.ts';
import type { Key } from '../model/object.ts';
import type { TransferTools } from './tools.ts';

export interface UploadTools extends TransferTools {
  readonly force: boolean;
  readonly allowMissing: boolean;
  readonly dryRun: boolean;
  /** Refs that fail for other reasons; their objects need not travel. */
  readonly failed: ReadonlySet<RefName>;
  readonly atomic: boolean;
}

export interface Uploaded {
  readonly objects: number;
  readonly bytes: number;
  /** Why refs must not be pushed, one short line each. */
  readonly failed: ReadonlyMap<RefName, string>;
  /** Objects that are not whole in storage. */
  readonly lost: ReadonlySet<Key>;
}
