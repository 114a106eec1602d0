import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';

/**
 * An error of the file system as one for people: `action` says what failed, on which path; `directory` is what the
 * hint talks about. An error that is already ours passes.
 */
export function diskError(error: unknown, action: string, directory: string): HelperError {
  if (error instanceof HelperError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // Node says "ENOSPC: no space left on device, write"; people need the middle.
  const reason = error instanceof Error ? (/^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message) : '';
  return new HelperError('io', `${action}: ${printable(reason)}`, {
    hints: hintsFor(code, printable(directory)),
    cause: error,
  });
}

function hintsFor(code: string, directory: string): readonly string[] {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return [
        `free some space on the disk of '${directory}'`,
        'or move the cache: dvc cache dir --local <directory on a larger disk>',
      ];
    case 'EACCES':
    case 'EPERM':
      return [`check who may write: ls -ld '${directory}'`];
    case 'EROFS':
      return ['or choose a cache that can be written: dvc cache dir --local <directory>'];
    case 'EMFILE':
    case 'ENFILE':
      return ['allow more open files (ulimit -n), or fewer transfers: git config dvcexp.jobs 16'];
    default:
      return [];
  }
}
