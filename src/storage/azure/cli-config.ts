import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import type { StorageContext } from '../remote.ts';

/**
 * The section `[storage]` of the Azure CLI's file: `$AZURE_CONFIG_DIR/config`, else `~/.azure/config`. Names in small
 * letters. A file that is absent is empty, a broken line is passed over. Throws `config` for one that cannot be read.
 */
export function readCliConfig({ env, home }: StorageContext): ReadonlyMap<string, string> {
  const path = join(env.AZURE_CONFIG_DIR || join(home, '.azure'), 'config');
  const values = new Map<string, string>();
  let inside = false;
  for (const line of readText(path).split(/\r?\n/)) {
    const section = /^\[([^\]]*)\]/.exec(line)?.[1];
    if (section !== undefined) inside = section === 'storage';
    // Python's dialect: `=` or `:`, comments on lines of their own only.
    const [, name, value = ''] = /^([^\s#;[=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (inside && name !== undefined) values.set(name.toLowerCase(), value);
  }
  return values;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (['ENOENT', 'ENOTDIR'].includes(code)) return '';
    throw new HelperError('config', `cannot read '${printable(path)}': ${code}`, { cause: error });
  }
}
