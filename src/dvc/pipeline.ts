import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { type CommitFiles, type Context, extendContext, loadContext } from './context.ts';
import { type Declared, readDeclared } from './declaration.ts';
import {
  describeOutput,
  type Flags,
  nothingRecorded,
  type Place,
  type Recorded,
  readRecorded,
  readText,
} from './entry.ts';
import { foreachInstances, type Instance, matrixInstances } from './instances.ts';
import type { Lock, LockedStage } from './lockfile.ts';
import { type Harvest, messageOf } from './metafile.ts';
import type { Output, Problem } from './outputs.ts';
import { fill, hole, mayBe } from './template.ts';
import { isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** More than any pipeline has; a template of a few lines could stand for more than fits into memory. */
const mostOutputs = 1_000_000;

/**
 * Outputs of a dvc.yaml. Which there are and how they move is its own word; their hashes are dvc.lock's, joined on
 * stage name and path. A stage that cannot be understood becomes a problem and leaves the others alone.
 *
 * @param document what dvc.yaml holds
 * @param lock undefined when there is no usable dvc.lock
 */
export async function readPipeline(
  document: Yaml,
  lock: Lock | undefined,
  place: Place,
  files: CommitFiles,
): Promise<Harvest> {
  const outputs: Output[] = [];
  const problems: Problem[] = [];
  const note = (message: string): void => {
    problems.push({ path: place.file, message });
  };
  const stages = isYamlMap(document) ? (document.get('stages') ?? null) : document;
  if (stages === null) return { outputs, problems };
  if (!isYamlMap(document) || !isYamlMap(stages)) {
    note(isYamlMap(document) ? "'stages' is not a map of keys and values" : 'not a map of keys and values');
    return { outputs, problems };
  }
  const context = await loadContext(document.get('vars'), posix.dirname(place.file), files);
  for (const [name, stage] of stages) {
    try {
      for (const run of expandStage(name, stage, context, lock)) {
        const found = await readStage(run, lock?.stages.get(run.name), place, files);
        if (outputs.length + found.length > mostOutputs)
          throw new HelperError('corrupt', `more than ${mostOutputs} outputs are not read`);
        // One by one: the arguments of push() live on the stack.
        for (const { output, doubt } of found) {
          outputs.push(output);
          if (doubt !== undefined) note(`stage '${printable(run.name)}': ${doubt}`);
        }
      }
    } catch (error) {
      note(`stage '${printable(name)}': ${messageOf(error)}`);
    }
  }
  return { outputs, problems };
}

/** Of unresolved paths with recorded ones, before it takes seconds. */
const mostComparisons = 10_000_000;

/** A stage that dvc.lock can have an entry of. */
export interface Run {
  readonly name: string;
  readonly stage: YamlMap;
  readonly context: Context;
}

/** The stages that an entry under `stages` stands for: itself, or the instances of `foreach` or `matrix`. */
export function* expandStage(name: string, stage: Yaml, context: Context, lock: Lock | undefined): Iterable<Run> {
  if (!isYamlMap(stage)) throw new HelperError('corrupt', 'not a map of keys and values');
  const foreach = stage.get('foreach');
  const matrix = stage.get('matrix');
  if (foreach === undefined && matrix === undefined) {
    yield { name, stage, context };
    return;
  }
  const template = foreach === undefined ? stage : stage.get('do');
  if (!isYamlMap(template)) throw new HelperError('corrupt', "'foreach' without 'do'");
  const instances =
    foreach === undefined ? matrixInstances(matrix ?? null, context.values) : foreachInstances(foreach, context.values);
  for (const { key, values } of instances ?? recordedInstances(name, lock)) {
    const scoped = new Map(context.values);
    // `item` and `key` of the instance hide variables of these names, also where they have no value.
    for (const own of ['item', 'key']) scoped.delete(own);
    for (const [own, value] of values) scoped.set(own, value);
    const gaps = instances === undefined ? [...context.gaps, 'what the stage repeats over is not known'] : context.gaps;
    yield { name: `${name}@${key}`, stage: template, context: { ...context, values: scoped, gaps } };
  }
}

/** What dvc.lock knows of a group whose instances cannot be computed. */
function recordedInstances(group: string, lock: Lock | undefined): readonly Instance[] {
  return (lock?.groups.get(group) ?? []).map((key) => ({ key, values: new Map<string, Yaml>() }));
}

interface Found {
  readonly output: Output;
  /** Said when a template left open how the output moves. */
  readonly doubt: string | undefined;
}

async function readStage(
  { name, stage, context }: Run,
  locked: LockedStage | undefined,
  place: Place,
  files: CommitFiles,
): Promise<readonly Found[]> {
  const outerWdir = readText(stage, 'wdir') ?? '.';
  const wdir = fill(outerWdir, context.values);
  const shownWdir = wdir.includes(hole) ? outerWdir : wdir;
  const directory = posix.join(posix.dirname(place.file), shownWdir);
  const { values, gaps } = await extendContext(context, stage.get('vars'), directory, files);
  return join(readDeclared(stage, values), locked ?? new Map()).map(({ path, flags, record, doubtful }) => {
    const { recorded, fault } = readRecord(record);
    const doubt = doubtful === undefined ? undefined : [doubtful, ...gaps.slice(0, 1)].join(': ');
    const said = fault ?? doubt;
    return {
      output: describeOutput(place, shownWdir, path, flags, recorded, undefined, name),
      doubt: said === undefined ? undefined : `'${printable(path)}': ${said}`,
    };
  });
}

/** A record that is damaged leaves its output without an object, and the other outputs alone. */
function readRecord(record: YamlMap | undefined): { readonly recorded: Recorded; readonly fault: string | undefined } {
  try {
    return { recorded: record === undefined ? nothingRecorded : readRecorded(record), fault: undefined };
  } catch (error) {
    return { recorded: nothingRecorded, fault: `in dvc.lock: ${messageOf(error)}` };
  }
}

interface Joined {
  readonly path: string;
  readonly flags: Flags;
  readonly record: YamlMap | undefined;
  readonly doubtful: string | undefined;
}

/** Declarations with what the lock recorded for them; those with holes in their path take what is left and fits. */
function join(declared: readonly Declared[], locked: LockedStage): readonly Joined[] {
  const exact = declared.filter(({ path }) => !path.includes(hole));
  const open = declared.filter(({ path }) => path.includes(hole));
  const joined = exact.map(({ path, flags }) => withRemote(path, flags, locked.get(path)));
  if (open.length === 0) return joined;
  if (open.length * locked.size > mostComparisons) throw new HelperError('corrupt', 'too many unresolved templates');
  const taken = new Set(exact.map(({ path }) => path));
  for (const [path, record] of locked) {
    const fitting = taken.has(path) ? [] : open.filter((each) => mayBe(each.path, path));
    const [first] = fitting;
    if (first === undefined) continue;
    const agreed = fitting.every(({ flags }) => sameFlags(flags, first.flags));
    joined.push(
      agreed
        ? withRemote(path, first.flags, record)
        : { path, flags: mostMoved, record, doubtful: 'several templates fit, taken as cached and pushed' },
    );
  }
  return joined;
}

const mostMoved: Flags = { cache: true, push: true, remote: undefined };

const sameFlags = (a: Flags, b: Flags): boolean => a.cache === b.cache && a.push === b.push && a.remote === b.remote;

function withRemote(path: string, flags: Flags, record: YamlMap | undefined): Joined {
  if (flags.remote?.includes(hole) !== true) return { path, flags, record, doubtful: undefined };
  const doubtful = "the template of 'remote' cannot be resolved, the default is taken";
  return { path, flags: { ...flags, remote: undefined }, record, doubtful };
}
