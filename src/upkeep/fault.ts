import type { DvcObject, Key } from '../model/object.ts';
import type { NamedCommit } from './needs.ts';

/** An object that is not what or where it should be. */
export interface Fault {
  readonly side: 'cache' | 'storage';
  /**
   * - `damaged`: other bytes than its name says, or a listing that is none.
   * - `missing`: needed and not there.
   * - `unreadable`: the disk or the service does not give it.
   */
  readonly kind: 'damaged' | 'missing' | 'unreadable';
  readonly object: DvcObject;
  readonly key: Key;
  /** In words. */
  readonly reason: string;
  /** Directory of the cache, or URL of the storage remote, printable. */
  readonly place: string;
  /** Of the tracked file, from the top of the repository; undefined: no commit is known to need it. */
  readonly path: string | undefined;
  readonly commit: NamedCommit | undefined;
  /** Bytes, where they are known. */
  readonly bytes: number | undefined;
  /** Right bytes have taken its place. */
  readonly repaired: boolean;
  /** Why it was not repaired, where that was asked for. */
  readonly obstacle: string | undefined;
}

/** How much was looked at in one place. */
export interface Checked {
  readonly place: string;
  /** Objects that were looked for. */
  readonly objects: number;
  /** Of these: whose bytes were read and hashed, and how many bytes that were. */
  readonly hashed: number;
  readonly bytes: number;
  /** Of these: whose MD5 the service itself told. */
  readonly vouched: number;
  /** Needed, not there, and not missed: in storage all is right, or nobody shares them. */
  readonly elsewhere: number;
}

/** Files of the cache that are no objects. */
export interface Leftovers {
  readonly files: number;
  readonly bytes: number;
}

export interface FsckReport {
  readonly caches: readonly Checked[];
  readonly storages: readonly Checked[];
  readonly faults: readonly Fault[];
  readonly leftovers: Leftovers;
  /** Objects of the cache that somebody may write to; made read-only where `--repair` was given and their bytes are right. */
  readonly writable: number;
  /** What kept something from being checked, in words. */
  readonly problems: readonly string[];
}
