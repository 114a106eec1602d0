import { createHash } from 'node:crypto';
import { HelperError } from '../model/error.ts';
import type { DvcObject } from '../model/object.ts';
import { readRecorded, readText } from './entry.ts';
import { formatJson } from './python-json.ts';
import { parseYaml } from './yaml.ts';
import { isYamlList, isYamlMap, type YamlMap } from './yaml-value.ts';

declare const brand: unique symbol;

/**
 * Path of a remembered run below the cache directory and below the storage URL: `runs/<2>/<key>/<value>`, both 64 hex
 * digits. The key is a hash of what a stage runs on, the value one of that and its results (dvc/stage/cache.py).
 */
export type RunPath = string & { readonly [brand]: 'RunPath' };

const pattern = /^runs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\/([0-9a-f]{64})$/;

/** undefined for every other path (temporary files, objects, what people left there). */
export function parseRunPath(text: string): RunPath | undefined {
  return pattern.test(text) ? (text as RunPath) : undefined;
}

/** Bytes. An entry lists the files of one stage; more is none. */
export const largestRun: number = 8 * 1024 * 1024;

/** One result of a run. */
export interface RunOutput {
  /** As dvc.yaml has it, relative to the stage's folder. */
  readonly path: string;
  readonly object: DvcObject;
}

/** DVC leaves these out when it hashes a run. */
const unhashed: ReadonlySet<string> = new Set(['size', 'nfiles']);

/**
 * The results that a remembered run names. Throws `corrupt` when the bytes are none, or are not what their path says:
 * DVC finds an entry by its key alone and then puts results where the entry says, so an entry under a key that is not its
 * own could name any path of the project.
 */
export function parseRun(path: RunPath, bytes: Uint8Array): readonly RunOutput[] {
  const [, , key, value] = pattern.exec(path) ?? [];
  try {
    if (bytes.length > largestRun) throw new HelperError('corrupt', 'too large');
    const run = parseYaml(bytes);
    if (!isYamlMap(run)) throw new HelperError('corrupt', 'not a map of keys and values');
    const outs = run.get('outs');
    if (!isYamlList(outs)) throw new HelperError('corrupt', "'outs' is not a list");
    const entries = outs.map((out) => {
      if (!isYamlMap(out)) throw new HelperError('corrupt', 'an output is not a map of keys and values');
      return out;
    });
    const outputs = entries.map(readOutput);
    const asked = new Map(run).set(
      'outs',
      outputs.map((output) => output.path),
    );
    if (hashOf(asked) !== key || hashOf(run) !== value) throw new HelperError('corrupt', 'not what its name says');
    return outputs;
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    throw new HelperError('corrupt', `run cache entry '${path}': ${error.message}`, { cause: error });
  }
}

function readOutput(entry: YamlMap): RunOutput {
  const path = readText(entry, 'path');
  const { object } = readRecorded(entry);
  if (path === undefined || object === undefined) throw new HelperError('corrupt', "an output without 'path' or 'md5'");
  return { path, object };
}

const hashOf = (run: YamlMap): string => createHash('sha256').update(formatJson(run, unhashed)).digest('hex');
