import { HelperError } from '../model/error.ts';
import { type Flags, normalisePath, readFlags } from './entry.ts';
import { fill, format } from './template.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** An output as dvc.yaml declares it. */
export interface Declared {
  /** Normalised; with holes where a template could not be resolved. */
  readonly path: string;
  /** `remote` may have holes, too. */
  readonly flags: Flags;
}

/** Outputs under `outs`, `metrics` and `plots` of a stage, templates filled in. Throws `corrupt` on another shape. */
export function readDeclared(stage: YamlMap, values: YamlMap): readonly Declared[] {
  return ['outs', 'metrics', 'plots'].flatMap((section) => readSection(stage, section, values));
}

function readSection(stage: YamlMap, section: string, values: YamlMap): readonly Declared[] {
  const items = stage.get(section);
  if (items === undefined || items === null) return [];
  if (!isYamlList(items)) throw new HelperError('corrupt', `'${section}' is not a list`);
  // The options of a path that is named twice are put together.
  const options = new Map<string, Map<string, Yaml>>();
  for (const item of items) {
    for (const [path, given] of readItem(item, section)) {
      const resolved = normalisePath(fill(path, values));
      const merged = options.get(resolved) ?? new Map<string, Yaml>();
      for (const map of isYamlList(given) ? given : [given]) {
        if (isYamlMap(map)) for (const [key, value] of map) merged.set(key, fillOption(value, values));
      }
      options.set(resolved, merged);
    }
  }
  return [...options].map(([path, map]) => ({ path, flags: readFlags(map) }));
}

/** An item is a path, or a map of paths to their options. */
function readItem(item: Yaml, section: string): Iterable<readonly [string, Yaml]> {
  if (isYamlMap(item)) return item;
  const path = format(item);
  if (path === undefined) throw new HelperError('corrupt', `an item of '${section}' is no path`);
  return [[path, null]];
}

const fillOption = (value: Yaml, values: YamlMap): Yaml => (typeof value === 'string' ? fill(value, values) : value);
