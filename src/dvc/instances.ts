import { HelperError } from '../model/error.ts';
import { fill, format, hole, select, soleExpression } from './template.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** One stage that `foreach` or `matrix` generates. */
export interface Instance {
  /** After the `@`. */
  readonly key: string;
  /** `item`, and `key` where DVC defines it. */
  readonly values: YamlMap;
}

/** A matrix of a few lines can stand for more stages than fit into memory. */
const mostInstances = 100_000;
const mostDimensions = 64;

/** Instances of a `foreach`; undefined when what it iterates over cannot be resolved. */
export function foreachInstances(source: Yaml, context: YamlMap): readonly Instance[] | undefined {
  const value = resolve(source, context);
  if ((isYamlMap(value) && value.size > mostInstances) || (isYamlList(value) && value.length > mostInstances))
    throw new HelperError('corrupt', `'foreach' makes more than ${mostInstances} stages`);
  if (isYamlMap(value)) {
    return [...value].map(([key, item]) => ({
      key,
      values: new Map<string, Yaml>([
        ['item', item],
        ['key', key],
      ]),
    }));
  }
  if (!isYamlList(value)) return undefined;
  const byIndex = value.some((item) => isYamlMap(item) || isYamlList(item));
  const names = nameElements(source, value);
  // Equal names are one stage, of the last value, as in a Python dict.
  const instances = new Map<string, Instance>();
  for (const [index, item] of value.entries()) {
    const key = byIndex ? String(index) : (names[index] ?? '');
    instances.set(key, { key, values: new Map([['item', item]]) });
  }
  return [...instances.values()];
}

/** Instances of a `matrix`, the product of its dimensions in written order; undefined when one cannot be resolved. */
export function matrixInstances(source: Yaml, context: YamlMap): readonly Instance[] | undefined {
  if (!isYamlMap(source)) return undefined;
  if (source.size > mostDimensions)
    throw new HelperError('corrupt', `a matrix of more than ${mostDimensions} dimensions`);
  let rows: { readonly names: readonly string[]; readonly item: YamlMap }[] = [{ names: [], item: new Map() }];
  for (const [dimension, elements] of source) {
    const values = resolve(elements, context);
    if (!isYamlList(values)) return undefined;
    if (rows.length * values.length > mostInstances)
      throw new HelperError('corrupt', `a matrix of more than ${mostInstances} stages`);
    const names = nameElements(elements, values).map((name, index) => name ?? `${dimension}${index}`);
    rows = rows.flatMap((row) =>
      values.map((value, index) => ({
        names: [...row.names, names[index] ?? ''],
        item: new Map(row.item).set(dimension, value),
      })),
    );
  }
  const instances = new Map<string, Instance>();
  for (const { names, item } of rows) {
    const key = names.join('-');
    instances.set(key, {
      key,
      values: new Map<string, Yaml>([
        ['key', key],
        ['item', item],
      ]),
    });
  }
  return [...instances.values()];
}

/** Templates in data filled in, whole expressions keeping their type; undefined when one has no value. */
function resolve(source: Yaml, context: YamlMap): Yaml | undefined {
  if (typeof source === 'string') return resolveText(source, context);
  if (isYamlList(source)) {
    const items = source.map((item) => resolve(item, context));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  if (!isYamlMap(source)) return source;
  const resolved = new Map<string, Yaml>();
  for (const [key, item] of source) {
    const value = resolve(item, context);
    const name = fill(key, context);
    if (value === undefined || name.includes(hole)) return undefined;
    resolved.set(name, value);
  }
  return resolved;
}

function resolveText(text: string, context: YamlMap): Yaml | undefined {
  const path = soleExpression(text);
  if (path !== undefined) return select(context, path);
  const filled = fill(text, context);
  return filled.includes(hole) ? undefined : filled;
}

/**
 * What each scalar element adds to the name of its stage, undefined for lists and maps. A boolean that came out of a
 * variable is `True` there, one written in place `true` (dvc/parsing: to_str does not look into a context's nodes).
 */
function nameElements(source: Yaml, values: readonly Yaml[]): readonly (string | undefined)[] {
  return values.map((value, index) => {
    const written = isYamlList(source) ? source[index] : source;
    const fromVariable = typeof written === 'string';
    if (typeof value === 'boolean' && fromVariable) return value ? 'True' : 'False';
    return format(value);
  });
}
