import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';

/** The whole message for a reason. What it is about comes behind it: in front it would push the reason out of sight. */
export type Tell = (reason: string) => string;

/** @param base the storage remote's directory */
export function telling(what: string, base: string, key: string): Tell {
  return (reason) => `${what} '${printable(base)}': ${reason} ('${key}')`;
}

export function guard<T>(tell: Tell, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw failure(error, tell);
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

type Reason = readonly [code: 'auth' | 'io' | 'full' | 'unavailable', reason: string, hint?: string];

const ask = 'ask whoever owns that directory to let you in';
const makeRoom = 'make room there, or have the quota raised by whoever owns that disk';
const reasons: Readonly<Record<string, Reason>> = {
  EACCES: ['auth', 'permission denied', ask],
  EPERM: ['auth', 'operation not permitted', ask],
  EROFS: ['auth', 'read-only file system', 'mount it for writing'],
  ENOSPC: ['full', 'no space left on device', makeRoom],
  EDQUOT: ['full', 'disk quota exceeded', makeRoom],
  EMFILE: ['io', 'too many open files'],
  ENAMETOOLONG: ['io', 'file name too long'],
  // What a network file system says while its server is away.
  EIO: ['unavailable', 'input/output error'],
  ESTALE: ['unavailable', 'stale file handle'],
  ENOTCONN: ['unavailable', 'not connected'],
  EHOSTDOWN: ['unavailable', 'host is down'],
  ETIMEDOUT: ['unavailable', 'timed out'],
};

/** Errors of the file system in our words; ours pass unchanged. */
export function failure(error: unknown, tell: Tell): unknown {
  const code = codeOf(error);
  if (code === '' || error instanceof HelperError) return error;
  const [kind, reason, hint] = reasons[code] ?? (['io', code] as const);
  return new HelperError(kind, tell(reason), { hints: hint === undefined ? [] : [hint], cause: error });
}
