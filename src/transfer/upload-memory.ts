import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UploadMemory } from '../storage/remote.ts';
import type { StoragePlace } from './storage-place.ts';

/** Shorter than any service keeps the parts of an upload that nobody ended, where it forgets them by itself. */
const lifetimeMs = 3 * 24 * 3600 * 1000;
/** Past this age a backend had its time to tidy up. */
const longestMs = 4 * lifetimeMs;
/** Characters of one note, and notes of one storage remote. */
const longestText = 16 * 1024;
const mostNotes = 256;

interface Note {
  readonly key: string;
  readonly text: string;
}

/**
 * A file for each upload, so that processes side by side do not write over each other's. Nothing here throws: without
 * it an upload only begins anew.
 *
 * @param directory the repository's `dvcexp` folder in its common Git directory
 * @param now milliseconds since 1970
 */
export function openUploadMemory(directory: string, place: StoragePlace, now: () => number = Date.now): UploadMemory {
  const folder = join(directory, 'uploads', place.name);
  const pathOf = (key: string): string => join(folder, createHash('sha256').update(key).digest('hex').slice(0, 32));
  return {
    recall(key) {
      const path = pathOf(key);
      const age = ageOf(path, now());
      const note = age !== undefined && age < lifetimeMs ? read(path) : undefined;
      return note?.key === key ? note.text : undefined;
    },
    note(key, text) {
      if (text.length > longestText) return;
      const path = pathOf(key);
      const aside = `${path}.${randomBytes(8).toString('hex')}.tmp`;
      quietly(() => {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        makeRoom(folder, now());
        writeFileSync(aside, JSON.stringify({ key, text } satisfies Note), { flag: 'wx', mode: 0o600 });
        renameSync(aside, path);
      });
      quietly(() => rmSync(aside, { force: true }));
    },
    forget: (key) => quietly(() => rmSync(pathOf(key), { force: true })),
    expired() {
      const found: (readonly [key: string, text: string])[] = [];
      for (const { path, age } of filesIn(folder, now())) {
        if (age < lifetimeMs) continue;
        const note = read(path);
        if (note === undefined || age > longestMs) quietly(() => rmSync(path, { force: true }));
        if (note !== undefined) found.push([note.key, note.text]);
      }
      return found;
    },
  };
}

/** What is old goes, and of the rest the oldest where there are too many. */
function makeRoom(folder: string, nowMs: number): void {
  const files = filesIn(folder, nowMs).sort((one, other) => one.age - other.age);
  for (const [at, { path, age }] of files.entries()) {
    if (at >= mostNotes - 1 || age > longestMs) quietly(() => rmSync(path, { force: true }));
  }
}

function filesIn(folder: string, nowMs: number): { readonly path: string; readonly age: number }[] {
  let names: readonly string[] = [];
  quietly(() => {
    names = readdirSync(folder);
  });
  return names.flatMap((name) => {
    const path = join(folder, name);
    const age = ageOf(path, nowMs);
    return age === undefined ? [] : [{ path, age }];
  });
}

function ageOf(path: string, nowMs: number): number | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : nowMs - stat.mtimeMs;
  } catch {
    return undefined;
  }
}

function read(path: string): Note | undefined {
  try {
    const { key, text } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Note>;
    return typeof key === 'string' && typeof text === 'string' ? { key, text } : undefined;
  } catch {
    return undefined;
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Only a memory.
  }
}
