import { HelperError } from '../../model/error.ts';
import type { Content, Operation, TransferOperation } from '../../model/operation.ts';
import { requireKey } from '../key.ts';
import type { Entry, OpenStorage, ReadOperation, Storage } from '../remote.ts';
import { readHandle } from './download.ts';
import { failure, status, statusOf, type Tell } from './failure.ts';
import { type Folders, openFolders, statPath } from './folders.ts';
import { type Links, openLinks } from './links.ts';
import { listFiles } from './listing.ts';
import { readSshSettings, type SshSettings } from './settings.ts';
import { openTemporaries, type Temporaries } from './temporaries.ts';
import { type Abilities, type Upload, uploadObject } from './upload.ts';
import { openWindow, type Window } from './window.ts';

/** Bytes under way at once, over all transfers of a storage remote. */
const windowBytes = 32 * 1024 * 1024;

/** A directory of an ssh server, over SFTP. Objects have the names and the modes that DVC gives them. */
export const openSshStorage: OpenStorage = async (config, context) => {
  const settings = readSshSettings(config);
  const server: Server = {
    settings,
    links: openLinks(settings, context),
    folders: openFolders(settings, context.createBase === true),
    window: openWindow(windowBytes),
    abilities: { renamesOver: true },
    temporaries: openTemporaries(),
    // Only a push tidies up.
    sweeps: context.uploads !== undefined,
  };
  return {
    displayUrl: settings.displayUrl,
    concurrency: 64,
    canList: true,
    stat: async (key, operation) => statObject(server, requireKey(key), operation),
    list: (prefix, operation) => listObjects(server, prefix, operation),
    read: (key, operation) => readObject(server, requireKey(key), operation),
    write: async (key, content, operation) => writeObject(server, requireKey(key), content, operation),
    async close() {
      if (server.temporaries.left) await tidyUp(server);
      await server.links.close();
    },
  } satisfies Storage;
};

interface Server {
  readonly settings: SshSettings;
  readonly links: Links;
  readonly folders: Folders;
  readonly window: Window;
  readonly abilities: Abilities;
  readonly temporaries: Temporaries;
  /** Listings remove what killed runs left. */
  readonly sweeps: boolean;
}

/** How long the end waits for one more connection, to remove what a lost one left. */
const patienceMs = 5000;

async function tidyUp({ links, temporaries }: Server): Promise<void> {
  try {
    await temporaries.tidy(await links.current(AbortSignal.timeout(patienceMs)));
  } catch {
    // A later push sweeps it.
  }
}

const telling =
  (what: string, { settings }: Server, key: string): Tell =>
  (reason) =>
    `${what} '${settings.displayUrl}': ${reason} ('${key}')`;

async function statObject(server: Server, key: string, { signal }: Operation): Promise<Entry | undefined> {
  const task = (await server.links.current(signal)).begin(signal);
  try {
    const found = await statPath(task, `${server.settings.path}/${key}`);
    if (found?.isFile() === true) return { key, size: found.size };
    await server.folders.checkBase(task);
    return undefined;
  } catch (error) {
    throw failure(error, telling('cannot look into', server, key));
  } finally {
    task.end();
  }
}

async function* listObjects(server: Server, prefix: string, { signal }: Operation): AsyncGenerator<Entry> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') requireKey(folder.slice(0, -1));
  const task = (await server.links.current(signal)).begin(signal);
  try {
    if (await server.folders.checkBase(task))
      yield* listFiles({ task, base: server.settings.path, prefix, sweeps: server.sweeps });
  } catch (error) {
    throw failure(error, telling('cannot list', server, prefix));
  } finally {
    task.end();
  }
}

async function* readObject(server: Server, key: string, operation: ReadOperation): AsyncGenerator<Uint8Array> {
  const { settings, links, folders, window } = server;
  const tell = telling('cannot read from', server, key);
  const absent = (): HelperError =>
    new HelperError('missing', `storage '${settings.displayUrl}' has no object '${key}'`);
  const task = (await links.current(operation.signal)).begin(operation.signal);
  let handle: Buffer | undefined;
  try {
    try {
      handle = await task.request<Buffer>((sftp, done) => sftp.open(`${settings.path}/${key}`, 'r', done));
    } catch (error) {
      if (statusOf(error) !== status.noSuchFile) throw error;
      await folders.checkBase(task);
      throw absent();
    }
    yield* readHandle({ task, window, handle, tell, absent, start: operation.start ?? 0, moved: operation.moved });
  } catch (error) {
    throw failure(error, tell);
  } finally {
    const open = handle;
    if (open !== undefined) task.tidy((sftp, done) => sftp.close(open, done));
    task.end();
  }
}

async function writeObject(server: Server, key: string, content: Content, operation: TransferOperation): Promise<void> {
  const { settings, links, folders, window, abilities, temporaries } = server;
  const tell = telling('cannot write to', server, key);
  const path = `${settings.path}/${key}`;
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const link = await links.current(operation.signal);
  if (temporaries.left) await temporaries.tidy(link);
  const makeFolder: Upload['makeFolder'] = (task) => folders.make(task, folder.slice(0, -1));
  try {
    await uploadObject({ link, window, abilities, temporaries, folder, path, tell, makeFolder }, content, operation);
  } catch (error) {
    throw failure(error, tell);
  }
}
