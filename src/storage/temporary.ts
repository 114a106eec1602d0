import { randomBytes } from 'node:crypto';

// Ends in `.tmp`, as DVC's own do, which every reader of such a directory skips; the middle says that it is ours.
const pattern = /^\.[\w-]{22}\.dvcexp\.tmp$/;
/** Nobody writes to one file for so long without a byte; clocks may differ by some of it. */
const staleMs = 24 * 60 * 60 * 1000;

/** A new name under which an object is written until it is whole. */
export function temporaryName(): string {
  return `.${randomBytes(16).toString('base64url')}.dvcexp.tmp`;
}

/**
 * Does a file of that name come from a run of this program, whoever's it was, that was killed a day ago or earlier?
 *
 * @param modifiedMs when it was last written, as the server tells it, milliseconds since 1970; NaN: nobody knows
 */
export function isLeftOver(name: string, modifiedMs: number): boolean {
  return pattern.test(name) && Date.now() - modifiedMs >= staleMs;
}
