import { HelperError, isAbort } from '../model/error.ts';
import { printable } from './printable.ts';

/** Message and hints of any error, fit to print: never a stack trace. */
export interface Diagnosis {
  readonly message: string;
  readonly hints: readonly string[];
}

const systemErrors: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  EIO: 'input/output error',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
};

export function diagnose(error: unknown): Diagnosis {
  if (isAbort(error)) return { message: 'interrupted', hints: [] };
  if (error instanceof HelperError) return { message: printable(error.message), hints: error.hints.map(printable) };
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const path = 'path' in error && typeof error.path === 'string' ? `'${error.path}': ` : '';
    return { message: printable(`${path}${systemErrors[error.code] ?? error.message}`), hints: [] };
  }
  return {
    message: printable(`unexpected failure: ${error instanceof Error ? error.message : String(error)}`),
    hints: ['run the command again with GIT_TRACE_DVCEXP=1 and report what it prints'],
  };
}

/** `error: …` or `warning: …` and its `hint: …` lines, ready for stderr. */
export function formatDiagnosis(level: 'error' | 'warning' | 'fatal', diagnosis: Diagnosis): string {
  return [`${level}: ${diagnosis.message}`, ...diagnosis.hints.map((hint) => `hint: ${hint}`)]
    .map((line) => `${line}\n`)
    .join('');
}

/** One short line for Git's `! [remote rejected] … (<reason>)`: no line breaks, at most 70 characters. */
export function shortReason(error: unknown): string {
  const { message } = diagnose(error);
  return message.length <= 70 ? message : `${message.slice(0, 67)}...`;
}
