import { isKey, requireKey } from '../key.ts';
import type { Entry } from '../remote.ts';
import { isLeftOver } from '../temporary.ts';
import type { Folders } from './folders.ts';
import type { Resource } from './multistatus.ts';

/** Folders asked for ahead of the reader. */
const ahead = 8;
/** A server may lead in circles. DVC's folders are three deep. */
const deepest = 32;

/**
 * Walks folder by folder: many a server refuses to answer for a whole tree at once (RFC 4918, 9.1).
 *
 * @param sweep removes what killed runs left in the folders on the way; undefined: it stays
 */
export async function* listObjects(
  folders: Folders,
  action: string,
  prefix: string,
  signal: AbortSignal,
  sweep?: (key: string) => Promise<void>,
): AsyncGenerator<Entry> {
  signal.throwIfAborted();
  const top = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (top !== '') requireKey(top.slice(0, -1));
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const waiting = [top];
  const underway: Promise<readonly Child[]>[] = [];
  const start = (): void => {
    for (let next = underway.length < ahead ? waiting.pop() : undefined; next !== undefined; ) {
      const asked = readFolder(folders, action, next, both, sweep);
      // Met when its turn comes; a reader who left does not want to know.
      asked.catch(() => {});
      underway.push(asked);
      next = underway.length < ahead ? waiting.pop() : undefined;
    }
  };
  try {
    for (start(); underway.length > 0; start()) {
      for (const { key, isFolder, size, modified } of (await underway.shift()) ?? []) {
        const wanted = key.startsWith(prefix);
        if (isFolder && (wanted || prefix.startsWith(`${key}/`)) && key.split('/').length < deepest) {
          waiting.push(`${key}/`);
        } else if (!isFolder && wanted) yield { key, size: size ?? 0, modified };
      }
    }
  } finally {
    stop.abort();
  }
}

interface Child {
  readonly key: string;
  readonly isFolder: boolean;
  readonly size: number | undefined;
  readonly modified: number;
}

async function readFolder(
  folders: Folders,
  action: string,
  folder: string,
  signal: AbortSignal,
  sweep: ((key: string) => Promise<void>) | undefined,
): Promise<readonly Child[]> {
  const resources = await folders.look(action, folder, 1, signal);
  if (resources === undefined) {
    await folders.checkBase(action, signal);
    return [];
  }
  const own = resources.reduce<Resource | undefined>(shorter, undefined)?.path ?? '';
  for (const { path, isFolder, modified } of sweep === undefined ? [] : resources) {
    const name = path.slice(own.length + 1);
    if (path.startsWith(`${own}/`) && !isFolder && isLeftOver(name, modified)) await sweep?.(`${folder}${name}`);
  }
  return resources.flatMap(({ path, isFolder, size, modified }) => {
    const name = path.slice(own.length + 1);
    const key = `${folder}${name}`;
    // Names that DVC cannot have made, and those of writes under way.
    const known = path.startsWith(`${own}/`) && !name.includes('/') && isKey(key) && !key.endsWith('.tmp');
    return known ? [{ key, isFolder, size, modified }] : [];
  });
}

/** The folder itself is told of as well, in whatever place, and by the path it has for the server. */
function shorter(best: Resource | undefined, next: Resource): Resource {
  return best === undefined || next.path.length < best.path.length ? next : best;
}
