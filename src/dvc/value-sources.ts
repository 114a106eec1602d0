import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import { type CommitFiles, type Context, extendContext, loadContext } from './context.ts';
import { normalisePath, readText } from './entry.ts';
import { messageOf } from './metafile.ts';
import type { Problem } from './outputs.ts';
import { expandStage, type Run } from './pipeline.ts';
import { fill, format, hole, select, soleExpression } from './template.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** A file of parameters, path from the top of the Git repository. */
export interface ParamsFile {
  readonly path: string;
  /** Dotted keys that count; none: the whole file. */
  readonly keys: readonly string[];
  /** A stage depends on it. */
  readonly ofStage: boolean;
  /** What dvc.lock recorded of it for the stage: values by dotted key. */
  readonly recorded: YamlMap | undefined;
}

/** Where a dvc.yaml says that parameters and metrics are. Paths from the top of the Git repository. */
export interface ValueSources {
  readonly params: readonly ParamsFile[];
  readonly metrics: readonly string[];
  /** Values that templates took out of files: by path, then by dotted key. */
  readonly used: ReadonlyMap<string, YamlMap>;
  readonly problems: readonly Problem[];
}

/** The file whose keys `params` names when it names no file. */
export const defaultParams = 'params.yaml';
const mostRuns = 100_000;

/**
 * Reads `params` and `metrics`, of stages and at the top, out of a dvc.yaml. A stage that cannot be understood becomes a problem.
 *
 * @param recordedParams `params` of a stage in dvc.lock, by file as the stage calls it
 */
export async function readValueSources(
  document: Yaml,
  file: string,
  recordedParams: (stage: string) => YamlMap | undefined,
  files: CommitFiles,
): Promise<ValueSources> {
  const params: ParamsFile[] = [];
  const metrics = new Set<string>();
  const used = new Map<string, Map<string, Yaml>>();
  const problems: Problem[] = [];
  const sources = { params, metrics: [] as string[], used, problems };
  if (!isYamlMap(document)) return sources;
  const directory = posix.dirname(file);
  const context = await loadContext(document.get('vars'), directory, files);
  for (const path of pathsOf(document.get('params'), context.values))
    params.push({ path: posix.join(directory, path), keys: [], ofStage: false, recorded: undefined });
  const stages = document.get('stages');
  let runs = 0;
  for (const [name, stage] of isYamlMap(stages) ? stages : []) {
    try {
      for (const run of expandStage(name, stage, context, undefined)) {
        runs += 1;
        if (runs > mostRuns) throw new HelperError('corrupt', `more than ${mostRuns} stages are not read`);
        const found = await readStage(run, directory, recordedParams(run.name), files);
        params.push(...found.params);
        for (const path of found.metrics) metrics.add(path);
        await collectUsed(run, stage, found.context, used, files);
      }
    } catch (error) {
      problems.push({ path: file, message: `stage '${name}': ${messageOf(error)}` });
    }
  }
  for (const path of pathsOf(document.get('metrics'), context.values)) metrics.add(posix.join(directory, path));
  return { ...sources, metrics: [...metrics] };
}

/** The items of a list of paths, or of paths with options; those that cannot be told left out. */
function pathsOf(items: Yaml | undefined, values: YamlMap): readonly string[] {
  if (!isYamlList(items)) return [];
  return items
    .flatMap((item) => (isYamlMap(item) ? [...item.keys()] : [format(item) ?? hole]))
    .map((path) => normalisePath(fill(path, values)))
    .filter((path) => !path.includes(hole));
}

interface StageSources {
  readonly params: readonly ParamsFile[];
  readonly metrics: readonly string[];
  readonly context: Context;
}

async function readStage(
  { stage, context: outer }: Run,
  from: string,
  recorded: YamlMap | undefined,
  files: CommitFiles,
): Promise<StageSources> {
  const wdir = fill(readText(stage, 'wdir') ?? '.', outer.values);
  if (wdir.includes(hole)) return { params: [], metrics: [], context: outer };
  const directory = posix.join(from, wdir);
  const context = await extendContext(outer, stage.get('vars'), directory, files);
  const byFile = new Map<string, string[]>();
  const whole = new Set<string>();
  for (const item of listOf(stage.get('params'), 'params')) {
    for (const [given, keys] of isYamlMap(item) ? item : [[defaultParams, [item]] as const]) {
      const path = fill(given, context.values);
      const wanted = byFile.get(path) ?? [];
      const named = isYamlList(keys) ? keys : [];
      if (named.length === 0) whole.add(path);
      for (const key of named) wanted.push(fill(format(key) ?? hole, context.values));
      byFile.set(path, wanted);
    }
  }
  const params = [...byFile].map(([path, keys]): ParamsFile => {
    const known = recorded?.get(path);
    return {
      path: posix.join(directory, path),
      keys: whole.has(path) ? [] : keys.filter((key) => !key.includes(hole)),
      ofStage: true,
      recorded: isYamlMap(known) ? known : undefined,
    };
  });
  const metrics = pathsOf(listOf(stage.get('metrics'), 'metrics'), context.values);
  return {
    params: params.filter(({ path }) => !path.includes(hole)),
    metrics: metrics.map((path) => posix.join(directory, path)),
    context,
  };
}

function listOf(value: Yaml | undefined, section: string): readonly Yaml[] {
  if (value === undefined || value === null) return [];
  if (!isYamlList(value)) throw new HelperError('corrupt', `'${section}' is not a list`);
  return value;
}

/** Adds what the templates of a stage took out of files, as DVC tracks it: single values and lists, no maps. */
async function collectUsed(
  { stage, context: { values: scoped } }: Run,
  declared: Yaml,
  context: Context,
  used: Map<string, Map<string, Yaml>>,
  files: CommitFiles,
): Promise<void> {
  const found = new Set<string>();
  expressionsOf(stage, found);
  const items = isYamlMap(declared) ? itemSources(declared, scoped) : new Map<string, string>();
  const names = [...found].flatMap((name) => originOf(name, items) ?? []);
  if (names.length === 0) return;
  for (const [path, keys] of context.files) {
    const values = await files.yaml(path);
    if (!isYamlMap(values)) continue;
    for (const name of names) {
      const [top = ''] = name.split('.', 1);
      const value = keys === true || keys.has(top) ? select(values, name) : undefined;
      if (value === undefined || isYamlMap(value)) continue;
      const taken = used.get(path) ?? new Map<string, Yaml>();
      used.set(path, taken.set(name, value));
    }
  }
}

/** The variables that `item`, or `item.<dimension>`, of an instance stands for; none for an ordinary stage. */
function itemSources(declared: YamlMap, scoped: YamlMap): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const add = (name: string, over: Yaml | undefined, item: Yaml | undefined): void => {
    const source = typeof over === 'string' ? soleExpression(over) : undefined;
    if (source === undefined || item === undefined) return;
    const all = select(scoped, source);
    const entries = isYamlMap(all) ? [...all] : isYamlList(all) ? all.map((each, index) => [index, each] as const) : [];
    const [place] = entries.find(([, each]) => each === item) ?? [];
    if (place !== undefined) sources.set(name, `${dotted(source)}.${place}`);
  };
  const item = scoped.get('item');
  const matrix = declared.get('matrix');
  add('item', declared.get('foreach'), item);
  if (isYamlMap(matrix) && isYamlMap(item))
    for (const [dimension, over] of matrix) add(`item.${dimension}`, over, item.get(dimension));
  // Nothing is taken out of a file for these where their source is not known.
  if (declared.has('foreach') || declared.has('matrix')) {
    for (const own of ['item', 'key']) if (!sources.has(own)) sources.set(own, '');
  }
  return sources;
}

/** The variable that a name stands for, its parts joined by dots; undefined when it is not known. */
function originOf(name: string, items: ReadonlyMap<string, string>): string | undefined {
  const parts = dotted(name).split('.');
  for (let length = Math.min(2, parts.length); length > 0; length -= 1) {
    const source = items.get(parts.slice(0, length).join('.'));
    if (source !== undefined) return source === '' ? undefined : [source, ...parts.slice(length)].join('.');
  }
  return parts.join('.');
}

/** `a[0].b` as `a.0.b`. */
function dotted(name: string): string {
  return name
    .replaceAll('[', '.')
    .replaceAll(']', '')
    .split('.')
    .map((part) => part.trim())
    .join('.');
}

const expression = /(?<!\\)\$\{([^}\n]*)\}/g;

function expressionsOf(value: Yaml, found: Set<string>): void {
  if (typeof value === 'string') for (const [, name = ''] of value.matchAll(expression)) found.add(name);
  if (isYamlList(value)) for (const item of value) expressionsOf(item, found);
  if (!isYamlMap(value)) return;
  for (const [key, each] of value) {
    // `vars` are never filled in, and what a stage repeats over counts by what it uses of it.
    if (key === 'vars' || key === 'matrix') continue;
    expressionsOf(key, found);
    expressionsOf(each, found);
  }
}

/** What is at the ends of nested maps, by dotted key. Lists are ends; empty maps have none. */
export function* leavesOf(map: YamlMap, prefix = ''): Iterable<readonly [string, Yaml]> {
  for (const [key, value] of map) {
    if (isYamlMap(value)) yield* leavesOf(value, `${prefix}${key}.`);
    else yield [`${prefix}${key}`, value];
  }
}
