import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** Files of the commit that is being read, by path from the top of the Git repository. */
export interface CommitFiles {
  /** What a YAML file holds; undefined: no such file. Throws `corrupt` when it cannot be understood. */
  yaml(path: string): Promise<Yaml | undefined>;
}

/** Values that templates of a dvc.yaml can name. */
export interface Context {
  readonly values: YamlMap;
  /** Files whose keys have been taken over, `true` for all of them. */
  readonly files: ReadonlyMap<string, true | ReadonlySet<string>>;
  /** Why some names have no value although they might have one for DVC, one line each. */
  readonly gaps: readonly string[];
}

const emptyContext: Context = { values: new Map(), files: new Map(), gaps: [] };

/** The context of a whole dvc.yaml: `params.yaml` beside it, then its `vars`. */
export async function loadContext(vars: Yaml | undefined, directory: string, files: CommitFiles): Promise<Context> {
  const withParams = await loadFile(
    emptyContext,
    { path: posix.join(directory, 'params.yaml'), keys: true },
    files,
    true,
  );
  return extendContext(withParams, vars, directory, files);
}

/** The context with the items of a `vars` list added, in order: maps, and `file[:key,key]` relative to `directory`. */
export async function extendContext(
  context: Context,
  vars: Yaml | undefined,
  directory: string,
  files: CommitFiles,
): Promise<Context> {
  if (!isYamlList(vars)) return context;
  let extended = context;
  for (const item of vars) {
    if (isYamlMap(item)) extended = merge(extended, item);
    else if (typeof item === 'string')
      extended = await loadFile(extended, parseFileItem(item, directory), files, false);
  }
  return extended;
}

interface FileItem {
  readonly path: string;
  readonly keys: true | readonly string[];
}

function parseFileItem(item: string, directory: string): FileItem {
  const [path = '', ...rest] = item.split(':');
  const keys = rest
    .join(':')
    .split(',')
    .filter((key) => key !== '');
  return { path: posix.normalize(posix.join(directory, path)), keys: keys.length === 0 ? true : keys };
}

async function loadFile(context: Context, item: FileItem, files: CommitFiles, optional: boolean): Promise<Context> {
  const loaded = context.files.get(item.path);
  if (loaded === true) return context;
  let values: YamlMap | undefined;
  try {
    values = await readValues(item.path, files);
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    return withGap(context, `'${item.path}': ${error.message}`);
  }
  if (values === undefined) return optional ? context : withGap(context, `'${item.path}' is not in the commit`);
  const wanted = item.keys === true ? [...values.keys()] : item.keys;
  const taken = new Map<string, Yaml>();
  for (const key of wanted) {
    const value = values.get(key);
    if (value !== undefined && !loaded?.has(key)) taken.set(key, value);
  }
  const merged = merge(context, taken);
  const known = new Map(context.files).set(item.path, item.keys === true || new Set([...(loaded ?? []), ...item.keys]));
  return { ...merged, files: known };
}

async function readValues(path: string, files: CommitFiles): Promise<YamlMap | undefined> {
  const extension = posix.extname(path).toLowerCase();
  if (extension === '.py' || extension === '.toml')
    throw new HelperError('corrupt', `values in ${extension} files are not read`);
  // JSON is YAML in another style.
  const values = await files.yaml(path);
  if (values === undefined) return undefined;
  if (isYamlMap(values) || values === null) return values ?? new Map();
  throw new HelperError('corrupt', 'not a map of keys and values');
}

const withGap = (context: Context, gap: string): Context => ({ ...context, gaps: [...context.gaps, gap] });

function merge(context: Context, update: YamlMap): Context {
  const gaps: string[] = [];
  const values = mergeMaps(context.values, update, '', gaps);
  return { values, files: context.files, gaps: gaps.length === 0 ? context.gaps : [...context.gaps, ...gaps] };
}

/** Maps are merged recursively. DVC refuses to define anything else twice: then nobody knows its value. */
function mergeMaps(into: YamlMap, update: YamlMap, prefix: string, gaps: string[]): YamlMap {
  const merged = new Map(into);
  for (const [key, value] of update) {
    const present = into.get(key);
    if (present === undefined) merged.set(key, value);
    else if (isYamlMap(present) && isYamlMap(value))
      merged.set(key, mergeMaps(present, value, `${prefix}${key}.`, gaps));
    else {
      merged.delete(key);
      gaps.push(`'${prefix}${key}' is defined twice`);
    }
  }
  return merged;
}
