import type { Stats } from 'ssh2';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { status, statusOf } from './failure.ts';
import type { Task } from './link.ts';
import type { SshSettings } from './settings.ts';

/** undefined: nothing is there. Follows links. Throws the server's error. */
export async function statPath(task: Task, path: string): Promise<Stats | undefined> {
  try {
    return await task.request<Stats>((sftp, done) => sftp.stat(path, done));
  } catch (error) {
    if (statusOf(error) === status.noSuchFile) return undefined;
    throw error;
  }
}

/** Makes a directory and those above it, with the modes of the server. Throws the server's error, or `config`. */
export async function makeFolder(task: Task, path: string, hasParent = false): Promise<void> {
  try {
    await task.request((sftp, done) => sftp.mkdir(path, done));
    return;
  } catch (error) {
    // Servers say the same of one that is there as of one that cannot be made, so look.
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (statusOf(error) === status.noSuchFile && parent !== '' && !hasParent) {
      await makeFolder(task, parent);
      return makeFolder(task, path, true);
    }
    const found = statusOf(error) === undefined ? undefined : await statPath(task, path);
    if (found?.isDirectory() === true) return;
    if (found === undefined) throw error;
    throw new HelperError('config', `'${printable(path)}' on the server is no directory`, {
      hints: ['let the storage URL name another place, or move that entry away'],
    });
  }
}

/** The directory that the URL names, and those below it. */
export interface Folders {
  /** Whether the base is there. Throws `unavailable` when it is not and may not be made, `config` when it is no directory. */
  checkBase(task: Task): Promise<boolean>;
  /** Makes a directory below the base, once for all who ask for it at the same time. */
  make(task: Task, path: string): Promise<void>;
}

export function openFolders({ path, displayUrl, name }: SshSettings, createBase: boolean): Folders {
  let seen = false;
  const making = new Map<string, Promise<void>>();
  const checkBase = async (task: Task): Promise<boolean> => {
    if (seen) return true;
    const found = await statPath(task, path === '' ? '/' : path);
    seen = found?.isDirectory() === true;
    if (found !== undefined && !seen) {
      throw new HelperError('config', `'${displayUrl}' is not a directory`, {
        hints: [`name one: dvc remote modify ${name} url ssh://<host>/<directory>`],
      });
    }
    if (seen || createBase) return seen;
    // A share that is not mounted over there must not look like storage that has lost its objects.
    throw new HelperError('unavailable', `the directory of '${displayUrl}' does not exist on the server`, {
      hints: ['mount it there, or create it there'],
    });
  };
  return {
    checkBase,
    async make(task, folder) {
      await checkBase(task);
      const made = making.get(folder) ?? makeFolder(task, folder).finally(() => making.delete(folder));
      making.set(folder, made);
      await made;
    },
  };
}
