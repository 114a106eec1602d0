/**
 * The kinds of failure, with the exit code and whether trying again can help. One table, so that no two places
 * disagree about what an error means.
 */
export const errorKinds = {
  usage: { exitCode: 129, retried: false },
  config: { exitCode: 128, retried: false },
  auth: { exitCode: 128, retried: false },
  /** The user has not said that this may go there. */
  trust: { exitCode: 128, retried: false },
  missing: { exitCode: 1, retried: false },
  corrupt: { exitCode: 1, retried: false },
  unavailable: { exitCode: 75, retried: true },
  unsupported: { exitCode: 128, retried: false },
  io: { exitCode: 1, retried: false },
  /** Storage has no room left, or a quota of it is used up. */
  full: { exitCode: 1, retried: false },
  interrupted: { exitCode: 130, retried: false },
} as const;

export type ErrorCode = keyof typeof errorKinds;

/** The one error this program throws on purpose. `message` follows Git's voice: lower case, no full stop. */
export class HelperError extends Error {
  readonly code: ErrorCode;
  /** Lines for people, each a thing to do or type. Printed after the message as `hint: …`. */
  readonly hints: readonly string[];

  constructor(code: ErrorCode, message: string, options: { hints?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HelperError';
    this.code = code;
    this.hints = options.hints ?? [];
  }
}

/** True for the error of an aborted signal, ours or Node's own. */
export function isAbort(error: unknown): boolean {
  return (
    (error instanceof HelperError && error.code === 'interrupted') ||
    (error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR')))
  );
}
