import { type Cache, openCache } from '../dvc/cache.ts';
import { createValuesReader, type ValuesOptions } from '../dvc/commit-values.ts';
import { withoutFetching } from '../experiments/commits.ts';
import { openRepository } from '../git/repository.ts';
import { openWorkTreeReader } from '../git/work-tree-reader.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import type { DvcObject } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { openVoice } from '../report/voice.ts';
import { type Row, readGroups, readWorkspace, type Table, type WantedGroup } from '../table/rows.ts';
import { openProjects } from '../transfer/projects.ts';
import type { CommandContext } from './context.ts';
import { moverContext, settingsOf } from './data-side.ts';
import type { CommandRepository } from './repository.ts';
import { metafilePatterns } from './work-tree-outputs.ts';

/** Bytes. A file of metrics that is larger is something else. */
const largestMetrics = 16 * 1024 * 1024;

/** Reads what the table needs. Asks neither Git remotes nor storage. */
export async function readTable(
  wanted: readonly WantedGroup[],
  head: GitOid | undefined,
  withWorkspace: boolean,
  { stagesOnly, quiet }: { readonly stagesOnly: boolean; readonly quiet: boolean },
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<Table> {
  const git = { ...withoutFetching(repository.git), cwd: repository.git.cwd, signal: operation.signal };
  const objects = openRepository(git);
  const settings = settingsOf({}, repository, context);
  const cached = openCaches(objects, repository, context);
  const rows = wanted.reduce((sum, { experiments }) => sum + 1 + experiments.length, 0);
  const voice = openVoice({ ...moverContext({ quiet }, settings, repository, context), env: context.env });
  const meter = voice.meter('Reading experiments', { objects: rows, bytes: undefined, still: true });
  let whole = false;
  try {
    const options: ValuesOptions = { reader: objects, metafiles: objects, stagesOnly, cached };
    const groups = await readGroups(wanted, objects, createValuesReader(options), () => meter.object());
    const workspace = withWorkspace ? await workspaceRow(options, repository) : undefined;
    whole = true;
    return { workspace, head, groups };
  } finally {
    meter.finish(whole);
    await objects.close();
  }
}

async function workspaceRow(options: ValuesOptions, { git, location }: CommandRepository): Promise<Row | undefined> {
  if (location.workTree === undefined) return undefined;
  const tree = await openWorkTreeReader(location.workTree, metafilePatterns, git);
  return await readWorkspace(
    tree.rootId,
    createValuesReader({ ...options, reader: tree.files, metafiles: tree.listed }),
  );
}

/** Looks objects up in the cache that the configuration of a project names. */
function openCaches(
  objects: ReturnType<typeof openRepository>,
  { location }: CommandRepository,
  context: CommandContext,
): ValuesOptions['cached'] {
  const projects = openProjects(objects, {
    ...context,
    location,
    remote: undefined,
    fsyncObjects: false,
    warn: () => {},
  });
  const caches = new Map<string, Cache>();
  return async (root, config, object) => {
    const configured = await projects.configure(root, config);
    if (configured instanceof HelperError) throw new HelperError('corrupt', configured.message);
    const directory = configured.cacheDirectory;
    const cache = caches.get(directory) ?? openCache(directory, { shared: undefined, fsyncObjects: false });
    caches.set(directory, cache);
    return readObject(cache, object);
  };
}

function readObject(cache: Cache, object: DvcObject): Uint8Array | undefined {
  const size = cache.size(object);
  if (size === undefined) return undefined;
  if (size > largestMetrics)
    throw new HelperError('corrupt', `more than ${largestMetrics / 1024 / 1024} MiB are not read`);
  return cache.read(object);
}
