import type { GitOid, RefName } from '../model/git.ts';

/** A ref that is to change, here or on a Git remote, and only if it is what it is thought to be. */
export interface RefChange {
  readonly ref: RefName;
  /** The commit it is to point at; undefined: the ref is to go. */
  readonly commit: GitOid | undefined;
  /** What it has to point at until then; undefined: nothing, it must not be there. */
  readonly expected: GitOid | undefined;
}
