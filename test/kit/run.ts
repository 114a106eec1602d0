import { createHash } from 'node:crypto';
import { parseRunPath, type RunPath } from '../../src/dvc/run.ts';
import { parseAnyYaml } from '../../src/dvc/yaml.ts';
import { formatNumber, isYamlList, isYamlMap, type Yaml } from '../../src/dvc/yaml-value.ts';

/** What JSON.stringify makes plain text of: enough for ASCII and short decimals, so as not to trust the code under test. */
function plain(value: Yaml): unknown {
  if (isYamlList(value)) return value.map(plain);
  if (isYamlMap(value)) {
    const kept = [...value].filter(([key]) => key !== 'size' && key !== 'nfiles').sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(kept.map(([key, item]) => [key, plain(item)]));
  }
  return value !== null && typeof value === 'object' ? Number(formatNumber(value)) : value;
}

const spaced = (value: unknown): string =>
  JSON.stringify(value, null, 1)
    .replace(/\n\s*/g, ' ')
    .replace(/([[{]) /g, '$1')
    .replace(/ ([\]}])/g, '$1');
const hash = (value: unknown): string => createHash('sha256').update(spaced(value)).digest('hex');

/** A run cache entry of this text, which has keys in any order and no text that looks like JSON, under its own name. */
export function runOf(text: string): { readonly path: RunPath; readonly bytes: Buffer } {
  const run = plain(parseAnyYaml(text)) as { outs: { path: string }[] };
  const key = hash({ ...run, outs: run.outs.map(({ path }) => path) });
  const path = parseRunPath(`runs/${key.slice(0, 2)}/${key}/${hash(run)}`);
  if (path === undefined) throw new Error('no path of a run');
  return { path, bytes: Buffer.from(text) };
}
