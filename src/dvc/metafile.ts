import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { describeOutput, type Place, readFlags, readRecorded, readText } from './entry.ts';
import type { Output, Problem } from './outputs.ts';
import { parseYaml } from './yaml.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** What one metafile gives a project. */
export interface Harvest {
  readonly outputs: readonly Output[];
  readonly problems: readonly Problem[];
}

/** Outputs of a `.dvc` file. An entry that cannot be understood becomes a problem and leaves the others alone. */
export function parseMetafile(bytes: Uint8Array, place: Place): Harvest {
  const outputs: Output[] = [];
  const problems: Problem[] = [];
  const note = (prefix: string, error: unknown): void => {
    problems.push({ path: place.file, message: `${prefix}${messageOf(error)}` });
  };
  try {
    const stage = parseYaml(bytes);
    // An empty file is an empty stage to DVC.
    if (stage === null) return { outputs, problems };
    if (!isYamlMap(stage)) throw new HelperError('corrupt', 'not a map of keys and values');
    const entries = readList(stage, 'outs');
    const imported = importOf(stage, entries);
    const flags = imported === 'url' && hasVersions(readList(stage, 'deps')[0]) ? keptAtSource : {};
    const wdir = readText(stage, 'wdir') ?? '.';
    for (const [index, entry] of entries.entries()) {
      try {
        outputs.push({ ...readOutput(entry, wdir, imported, place), ...flags });
      } catch (error) {
        note(`output ${index + 1}: `, error);
      }
    }
  } catch (error) {
    note('', error);
  }
  return { outputs, problems };
}

function readOutput(entry: Yaml, wdir: string, imported: Output['imported'], place: Place): Output {
  if (!isYamlMap(entry)) throw new HelperError('corrupt', 'not a map of keys and values');
  const path = readText(entry, 'path');
  if (path === undefined) throw new HelperError('corrupt', "'path' is missing");
  return describeOutput(place, wdir, path, readFlags(entry), readRecorded(entry), imported);
}

function readList(map: YamlMap, key: string): readonly Yaml[] {
  const value = map.get(key) ?? [];
  if (!isYamlList(value)) throw new HelperError('corrupt', `'${key}' is not a list`);
  return value;
}

/** An import has no command, one dependency and one output (dvc/stage, is_import). */
function importOf(stage: YamlMap, outs: readonly Yaml[]): Output['imported'] {
  const deps = readList(stage, 'deps');
  const [dep] = deps;
  if ((stage.get('cmd') ?? '') !== '' || outs.length !== 1 || deps.length !== 1 || !isYamlMap(dep)) return undefined;
  if (isYamlMap(dep.get('repo'))) return 'repo';
  // The result of a database query is an output like any other.
  return dep.has('db') ? undefined : 'url';
}

/** DVC pulls such an import from the version at its source, and never pushes it. */
const keptAtSource = { push: false } as const;

/** True for a dependency whose source keeps versions. */
function hasVersions(dep: Yaml | undefined): boolean {
  return isYamlMap(dep) && ['version_id', 'files', 'cloud'].some((key) => (dep.get(key) ?? null) !== null);
}

/** One line for people about an error of a metafile; what is no fault of the file is thrown again. */
export function messageOf(error: unknown): string {
  if (error instanceof HelperError && error.code === 'corrupt') return printable(error.message);
  throw error;
}
