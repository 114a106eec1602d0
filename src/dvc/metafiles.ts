import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import type { GitOid, ObjectReader, TreeEntry } from '../model/git.ts';
import { createBoundedCache } from './bounded-cache.ts';
import type { CommitTree } from './commit-tree.ts';
import type { CommitFiles } from './context.ts';
import type { Place } from './entry.ts';
import { type Lock, parseLock } from './lockfile.ts';
import { type Harvest, messageOf, parseMetafile } from './metafile.ts';
import type { Problem } from './outputs.ts';
import { readPipeline } from './pipeline.ts';
import { parseYaml } from './yaml.ts';
import type { Yaml } from './yaml-value.ts';

/** A metafile of a commit: a `.dvc` file, or a dvc.yaml with the dvc.lock beside it. */
export interface Found {
  readonly entry: TreeEntry;
  readonly lock: TreeEntry | undefined;
  readonly place: Place;
}

/** Metafiles read once, however many commits share them. */
export interface Metafiles {
  read(found: Found, commit: CommitTree): Promise<Harvest>;
}

/** Outputs that are remembered, some hundred bytes each. */
const keptOutputs = 200_000;
/** Bytes of the files that parsed documents are remembered of; as values they take several times as much. */
const keptBytes = 16 * 1024 * 1024;

/** A dvc.yaml read under certain values: the files these came from, by path, with the blob they were then. */
interface Reading {
  readonly inputs: ReadonlyMap<string, GitOid | undefined>;
  readonly harvest: Harvest;
}

export function createMetafiles(reader: ObjectReader): Metafiles {
  const harvests = createBoundedCache<Harvest>(keptOutputs);
  const readings = createBoundedCache<Reading>(keptOutputs);
  const documents = createBoundedCache<Yaml | HelperError>(keptBytes);
  const locks = createBoundedCache<Lock | HelperError>(keptBytes);

  const document = async (blob: GitOid): Promise<Yaml> => {
    const known = documents.get(blob);
    if (known !== undefined) return orThrow(known);
    const bytes = await reader.blob(blob);
    const parsed = attempt(() => parseYaml(bytes));
    documents.set(blob, parsed, bytes.length + 1);
    return orThrow(parsed);
  };

  const lockOf = async (blob: GitOid): Promise<Lock> => {
    const known = locks.get(blob);
    if (known !== undefined) return orThrow(known);
    const bytes = await reader.blob(blob);
    const parsed = attempt(() => parseLock(parseYaml(bytes)));
    locks.set(blob, parsed, bytes.length + 1);
    return orThrow(parsed);
  };

  const parseSingle = async (name: string, blob: GitOid, place: Place): Promise<Harvest> => {
    try {
      const harvest = parseMetafile(await reader.blob(blob), place);
      harvests.set(name, harvest, harvest.outputs.length + 1);
      return harvest;
    } finally {
      underWay.delete(name);
    }
  };

  // A hundred commits that are read at once ask for the same file before the first has it.
  const underWay = new Map<string, Promise<Harvest>>();
  const readSingle = async (blob: GitOid, place: Place): Promise<Harvest> => {
    const name = `${blob} ${place.root}\0${place.file}`;
    const known = harvests.get(name);
    if (known !== undefined) return known;
    const reading = underWay.get(name) ?? parseSingle(name, blob, place);
    underWay.set(name, reading);
    return reading;
  };

  const readStages = async (
    blob: GitOid,
    lockBlob: GitOid | undefined,
    place: Place,
    commit: CommitTree,
  ): Promise<Harvest> => {
    const name = `${blob} ${lockBlob} ${place.root}\0${place.file}`;
    const known = readings.get(name);
    if (known !== undefined && (await isCurrent(known.inputs, commit))) return known.harvest;
    const problems: Problem[] = [];
    const lock = lockBlob === undefined ? undefined : await orProblem(lockOf(lockBlob), lockFile(place), problems);
    const declared = await orProblem(document(blob), place.file, problems);
    if (declared === undefined) return { outputs: [], problems };
    const inputs = new Map<string, GitOid | undefined>();
    const files: CommitFiles = {
      async yaml(path) {
        inputs.set(path, await findReadable(path, commit));
        const input = await commit.find(path);
        return input === undefined ? undefined : document(input);
      },
    };
    const read = await readPipeline(declared, lock, place, files);
    const harvest = { outputs: read.outputs, problems: [...problems, ...read.problems] };
    readings.set(name, { inputs, harvest }, harvest.outputs.length + 1);
    return harvest;
  };

  return {
    async read({ entry, lock, place }, commit) {
      const problems: Problem[] = [];
      const blob = await orProblem(blobOf(entry, place.file, commit), place.file, problems);
      if (blob === undefined) return { outputs: [], problems };
      if (entry.name !== 'dvc.yaml') return readSingle(blob, place);
      const path = lockFile(place);
      const lockBlob = lock === undefined ? undefined : await orProblem(blobOf(lock, path, commit), path, problems);
      const harvest = await readStages(blob, lockBlob, place, commit);
      return problems.length === 0 ? harvest : { ...harvest, problems: [...problems, ...harvest.problems] };
    },
  };
}

const lockFile = (place: Place): string => posix.join(posix.dirname(place.file), 'dvc.lock');

/** DVC reads a symbolic link as the text of its target, and fails; we follow it inside the commit. */
async function blobOf(entry: TreeEntry, path: string, commit: CommitTree): Promise<GitOid> {
  const blob = entry.kind === 'symlink' ? await commit.find(path) : entry.oid;
  if (blob === undefined) throw new HelperError('corrupt', 'symbolic link to a file that is not in the commit');
  return blob;
}

/** True when the files that a reading took values from are the same in this commit. */
async function isCurrent(inputs: Reading['inputs'], commit: CommitTree): Promise<boolean> {
  for (const [path, blob] of inputs) {
    if ((await findReadable(path, commit)) !== blob) return false;
  }
  return true;
}

/** undefined also for a path that leads nowhere it may lead. */
function findReadable(path: string, commit: CommitTree): Promise<GitOid | undefined> {
  return orProblem(commit.find(path), path, []);
}

/** What is wrong with a file is remembered like what is in it. */
function attempt<T>(parse: () => T): T | HelperError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof HelperError && error.code === 'corrupt') return error;
    throw error;
  }
}

function orThrow<T>(value: T | HelperError): T {
  if (value instanceof HelperError) throw value;
  return value;
}

async function orProblem<T>(value: Promise<T | undefined>, path: string, problems: Problem[]): Promise<T | undefined> {
  try {
    return await value;
  } catch (error) {
    problems.push({ path, message: messageOf(error) });
    return undefined;
  }
}
