import { join } from 'node:path';
import { readOptional } from '../optional-file.ts';
import type { Surroundings } from '../remote.ts';

/**
 * The section `[storage]` of the Azure CLI's file: `$AZURE_CONFIG_DIR/config`, else `~/.azure/config`. Names in small
 * letters. A file that is absent is empty, a broken line is passed over. Throws `config` for one that cannot be read.
 */
export function readCliConfig({ env, home }: Surroundings): ReadonlyMap<string, string> {
  const path = join(env.AZURE_CONFIG_DIR || join(home, '.azure'), 'config');
  const values = new Map<string, string>();
  let inside = false;
  for (const line of readOptional(path).split(/\r?\n/)) {
    const section = /^\[([^\]]*)\]/.exec(line)?.[1];
    if (section !== undefined) inside = section === 'storage';
    // Python's dialect: `=` or `:`, comments on lines of their own only.
    const [, name, value = ''] = /^([^\s#;[=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (inside && name !== undefined) values.set(name.toLowerCase(), value);
  }
  return values;
}
