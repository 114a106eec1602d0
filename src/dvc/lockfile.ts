import { HelperError } from '../model/error.ts';
import { normalisePath, readText } from './entry.ts';
import { isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** Entries of one stage by normalised path, as they stand in the file. */
export type LockedStage = ReadonlyMap<string, YamlMap>;
/** What dvc.lock recorded. */
export interface Lock {
  readonly stages: ReadonlyMap<string, LockedStage>;
  /** Of names with an `@`: what stands behind the last one, by what stands before it. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/**
 * A dvc.lock, its stages checked no further than to find their outputs: those that dvc.yaml does not declare do not
 * matter, whatever they look like. Throws `corrupt` when it is none.
 */
export function parseLock(document: Yaml): Lock {
  if (document !== null && !isYamlMap(document)) throw new HelperError('corrupt', 'not a map of keys and values');
  const stages = new Map<string, LockedStage>();
  const groups = new Map<string, string[]>();
  for (const [name, stage] of document === null ? [] : stagesOf(document)) {
    if (!isYamlMap(stage)) continue;
    stages.set(name, readStage(stage));
    const at = name.lastIndexOf('@');
    if (at < 0) continue;
    const group = name.slice(0, at);
    const keys = groups.get(group);
    if (keys === undefined) groups.set(group, [name.slice(at + 1)]);
    else keys.push(name.slice(at + 1));
  }
  return { stages, groups };
}

/** Before DVC 1.0 was done, stages stood at the top of the file, without a schema. */
function stagesOf(document: YamlMap): YamlMap {
  const schema = readText(document, 'schema');
  if (schema === undefined) return document;
  if (schema !== '2.0') throw new HelperError('corrupt', `schema '${schema}' is not known, only 2.0`);
  const stages = document.get('stages') ?? new Map<string, Yaml>();
  if (!isYamlMap(stages)) throw new HelperError('corrupt', "'stages' is not a map of keys and values");
  return stages;
}

function readStage(stage: YamlMap): LockedStage {
  const entries = new Map<string, YamlMap>();
  const outs = stage.get('outs');
  if (!isYamlList(outs)) return entries;
  for (const entry of outs) {
    const path = isYamlMap(entry) ? entry.get('path') : undefined;
    if (isYamlMap(entry) && path !== undefined && path !== null) {
      entries.set(normalisePath(readText(entry, 'path') ?? ''), entry);
    }
  }
  return entries;
}
