import type { FileEntryWithStats } from 'ssh2';
import { isKey } from '../key.ts';
import type { Entry } from '../remote.ts';
import { status, statusOf } from './failure.ts';
import { statPath } from './folders.ts';
import type { Task } from './link.ts';
import { removeStale } from './temporaries.ts';

/** Folders that are read at once. */
const foldersAtOnce = 16;
/** The bits of a mode that tell what kind of file it is (POSIX, sys/stat.h). */
const kind = { mask: 0o170000, directory: 0o040000, link: 0o120000, file: 0o100000 };

export interface Listing {
  readonly task: Task;
  /** Absolute, '' for the root. */
  readonly base: string;
  readonly prefix: string;
  /** Remove what killed runs left in the folders on the way. */
  readonly sweeps: boolean;
}

/** Every file below the base whose key starts with the prefix, folder by folder, in the order in which they come. */
export async function* listFiles({ task, base, prefix, sweeps }: Listing): AsyncGenerator<Entry> {
  const waiting = [prefix.slice(0, prefix.lastIndexOf('/') + 1)];
  const running = new Map<string, Promise<Found>>();
  for (;;) {
    while (waiting.length > 0 && running.size < foldersAtOnce) {
      const folder = waiting.pop() ?? '';
      const reading = readFolder({ task, base, prefix, sweeps }, folder);
      // Met when it is raced; a reader who left does not want to know.
      reading.catch(() => undefined);
      running.set(folder, reading);
    }
    if (running.size === 0) return;
    const found = await Promise.race(running.values());
    running.delete(found.folder);
    waiting.push(...found.folders);
    yield* found.entries;
  }
}

interface Found {
  readonly folder: string;
  readonly folders: readonly string[];
  readonly entries: readonly Entry[];
}

async function readFolder({ task, base, prefix, sweeps }: Listing, folder: string): Promise<Found> {
  const folders: string[] = [];
  const entries: Entry[] = [];
  for (const { filename, attrs } of await namesIn(task, `${base}/${folder}`)) {
    const key = `${folder}${filename}`;
    if (sweeps) await removeStale(task, `${base}/${folder}`, filename, attrs.mtime);
    if (!isKey(key) || key.endsWith('.tmp')) continue;
    const type = attrs.mode & kind.mask;
    if (type === kind.directory) {
      // Not descending into links keeps the walk finite; DVC makes none here.
      if (key.startsWith(prefix) || prefix.startsWith(`${key}/`)) folders.push(`${key}/`);
    } else if (key.startsWith(prefix)) {
      const target = type === kind.link ? await statPath(task, `${base}/${key}`) : undefined;
      // The time of the bytes, where they were moved there: SFTP tells no other.
      const modified = attrs.mtime * 1000;
      if (type === kind.file) entries.push({ key, size: attrs.size, modified });
      else if (target?.isFile() === true) entries.push({ key, size: target.size, modified });
    }
  }
  return { folder, folders, entries };
}

async function namesIn(task: Task, path: string): Promise<readonly FileEntryWithStats[]> {
  try {
    return await task.request<FileEntryWithStats[]>((sftp, done) => sftp.readdir(path, done));
  } catch (error) {
    // Removed by somebody since we saw it, or never there: then it holds nothing.
    if (statusOf(error) === status.noSuchFile) return [];
    throw error;
  }
}
