import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';

/** Status codes of draft-ietf-secsh-filexfer, those of version 3 and one that servers of later versions send. */
export const status = {
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  connectionLost: 7,
  unsupported: 8,
  fileExists: 11,
} as const;

/** What a request came to, when it failed. Everything else that is thrown is somebody else's and passes unchanged. */
export class RequestError extends Error {
  /** As in `status`; undefined when it was not the server that refused, but ssh2 that could not ask it. */
  readonly status: number | undefined;

  constructor(cause: Error) {
    super(cause.message, { cause });
    this.status = 'code' in cause && typeof cause.code === 'number' ? cause.code : undefined;
  }
}

/** The status that the server answered; undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof RequestError ? error.status : undefined;
}

/** The whole message for a reason. */
export type Tell = (reason: string) => string;

const reasons: Readonly<Record<number, readonly ['auth' | 'io' | 'unavailable' | 'unsupported', string]>> = {
  [status.noSuchFile]: ['io', 'no such file or directory'],
  [status.permissionDenied]: ['auth', 'permission denied'],
  [status.connectionLost]: ['unavailable', 'the server lost its connection'],
  [status.unsupported]: ['unsupported', 'the server cannot do that'],
};

/** A failed request in our words; other errors pass unchanged. */
export function failure(error: unknown, tell: Tell): unknown {
  if (!(error instanceof RequestError)) return error;
  const said = printable(error.message);
  // What came was no SFTP.
  if (error.status === undefined) return new HelperError('unavailable', tell(said), { cause: error });
  const [kind, reason] = reasons[error.status] ?? (['io', `the server says '${said}'`] as const);
  const hints = kind === 'auth' ? ['ask whoever owns that directory to let you in'] : [];
  return new HelperError(kind, tell(reason), { hints, cause: error });
}
