import { readFileSync } from 'node:fs';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';

/** Text of a file of the user's that need not be there: '' then. Throws `config` for one that cannot be read. */
export function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (['ENOENT', 'ENOTDIR'].includes(code)) return '';
    throw new HelperError('config', `cannot read '${printable(path)}': ${code}`, { cause: error });
  }
}
