import type { Operation } from '../model/operation.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import type { StorageContext } from './remote.ts';

/**
 * Takes objects out of storage. Apart from `Storage`, which has no verb for it, and loaded by `git dvcexp gc` alone
 * (docs/decisions, "A sweeper of its own").
 */
export interface Sweeper {
  /** Most requests at once; a hint. */
  readonly concurrency: number;
  /**
   * Removes an object; one that is not there is as good as removed. Throws `usage` for a key that is neither an object's
   * nor a run's, and what `Storage` throws.
   */
  remove(key: string, operation: Operation): Promise<void>;
  /** Frees connections. Safe to call twice. */
  close(): Promise<void>;
}

/** Opens without asking the service anything. */
export type OpenSweeper = (config: StorageConfig, context: StorageContext) => Promise<Sweeper>;
