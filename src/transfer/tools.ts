import type { Voice } from '../report/voice.ts';
import type { Storage } from '../storage/remote.ts';
import type { Ledger } from './ledger.ts';

/** What moving one group's objects needs, in either direction. */
export interface TransferTools {
  readonly voice: Voice;
  readonly ledger: Ledger;
  /** Opened when first asked for, so that a transfer with nothing to bring needs no storage. */
  readonly open: () => Promise<Storage>;
  /** To be called before data of the user goes to storage: says where, the first time, when only the repository names it. */
  readonly announce: () => Promise<void>;
  /** How often the service has asked for less so far. */
  readonly throttled: () => number;
  /** Most transfers at once; undefined: adaptive. */
  readonly jobs: number | undefined;
}
