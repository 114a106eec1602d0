import { type HelperError, isAbort } from '../../model/error.ts';
import type { StorageContext } from '../remote.ts';
import { ExhaustedError } from '../retry.ts';
import type { Client } from './client.ts';
import { type About, whoIs } from './failure.ts';
import { type DriveFile, type Files, type FolderRef, folderType, quote } from './files.ts';
import type { DriveSettings } from './settings.ts';

/**
 * The folders of one storage remote, by their paths below its base: `''` is the base, `files/md5` what DVC keeps its
 * objects in. Drive lets several folders have one name and one parent: all of them are read, as in DVC, and the one with
 * the smallest ID is written into.
 */
export interface Folders {
  /**
   * Every folder of this path, the one to write into first; none when there is none. Throws `unavailable` when the base
   * is not there, unless it may be made.
   */
  find(about: About, path: string, signal: AbortSignal): Promise<readonly FolderRef[]>;
  /** The folder to write into, made where it is not there, with those above it. */
  make(about: About, path: string, signal: AbortSignal): Promise<FolderRef>;
  /** Where a folder is, which a shortcut does not tell; undefined: it leads nowhere any more. */
  follow(about: About, folder: FolderRef, signal: AbortSignal): Promise<FolderRef | undefined>;
  /** Somebody else may have moved or removed some: what is known of them does not count any more. */
  forget(): void;
}

type Children = Map<string, FolderRef[]>;

/** What is older is looked at again before a folder is made: another process may have made it. */
const freshMs = 3000;

export function openFolders(
  settings: DriveSettings,
  client: Client,
  files: Files,
  { createBase }: Pick<StorageContext, 'createBase'>,
): Folders {
  const mayMakeBase = createBase === true;
  // These hold work that is under way as well: whoever needs the same waits for it.
  const bases = new Map<string, Promise<readonly FolderRef[]>>();
  const children = new Map<string, Promise<Children>>();
  const making = new Map<string, Promise<FolderRef>>();
  const links = new Map<string, Promise<FolderRef | undefined>>();
  /** Google may list a folder some seconds after it was made. */
  const made = new Map<string, FolderRef>();
  const listedMs = new Map<string, number>();

  const follow: Folders['follow'] = async (about, folder, signal) =>
    folder.linked ? shared(links, folder.id, signal, () => files.follow(about, folder, signal)) : folder;
  const ordered = async (
    about: About,
    found: readonly FolderRef[] = [],
    signal: AbortSignal,
  ): Promise<readonly FolderRef[]> => {
    const usable = await Promise.all(found.map((each) => follow(about, each, signal)));
    return usable.filter((each) => each !== undefined).sort(inOrder);
  };

  const findRoot = async (about: About, signal: AbortSignal): Promise<readonly FolderRef[]> => {
    const root = await files.get(about, settings.root, signal);
    const folder = root?.folder === undefined || root.trashed ? undefined : await follow(about, root.folder, signal);
    if (folder !== undefined) return [folder];
    throw noRoot(about, root, settings, client);
  };

  /** The folders above the base hold whatever their owner likes, so each is asked for by name. */
  const findBase = async (about: About, depth: number, signal: AbortSignal): Promise<readonly FolderRef[]> => {
    if (depth === 0) return findRoot(about, signal);
    const above = await base(about, depth - 1, signal);
    const name = settings.base[depth - 1] ?? '';
    return above.length === 0 ? [] : named(about, above, name, signal);
  };
  const base = (about: About, depth: number, signal: AbortSignal): Promise<readonly FolderRef[]> =>
    shared(bases, String(depth), signal, () => findBase(about, depth, signal));

  const named = async (
    about: About,
    parents: readonly FolderRef[],
    name: string,
    signal: AbortSignal,
  ): Promise<readonly FolderRef[]> => {
    // Upper and lower case are one in a query: what comes back is compared again.
    const condition = `name = '${quote(name)}' and ${ofFolders}`;
    return ordered(about, (await listAll(files, about, parents, condition, signal)).get(name), signal);
  };

  /** All folders in one: 256 of them are one question, and the answer to 256. */
  const childrenOf = (about: About, path: string, signal: AbortSignal): Promise<Children> =>
    shared(children, path, signal, async () => {
      const parents = await find(about, path, signal);
      listedMs.set(path, Date.now());
      return parents.length === 0 ? new Map() : listAll(files, about, parents, ofFolders, signal);
    });

  const find: Folders['find'] = async (about, path, signal) => {
    if (path !== '') {
      const listed = (await childrenOf(about, parentOf(path), signal)).get(nameOf(path)) ?? [];
      const own = made.get(path);
      const known = own === undefined || listed.some(({ id }) => id === own.id);
      return ordered(about, known ? listed : [...listed, own], signal);
    }
    const found = await base(about, settings.base.length, signal);
    if (found.length > 0 || mayMakeBase) return found;
    throw noBase(about, settings);
  };

  const makeOne = async (
    about: About,
    name: string,
    parents: readonly FolderRef[],
    parent: FolderRef,
    signal: AbortSignal,
  ): Promise<FolderRef> => {
    let tried = false;
    return client.repeat(`make folder ${name}`, signal, async () => {
      // An earlier try may have made it although its answer was lost.
      const [there] = tried ? await named(about, parents, name, signal) : [];
      tried = true;
      return there ?? files.createFolder(about, name, parent, signal);
    });
  };

  const makeBase = async (about: About, depth: number, signal: AbortSignal): Promise<FolderRef> => {
    const there = await base(about, depth, signal);
    if (there[0] !== undefined) return there[0];
    const parent = await makeBase(about, depth - 1, signal);
    const made = await makeOne(about, settings.base[depth - 1] ?? '', [parent], parent, signal);
    bases.set(String(depth), Promise.resolve([made]));
    return made;
  };

  const makeBelow = async (about: About, path: string, signal: AbortSignal): Promise<FolderRef> => {
    const above = parentOf(path);
    const parent = await make(about, above, signal);
    if (Date.now() - (listedMs.get(above) ?? 0) > freshMs) children.delete(above);
    const [there] = await find(about, path, signal);
    if (there !== undefined) return there;
    const parents = await find(about, above, signal);
    const folder = await makeOne(about, nameOf(path), parents.length === 0 ? [parent] : parents, parent, signal);
    made.set(path, folder);
    return folder;
  };

  const make: Folders['make'] = async (about, path, signal) => {
    const [there] = await find(about, path, signal);
    if (there !== undefined) return there;
    const work = (): Promise<FolderRef> =>
      path === '' ? makeBase(about, settings.base.length, signal) : makeBelow(about, path, signal);
    return shared(making, path, signal, work, false);
  };

  return {
    find,
    make,
    follow,
    forget() {
      bases.clear();
      children.clear();
      links.clear();
      made.clear();
    },
  };
}

const ofFolders = `(mimeType = '${folderType}' or mimeType = 'application/vnd.google-apps.shortcut')`;

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** DVC writes into the folder with the smallest ID, and sees no shortcuts. */
function inOrder(left: FolderRef, right: FolderRef): number {
  if (left.linked !== right.linked) return left.linked ? 1 : -1;
  return left.id < right.id ? -1 : 1;
}

function add(children: Children, name: string, folder: FolderRef): void {
  const there = children.get(name) ?? [];
  if (!there.some(({ id }) => id === folder.id)) children.set(name, [...there, folder]);
}

async function listAll(
  files: Files,
  about: About,
  parents: readonly FolderRef[],
  condition: string,
  signal: AbortSignal,
): Promise<Children> {
  const found: Children = new Map();
  const list = async (group: readonly FolderRef[]): Promise<void> => {
    for await (const page of files.list(about, group, condition, signal)) {
      for (const { name, folder } of page) if (folder !== undefined) add(found, name, folder);
    }
  };
  for (const group of byDrive(parents)) await list(group);
  // Of several folders Google sometimes tells nothing although there is something (see listing.ts).
  if (found.size === 0 && parents.length > 1) for (const folder of parents) await list([folder]);
  return found;
}

/** A query looks through one shared drive, or through what lies on none. */
export function byDrive(folders: readonly FolderRef[]): readonly (readonly FolderRef[])[] {
  const groups = new Map<string | undefined, FolderRef[]>();
  for (const folder of folders) groups.set(folder.driveId, [...(groups.get(folder.driveId) ?? []), folder]);
  return [...groups.values()];
}

/** Work that several need is done once. Whoever began it may be stopped, which is not the others' affair. */
async function shared<T>(
  known: Map<string, Promise<T>>,
  key: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  keep = true,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const underway = known.get(key);
    if (underway === undefined) {
      const own = work();
      known.set(key, own);
      const remove = (): void => {
        if (known.get(key) === own) known.delete(key);
      };
      own.then(keep ? () => undefined : remove, remove);
      return own;
    }
    try {
      return await underway;
    } catch (error) {
      if (signal.aborted || !isAbort(error)) throw error;
    }
  }
}

function noRoot(about: About, root: DriveFile | undefined, settings: DriveSettings, client: Client): HelperError {
  const { credentials } = client;
  if (root?.trashed === true) {
    return new ExhaustedError('unavailable', `${about.action}: the folder is in the trash of Google Drive`, {
      hints: ['restore it there'],
    });
  }
  if (root !== undefined) {
    return new ExhaustedError('unavailable', `${about.action}: '${settings.root}' is no folder`, {
      hints: [`name one: dvc remote modify ${settings.remote} url gdrive://<folder ID>/path`],
    });
  }
  return new ExhaustedError(
    'unavailable',
    `${about.action}: there is no folder '${settings.root}' that ${whoIs(credentials)} may see`,
    {
      hints: [
        'share it with that account, or make the account a member of the shared drive',
        `or correct the ID: dvc remote modify ${settings.remote} url gdrive://<folder ID>/path`,
      ],
    },
  );
}

function noBase(about: About, settings: DriveSettings): HelperError {
  return new ExhaustedError('unavailable', `${about.action}: there is no such folder in Google Drive`, {
    hints: [
      `check the URL: dvc remote modify ${settings.remote} url gdrive://<folder ID>/path`,
      'the first push of a clone that has not used it yet makes the folder',
    ],
  });
}
