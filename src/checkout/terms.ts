import type { Cache } from '../dvc/cache.ts';
import type { Missing, Refused } from './plan.ts';

/** Numbers of files. */
export interface Tally {
  readonly added: number;
  readonly modified: number;
  readonly deleted: number;
  /** Made anew as another kind of link or copy, with the same bytes. */
  readonly relinked: number;
}

/** What became of one output. Paths are from the top of the repository. */
export interface Change extends Tally {
  readonly path: string;
  readonly isFolder: boolean;
  /** Of the output as a whole: a directory that was there and has one file more is `modified`. */
  readonly kind: 'added' | 'modified' | 'deleted';
}

export interface CheckoutResult {
  /** By path; outputs that were as they are meant to be are left out. */
  readonly changes: readonly Change[];
  /** Files that somebody changed or made, whose bytes are not in the cache: they stayed. */
  readonly kept: readonly string[];
  readonly missing: readonly Missing[];
  readonly refused: readonly Refused[];
}

export interface CheckoutOptions {
  /** Of the work tree, absolute, without links in it. */
  readonly top: string;
  /** Of this worktree. */
  readonly gitDirectory: string;
  /** Replace and remove also what is nowhere else. */
  readonly force: boolean;
  /** Make links and copies anew where they are not of the kind that is wanted first. */
  readonly relink: boolean;
  /** Every output that a metafile tells of, chosen or not. */
  readonly declared: ReadonlySet<string>;
  /** Remove what is remembered of outputs that no metafile tells of any more. */
  readonly unneeded: boolean;
  /** Of all DVC projects of the work tree. */
  readonly caches: readonly Cache[];
  /** Of these paths and what is below them, those that Git tracks. */
  readonly tracked: (paths: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly onFile: () => void;
}
