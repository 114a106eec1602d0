import { posix } from 'node:path';
import type { Cache } from '../dvc/cache.ts';
import { largestRun, parseRun, parseRunPath, type RunOutput, type RunPath } from '../dvc/run.ts';
import { HelperError, isAbort } from '../model/error.ts';
import { type Key, keyOf } from '../model/object.ts';
import type { Content, Operation } from '../model/operation.ts';
import { isCloudVersioned } from '../model/storage-config.ts';
import { displayUrl } from '../report/printable.ts';
import { countOf } from '../report/progress.ts';
import type { Storage } from '../storage/remote.ts';
import { fixedLimit, forEachConcurrent } from './concurrent.ts';
import { findPresent } from './missing.ts';
import type { RunPlace } from './placed-output.ts';
import type { Need } from './plan.ts';
import type { TransferTools } from './tools.ts';
import { uploadGroup } from './upload.ts';
import type { Uploaded, UploadTools } from './upload-tools.ts';

/** A run of the cache that may go, with what it made. */
interface Run {
  readonly path: RunPath;
  readonly bytes: Uint8Array;
  readonly outputs: readonly RunOutput[];
}

/**
 * Brings to storage what the run cache remembers and storage lacks: objects first, then the entries whose objects are
 * there. No ref waits for it, so a failure is told and passes.
 */
export async function uploadRuns(place: RunPlace, tools: UploadTools, operation: Operation): Promise<void> {
  const { cache } = place;
  await tolerate(place, tools, 'sent to', async () => {
    const unknown = cache.runs.paths().filter((path) => !tools.ledger.has(path));
    if (unknown.length === 0) return;
    const storage = await open(place, tools);
    const present = await presentRuns(unknown, storage, operation);
    for (const path of unknown) if (present.has(path)) tools.ledger.add(path);
    const runs = readRuns(
      cache,
      unknown.filter((path) => !present.has(path)),
      tools,
    );
    const { lost, objects } = await uploadObjects(place, runs, tools, operation);
    const whole = runs.filter(({ outputs }) => outputs.every(({ object }) => !lost.has(keyOf(object))));
    if (whole.length < runs.length)
      tools.voice.detail(
        `dvcexp: ${countOf(runs.length - whole.length, 'run')} stayed here, since storage has not got their data`,
      );
    if (!tools.dryRun) {
      await send(whole, storage, tools, operation);
      tools.ledger.save();
    }
    if (whole.length > 0) {
      const did = tools.dryRun ? 'would upload' : 'uploaded';
      const made = objects === 0 ? '' : ` and ${countOf(objects, 'object')} of theirs`;
      tools.voice.say(
        `dvcexp: ${did} ${countOf(whole.length, 'run')} of the run cache${made} to ${storage.displayUrl}`,
      );
    }
  });
}

/** Brings the entries that storage has into the run cache; their objects come when `dvc repro --pull` asks for them. */
export async function downloadRuns(place: RunPlace, tools: TransferTools, operation: Operation): Promise<void> {
  const { cache } = place;
  await tolerate(place, tools, 'fetched from', async () => {
    const storage = await open(place, tools);
    const wanted: RunPath[] = [];
    let refused = 0;
    for await (const { key, size } of storage.list('runs/', operation)) {
      const path = parseRunPath(key);
      // What people and killed programs left there is nobody's.
      if (path === undefined) continue;
      if (size > largestRun) refused += 1;
      else if (!cache.runs.has(path)) wanted.push(path);
      else tools.ledger.add(path);
    }
    let count = 0;
    const one = async (path: RunPath, inner: Operation): Promise<void> => {
      try {
        const bytes = await readBounded(path, storage, inner);
        parseRun(path, bytes);
        cache.runs.write(path, bytes);
        tools.ledger.add(path);
        count += 1;
      } catch (error) {
        if (!(error instanceof HelperError) || (error.code !== 'corrupt' && error.code !== 'missing')) throw error;
        if (error.code === 'corrupt') refused += 1;
      }
    };
    await forEachConcurrent(new Set(wanted), limitOf(storage, tools), one, operation);
    tools.ledger.save();
    tellRefused(refused, storage.displayUrl, tools);
    if (count > 0)
      tools.voice.say(`dvcexp: downloaded ${countOf(count, 'run')} of the run cache from ${storage.displayUrl}`);
  });
}

/** Throws `unsupported` where a run cache cannot be, as DVC has it. */
async function open({ storage: config }: RunPlace, tools: TransferTools): Promise<Storage> {
  if (isCloudVersioned(config)) throw new HelperError('unsupported', 'it is cloud-versioned');
  const storage = await tools.open();
  if (!storage.canList) throw new HelperError('unsupported', `'${config.scheme}' cannot list what it has`);
  return storage;
}

async function tolerate(
  { storage }: RunPlace,
  { voice }: TransferTools,
  what: 'sent to' | 'fetched from',
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isAbort(error) || !(error instanceof HelperError)) throw error;
    voice.warn(`the run cache was not ${what} ${displayUrl(storage.url)}: ${error.message}`, ...error.hints);
  }
}

/** Up to this many entries are asked for one by one. */
const handful = 32;

async function presentRuns(
  paths: readonly RunPath[],
  storage: Storage,
  operation: Operation,
): Promise<{ has(path: string): boolean }> {
  if (paths.length <= handful) return findPresent(paths, storage, operation);
  const found = new Set<string>();
  for await (const { key } of storage.list('runs/', operation)) found.add(key);
  return found;
}

/** What the cache has of these; entries that are none are told and left out. */
function readRuns(cache: Cache, paths: readonly RunPath[], tools: TransferTools): readonly Run[] {
  const runs: Run[] = [];
  let refused = 0;
  for (const path of paths) {
    try {
      const bytes = cache.runs.read(path);
      if (bytes !== undefined) runs.push({ path, bytes, outputs: parseRun(path, bytes) });
    } catch (error) {
      if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
      refused += 1;
    }
  }
  tellRefused(refused, cache.directory, tools);
  return runs;
}

function tellRefused(count: number, place: string, { voice }: TransferTools): void {
  if (count === 0) return;
  const are = count === 1 ? 'is not what its name says, and was' : 'are not what their names say, and were';
  voice.warn(`${countOf(count, 'file')} in the run cache of ${place} ${are} left there`);
}

/** Sends the objects of runs; answers which are not there, of those that belong there. */
async function uploadObjects(
  place: RunPlace,
  runs: readonly Run[],
  tools: UploadTools,
  operation: Operation,
): Promise<Uploaded> {
  const mayShare = shareable(place);
  const needs = new Map<Key, Need>();
  for (const { outputs } of runs) {
    for (const { path, object } of outputs) {
      if (mayShare(path)) needs.set(keyOf(object), { object, edges: [{ path, refs: [], optional: true }] });
    }
  }
  const { storage, cache } = place;
  return uploadGroup({ storage, cache, needs }, tools, operation);
}

/**
 * False for a path whose data stays here or has a storage remote of its own. An entry tells paths relative to its
 * stage's folder, which it does not tell, so whatever ends like the path of such an output is taken for it.
 */
function shareable({ storage, apart }: RunPlace): (path: string) => boolean {
  const tails = new Set<string>();
  for (const { path, push, remote } of apart) {
    if (push && remote === storage.name) continue;
    for (let rest = path; rest !== ''; rest = rest.replace(/^[^/]*\/?/, '')) tails.add(rest);
  }
  return (path) => !tails.has(posix.normalize(path).replace(/^(?:\.\.\/)+/, ''));
}

async function send(runs: readonly Run[], storage: Storage, tools: UploadTools, operation: Operation): Promise<void> {
  if (runs.length > 0) await tools.announce();
  await forEachConcurrent(
    runs,
    limitOf(storage, tools),
    async ({ path, bytes }, inner) => {
      await storage.write(path, contentOf(bytes), inner);
      tools.ledger.add(path);
    },
    operation,
  );
}

function contentOf(bytes: Uint8Array): Content {
  return {
    size: bytes.length,
    open: async function* () {
      if (bytes.length > 0) yield bytes;
    },
  };
}

const limitOf = (storage: Storage, { jobs }: TransferTools): ReturnType<typeof fixedLimit> =>
  fixedLimit(Math.min(jobs ?? handful, storage.concurrency));

async function readBounded(path: RunPath, storage: Storage, operation: Operation): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of storage.read(path, operation)) {
    size += chunk.length;
    if (size > largestRun) throw new HelperError('corrupt', `run cache entry '${path}' is too large`);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
