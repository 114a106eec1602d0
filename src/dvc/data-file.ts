import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import { parseYaml } from './yaml.ts';
import type { Yaml } from './yaml-value.ts';

/** Bytes. A file of parameters or metrics that is larger is something else. */
const largestFile = 16 * 1024 * 1024;

/** True for Python sources, whose values only Python can tell. */
export function isPython(path: string): boolean {
  return posix.extname(path).toLowerCase() === '.py';
}

/**
 * What a file of parameters or metrics holds, by its suffix as DVC decides: JSON, TOML, and YAML for every other one.
 * Throws `corrupt`, saying what is wrong.
 */
export async function parseDataFile(path: string, bytes: Uint8Array): Promise<Yaml> {
  const suffix = posix.extname(path).toLowerCase();
  if (suffix !== '.json' && suffix !== '.toml') return parseYaml(bytes);
  if (bytes.length > largestFile)
    throw new HelperError('corrupt', `more than ${largestFile / 1024 / 1024} MiB are not read`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HelperError('corrupt', 'not UTF-8 text');
  }
  if (suffix === '.json') return (await import('./json.ts')).parseJson(text);
  return (await import('./toml.ts')).parseToml(text);
}
