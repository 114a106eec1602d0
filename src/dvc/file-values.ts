import { leavesOf } from './value-sources.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** What one file of parameters or metrics holds in one commit. */
export interface FileValues {
  /** From the top of the Git repository. */
  readonly path: string;
  /** As nested as in the file; undefined when it cannot be told. */
  readonly data: Yaml | undefined;
  /** The same by dotted key; '' when the file holds one value alone. Empty when `data` is undefined. */
  readonly values: YamlMap;
  /** Why there are no values; undefined when there are. */
  readonly lack: Lack | undefined;
}

export interface Lack {
  /** `absent`: no such file. `uncached`: DVC tracks it and the cache lacks it. `broken`: it cannot be understood. */
  readonly kind: 'absent' | 'uncached' | 'broken';
  /** One line for people. */
  readonly message: string;
}

export function lacking(path: string, kind: Lack['kind'], message: string): FileValues {
  return { path, data: undefined, values: new Map(), lack: { kind, message } };
}

export function valuesOf(path: string, data: Yaml): FileValues {
  const values = isYamlMap(data) ? new Map(leavesOf(data)) : new Map([['', data]]);
  return { path, data, values, lack: undefined };
}

/** What counts as metrics in a file: numbers, truth values and text, and maps of them. */
export function extractMetrics(value: Yaml): Yaml {
  return extract(value) ?? new Map();
}

function extract(value: Yaml): Yaml | undefined {
  if (value === null || isYamlList(value)) return undefined;
  if (!isYamlMap(value)) return value;
  const kept = new Map<string, Yaml>();
  for (const [key, each] of value) {
    const found = extract(each);
    if (found !== undefined && !(isYamlMap(found) && found.size === 0)) kept.set(key, found);
  }
  return kept;
}

/** The part of a map that dotted keys name, as nested as it is there. */
export function selectKeys(value: Yaml, keys: readonly string[]): Yaml {
  const part = new Map<string, Yaml>();
  for (const key of keys) copyKey(value, key.split('.'), part);
  return part;
}

function copyKey(from: Yaml | undefined, [first = '', ...rest]: readonly string[], into: Map<string, Yaml>): void {
  const value = isYamlMap(from) ? from.get(first) : undefined;
  if (value === undefined) return;
  if (rest.length === 0) {
    into.set(first, value);
    return;
  }
  const present = into.get(first);
  const below = new Map(isYamlMap(present) ? present : []);
  copyKey(value, rest, below);
  if (below.size > 0) into.set(first, below);
}

/** `{a.b: 1}` as `{a: {b: 1}}`. */
export function nest(values: YamlMap): YamlMap {
  const nested = new Map<string, Yaml>();
  for (const [key, value] of values) {
    const parts = key.split('.');
    const last = parts.pop() ?? '';
    let map = nested;
    for (const part of parts) {
      const known = map.get(part);
      const below = known instanceof Map ? (known as Map<string, Yaml>) : new Map<string, Yaml>();
      map.set(part, below);
      map = below;
    }
    map.set(last, value);
  }
  return nested;
}
