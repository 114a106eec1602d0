declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** Set for every `git credential` that this program starts: its own credential helper answers nothing below it. */
export const inCredentialVariable = 'DVCEXP_IN_CREDENTIAL';

/** Git object ID: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits. */
export type GitOid = Brand<'GitOid'>;
/** Full refname, `refs/heads/main`. */
export type RefName = Brand<'RefName'>;

const oidPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

export function parseGitOid(text: string): GitOid | undefined {
  return oidPattern.test(text) ? (text as GitOid) : undefined;
}

export function isNullOid(oid: string): boolean {
  return /^0+$/.test(oid);
}

const experimentPattern = /^refs\/exps\/(?:[0-9a-f]{2}\/[0-9a-f]{38}|[0-9a-f]{2}\/[0-9a-f]{62})\/[^/]+$/;

/** True for `refs/exps/<2>/<38>/<name>`, the refs that DVC shares. */
export function isExperiment(ref: string): boolean {
  return experimentPattern.test(ref);
}

/** True for DVC's own machinery (executor, queue, stash), which never leaves a clone. */
export function isInternal(ref: string): boolean {
  return /^refs\/exps\/(?:exec|celery|apply|temp)(?:\/|$)/.test(ref) || ref === 'refs/exps/stash';
}

export interface TreeEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'submodule';
  readonly oid: GitOid;
}

/** Trees and blobs of one Git repository. Both throw `missing` when the object is not there. */
export interface ObjectReader {
  tree(oid: GitOid): Promise<readonly TreeEntry[]>;
  blob(oid: GitOid): Promise<Uint8Array>;
}
