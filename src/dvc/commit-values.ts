import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import type { GitOid, ObjectReader } from '../model/git.ts';
import { type DvcObject, isListing } from '../model/object.ts';
import { createBoundedCache } from './bounded-cache.ts';
import { createCollector, findMetafiles, findRoots } from './collector.ts';
import { type CommitTree, createCommitTree } from './commit-tree.ts';
import { isPython, parseDataFile } from './data-file.ts';
import { extractMetrics, type FileValues, lacking, nest, selectKeys, valuesOf } from './file-values.ts';
import { createInventory } from './inventory.ts';
import { parseListing } from './listing.ts';
import { messageOf } from './metafile.ts';
import type { Output, Problem } from './outputs.ts';
import { defaultParams, type ParamsFile, readValueSources, type ValueSources } from './value-sources.ts';
import { parseYaml } from './yaml.ts';
import { isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** Parameters and metrics of one commit, or of the work tree: of all its DVC projects. */
export interface CommitValues {
  readonly metrics: readonly FileValues[];
  readonly params: readonly FileValues[];
  /** What else could not be understood. */
  readonly problems: readonly Problem[];
}

export interface ValuesReader {
  /** Throws `missing` when the repository lacks an object of the commit. */
  read(tree: GitOid): Promise<CommitValues>;
}

export interface ValuesOptions {
  /** Files, and folders by the IDs that `metafiles` or `read` give. */
  readonly reader: ObjectReader;
  /** Where metafiles are looked for, with the same IDs: all of `reader`, or less. */
  readonly metafiles: ObjectReader;
  /** Only parameters that a stage depends on. */
  readonly stagesOnly: boolean;
  /** Bytes of a cached object; undefined: not in the cache. `config` is the project's `.dvc/config`. */
  readonly cached: (root: string, config: Uint8Array | undefined, object: DvcObject) => Promise<Uint8Array | undefined>;
}

/** Bytes of files whose values are remembered. */
const keptBytes = 16 * 1024 * 1024;

/** Reads each distinct file once, however many commits share it. */
export function createValuesReader(options: ValuesOptions): ValuesReader {
  const { reader } = options;
  const inventory = createInventory(options.metafiles);
  const collector = createCollector(options.metafiles);
  const documents = createBoundedCache<Yaml | HelperError>(keptBytes);
  const files = createBoundedCache<FileValues>(keptBytes);
  const sources = createBoundedCache<ValueSources>(keptBytes);

  const remember = async <T>(blob: GitOid, parse: (bytes: Uint8Array) => Promise<T>): Promise<T | HelperError> => {
    const bytes = await reader.blob(blob);
    try {
      return await parse(bytes);
    } catch (error) {
      if (error instanceof HelperError && error.code === 'corrupt') return error;
      throw error;
    }
  };

  const document = async (blob: GitOid, path: string): Promise<Yaml> => {
    const name = `${blob} ${posix.extname(path)}`;
    let known = documents.get(name);
    if (known === undefined) {
      let size = 1;
      known = await remember(blob, async (bytes) => {
        size += bytes.length;
        return await parseDataFile(path, bytes);
      });
      documents.set(name, known, size);
    }
    if (known instanceof HelperError) throw known;
    return known;
  };

  const readSources = async (path: string, commit: CommitTree): Promise<ValueSources> => {
    const blob = await commit.find(path);
    if (blob === undefined) throw new HelperError('corrupt', 'symbolic link to a file that is not in the commit');
    const name = `${blob} ${path}`;
    const known = sources.get(name);
    if (known !== undefined) return known;
    const text = Buffer.from(await reader.blob(blob)).toString('latin1');
    const lockPath = posix.join(posix.dirname(path), 'dvc.lock');
    const recorded = text.includes('.py') ? await recordedParams(lockPath, commit) : () => undefined;
    const read = await readValueSources(await document(blob, path), path, recorded, {
      async yaml(file) {
        const found = await commit.find(file);
        return found === undefined ? undefined : await document(found, file);
      },
    });
    // What templates stand for, and what runs recorded, differs from commit to commit.
    if (!text.includes('${') && !text.includes('.py')) sources.set(name, read, text.length);
    return read;
  };

  const recordedParams = async (path: string, commit: CommitTree): Promise<(stage: string) => YamlMap | undefined> => {
    const blob = await commit.find(path);
    const lock = blob === undefined ? null : parseYaml(await reader.blob(blob));
    const stages = isYamlMap(lock) ? lock.get('stages') : undefined;
    return (name) => {
      const stage = isYamlMap(stages) ? stages.get(name) : undefined;
      const params = isYamlMap(stage) ? stage.get('params') : undefined;
      return isYamlMap(params) ? params : undefined;
    };
  };

  /** Files of one path: itself, or those below when it is a directory. */
  const expand = async (path: string, snapshot: Snapshot): Promise<readonly Place[]> => {
    const blob = await snapshot.commit.find(path);
    if (blob !== undefined) return [{ path, blob }];
    const below = await snapshot.commit.below(path);
    if (below !== undefined && below.length > 0) return below;
    return await cachedPlaces(path, snapshot);
  };

  const cachedPlaces = async (path: string, snapshot: Snapshot): Promise<readonly Place[]> => {
    const absent: Place = { path, lack: ['absent', 'not in the commit'] };
    for (const { root, config, outputs } of await snapshot.projects()) {
      for (const output of outputs) {
        const { object } = output;
        if (object === undefined || !output.cache) continue;
        const fetch: Fetch = (wanted) => options.cached(root, config, wanted);
        if (output.path === path && !isListing(object.id)) return [await placeOf(path, object, fetch)];
        if (isListing(object.id) && (path === output.path || path.startsWith(`${output.path}/`)))
          return await placesBelow(path, output, object, fetch);
      }
    }
    return [absent];
  };

  const readFile = async (place: Place, what: string, convert: (data: Yaml) => Yaml): Promise<FileValues> => {
    const { path, blob, bytes, lack } = place;
    if (lack !== undefined) return lacking(path, ...lack);
    const name = `${blob} ${path} ${what}`;
    const known = blob === undefined ? undefined : files.get(name);
    if (known !== undefined) return known;
    let values: FileValues;
    let size = 256;
    try {
      const data =
        blob === undefined ? await parseDataFile(path, bytes ?? new Uint8Array()) : await document(blob, path);
      values = valuesOf(path, convert(data ?? new Map()));
      size += values.values.size * 64;
    } catch (error) {
      values = lacking(path, 'broken', messageOf(error));
    }
    if (blob !== undefined) files.set(name, values, size);
    return values;
  };

  const readParams = async (
    path: string,
    wanted: readonly ParamsFile[],
    snapshot: Snapshot,
  ): Promise<readonly FileValues[]> => {
    const whole = wanted.some(({ keys }) => keys.length === 0);
    if (isPython(path)) return [readPython(path, wanted)];
    const keys = whole ? [] : [...new Set(wanted.flatMap((each) => each.keys))];
    const read: FileValues[] = [];
    for (const place of await expand(path, snapshot)) {
      read.push(
        await readFile(place, `p ${keys.join('\0')}`, (data) => (keys.length === 0 ? data : selectKeys(data, keys))),
      );
    }
    return read;
  };

  const readProject = async (root: string, found: readonly string[], snapshot: Snapshot): Promise<CommitValues> => {
    const problems: Problem[] = [];
    const params = new Map<string, ParamsFile[]>();
    const metricPaths = new Set<string>();
    const used = new Map<string, YamlMap>();
    const want = (file: ParamsFile): void => {
      params.set(file.path, [...(params.get(file.path) ?? []), file]);
    };
    for (const path of found) {
      try {
        const read = await readSources(path, snapshot.commit);
        for (const file of read.params) if (file.ofStage || !options.stagesOnly) want(file);
        for (const metric of read.metrics) metricPaths.add(metric);
        for (const [file, values] of read.used) used.set(file, new Map([...(used.get(file) ?? []), ...values]));
        problems.push(...read.problems);
      } catch (error) {
        problems.push({ path, message: messageOf(error) });
      }
    }
    const usual = posix.join(root, defaultParams);
    if (!options.stagesOnly && (await snapshot.commit.find(usual)) !== undefined)
      want({ path: usual, keys: [], ofStage: false, recorded: undefined });
    const values: { metrics: FileValues[]; params: FileValues[] } = { metrics: [], params: [] };
    for (const [path, wanted] of params) values.params.push(...(await readParams(path, wanted, snapshot)));
    for (const [path, taken] of used) if (!params.has(path)) values.params.push(valuesOf(path, taken));
    for (const path of metricPaths) {
      for (const place of await expand(path, snapshot)) values.metrics.push(await readFile(place, 'm', extractMetrics));
    }
    return { ...values, problems };
  };

  return {
    async read(tree) {
      const top = await inventory.folder(tree);
      const commit = createCommitTree(reader, tree);
      let projects: ReturnType<Snapshot['projects']> | undefined;
      const snapshot: Snapshot = { commit, projects: () => (projects ??= collector.projects(tree)) };
      const all: { metrics: FileValues[]; params: FileValues[]; problems: Problem[] } = {
        metrics: [],
        params: [],
        problems: [],
      };
      for (const { root, folder } of findRoots(top, '')) {
        const found = await findMetafiles(root, folder, { reader, commit });
        const paths = found.filter(({ entry }) => entry.name === 'dvc.yaml').map(({ place }) => place.file);
        const project = await readProject(root, paths, snapshot);
        all.metrics.push(...project.metrics);
        all.params.push(...project.params);
        all.problems.push(...project.problems);
      }
      return all;
    },
  };
}

/** A commit while its values are read. */
interface Snapshot {
  readonly commit: CommitTree;
  readonly projects: () => Promise<
    readonly { readonly root: string; readonly config: Uint8Array | undefined; readonly outputs: readonly Output[] }[]
  >;
}

/** Where a file's bytes are: one of the three. */
interface Place {
  readonly path: string;
  readonly blob?: GitOid;
  readonly bytes?: Uint8Array;
  readonly lack?: readonly ['absent' | 'uncached' | 'broken', string];
}

type Fetch = (object: DvcObject) => Promise<Uint8Array | undefined>;

async function placeOf(path: string, object: DvcObject, fetch: Fetch): Promise<Place> {
  try {
    const bytes = await fetch(object);
    return bytes === undefined ? { path, lack: ['uncached', 'not in the cache'] } : { path, bytes };
  } catch (error) {
    return { path, lack: ['broken', messageOf(error)] };
  }
}

/** Files of a directory that DVC tracks, at and below `path`. */
async function placesBelow(path: string, output: Output, object: DvcObject, fetch: Fetch): Promise<readonly Place[]> {
  const listing = await placeOf(path, object, fetch);
  if (listing.bytes === undefined) return [listing];
  const places: Place[] = [];
  try {
    for (const { relpath, id } of parseListing(listing.bytes, path)) {
      const at = posix.join(output.path, relpath);
      if (at === path || at.startsWith(`${path}/`)) places.push(await placeOf(at, { kind: object.kind, id }, fetch));
    }
  } catch (error) {
    return [{ path, lack: ['broken', messageOf(error)] }];
  }
  return places.length > 0 ? places : [{ path, lack: ['absent', 'not in the commit'] }];
}

/** Values of a Python source are those that the last run recorded: nothing here reads Python. */
function readPython(path: string, wanted: readonly ParamsFile[]): FileValues {
  const recorded = wanted.flatMap((each) => (each.recorded === undefined ? [] : [each.recorded]));
  if (recorded.length === 0) return lacking(path, 'absent', 'no run has recorded its values in dvc.lock');
  const values = new Map(recorded.flatMap((each) => [...each]));
  return valuesOf(path, nest(values));
}
