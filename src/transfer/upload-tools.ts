import type { RefName } from '../model/git.ts';
import type { Voice } from '../report/voice.ts';
import type { Storage } from '../storage/remote.ts';
import type { Ledger } from './ledger.ts';

export interface UploadTools {
  readonly voice: Voice;
  readonly ledger: Ledger;
  /** Opened when first asked for, so that a push with nothing to bring needs no storage. */
  readonly open: () => Promise<Storage>;
  readonly throttled: () => number;
  readonly jobs: number | undefined;
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
}
