import { isKey, requireKey } from '../key.ts';
import type { Entry } from '../remote.ts';
import { isLeftOver } from '../temporary.ts';
import type { About } from './failure.ts';
import type { DriveFile, Files, FolderRef } from './files.ts';
import { byDrive, type Folders } from './folders.ts';
import { isDamaged, splitKey } from './name.ts';

/** Folders in one question; each takes some sixty bytes of its URL. */
const mostFolders = 100;
/** Questions asked ahead of the reader. */
const ahead = 4;
/** DVC's folders are three deep, and shortcuts may lead in circles. */
const deepest = 16;

/** A folder on the way, and its path below the base (`files/md5/`). */
interface Place {
  readonly folder: FolderRef;
  readonly path: string;
}

/**
 * Goes down level by level, all folders of a level in a few questions. Leaves out what DVC cannot have made, and objects
 * of which Google itself says that they are not what their names promise: those are to be sent again.
 *
 * @param sweep removes the file, which a killed run left on the way; undefined: it stays
 */
export async function* listObjects(
  files: Files,
  folders: Folders,
  about: About,
  prefix: string,
  signal: AbortSignal,
  sweep?: (id: string) => Promise<void>,
): AsyncGenerator<Entry> {
  signal.throwIfAborted();
  const [top] = splitKey(prefix);
  if (top !== '') requireKey(top);
  const path = top === '' ? '' : `${top}/`;
  let level: Place[] = (await folders.find(about, top, signal)).map((folder) => ({ folder, path }));
  const seen = new Set(level.map(({ folder }) => folder.id));
  for (let depth = 0; level.length > 0 && depth < deepest; depth++) {
    const next: Place[] = [];
    for await (const { file, path: place } of childrenOf(files, about, level, signal)) {
      const key = `${place}${file.name}`;
      const { folder, size, md5, modified } = file;
      if (!isKey(key)) continue;
      if (size !== undefined && isLeftOver(file.name, Date.parse(file.modified))) await sweep?.(file.id);
      if (folder !== undefined && (key.startsWith(prefix) || prefix.startsWith(`${key}/`)) && !seen.has(folder.id)) {
        seen.add(folder.id);
        const target = await folders.follow(about, folder, signal);
        if (target !== undefined) next.push({ folder: target, path: `${key}/` });
      } else if (size !== undefined && key.startsWith(prefix) && !isDamaged(key, md5)) {
        yield { key, size, modified: Date.parse(modified) };
      }
    }
    level = next;
  }
}

interface Child {
  readonly file: DriveFile;
  readonly path: string;
}

/** One question, and the next page of its answer. */
interface Asked {
  readonly group: readonly FolderRef[];
  readonly pages: AsyncIterator<readonly DriveFile[]>;
  readonly page: Promise<IteratorResult<readonly DriveFile[]>>;
  readonly empty: boolean;
}

/**
 * What lies in the folders of one level, a few questions at once, and a page of each in memory. Google sometimes answers
 * a question about several folders with nothing although there is something (rclone's issues 3114 and 4289): then each
 * is asked for by itself.
 */
async function* childrenOf(
  files: Files,
  about: About,
  level: readonly Place[],
  signal: AbortSignal,
): AsyncGenerator<Child> {
  const paths = new Map(level.map(({ folder, path }) => [folder.id, path]));
  const groups = byDrive(level.map(({ folder }) => folder)).flatMap((group) => cut(group, mostFolders));
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const underway: Asked[] = [];
  const proceed = (asked: Omit<Asked, 'page'>): void => {
    const page = asked.pages.next();
    // Met when its turn comes; a reader who left does not want to know.
    page.catch(() => {});
    underway.push({ ...asked, page });
  };
  const start = (): void => {
    for (let group = next(); group !== undefined; group = next()) {
      proceed({ group, pages: files.list(about, group, undefined, both)[Symbol.asyncIterator](), empty: true });
    }
  };
  const next = (): readonly FolderRef[] | undefined => (underway.length < ahead ? groups.shift() : undefined);
  try {
    for (start(); underway.length > 0; start()) {
      const [asked] = underway.splice(0, 1);
      const page = await asked?.page;
      if (asked === undefined || page === undefined) continue;
      const { group, pages, empty } = asked;
      if (page.done === true) {
        if (empty && group.length > 1) groups.push(...cut(group, 1));
        continue;
      }
      proceed({ group, pages, empty: empty && page.value.length === 0 });
      yield* placed(page.value, paths);
    }
  } finally {
    stop.abort();
  }
}

function* placed(files: readonly DriveFile[], paths: ReadonlyMap<string, string>): Generator<Child> {
  for (const file of files) {
    for (const parent of file.parents) {
      const path = paths.get(parent);
      if (path !== undefined) yield { file, path };
    }
  }
}

function cut<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
