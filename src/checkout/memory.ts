import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DvcObject, type Key, keyOf, parseKey } from '../model/object.ts';
import type { Stamp } from './stamp.ts';

/**
 * What this clone saw in files of the work tree, so that they need not be read again: `checkout` in the `dvcexp` folder of the
 * Git directory, which each linked worktree has for itself. Safe to delete.
 */
export interface Memory {
  /** The object whose bytes are in the file; undefined: not known, or the file may have been changed since. */
  find(path: string, stamp: Stamp): DvcObject | undefined;
  /** @param output path of the output that the file belongs to */
  remember(path: string, stamp: Stamp, object: DvcObject, output: string): void;
  forget(path: string): void;
  /** Outputs that files are remembered of. */
  outputs(): Iterable<string>;
  /** Files remembered of an output, with what they were when they were seen. */
  filesOf(output: string): ReadonlyMap<string, Remembered>;
  /** Writes what has changed, if anything has. Never throws: without it files are read again. */
  save(): void;
}

export interface Remembered {
  readonly stamp: string;
  readonly key: Key;
}

const format = 'dvcexp checkout 1';
/** The clock of a file system ticks a hundred times in a second at least, where it tells fractions; else each other second. */
const tickNs = { fine: 20e6, coarse: 2e9 };

/** What makes a file the same as when it was seen: its size, its times and its place on the disk. */
function signature({ size, mtimeNs, ctimeNs, ino }: Stamp): string {
  return `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
}

/**
 * A file that was last changed in the moment in which the memory was written may have been changed in it once more, with the
 * same times (as in Git: Documentation/technical/racy-git). It is read again.
 */
function isRacy(stamp: string, writtenNs: number): boolean {
  const [, mtime = '0', ctime = '0'] = stamp.split(' ');
  const changed = Math.max(Number(mtime), Number(ctime));
  const tick = mtime.endsWith('000000000') ? tickNs.coarse : tickNs.fine;
  return changed >= writtenNs - tick;
}

export function openMemory(gitDirectory: string): Memory {
  const folder = join(gitDirectory, 'dvcexp');
  const file = join(folder, 'checkout');
  const { outputs, writtenNs } = load(file);
  const ownerOf = new Map<string, string>();
  for (const [output, files] of outputs) for (const path of files.keys()) ownerOf.set(path, output);
  const fresh = new Set<string>();
  let changed = false;

  const forget = (path: string): void => {
    const owner = ownerOf.get(path);
    if (owner === undefined) return;
    ownerOf.delete(path);
    const files = outputs.get(owner);
    files?.delete(path);
    if (files?.size === 0) outputs.delete(owner);
    changed = true;
  };
  return {
    find(path, stamp) {
      const known = outputs.get(ownerOf.get(path) ?? '')?.get(path);
      if (known === undefined || known.stamp !== signature(stamp)) return undefined;
      return fresh.has(path) || !isRacy(known.stamp, writtenNs) ? parseKey(known.key) : undefined;
    },
    remember(path, stamp, object, output) {
      const [text, key] = [signature(stamp), keyOf(object)];
      const known = outputs.get(output)?.get(path);
      fresh.add(path);
      if (known?.stamp === text && known.key === key && !isRacy(text, writtenNs)) return;
      forget(path);
      const files = outputs.get(output) ?? new Map<string, Remembered>();
      files.set(path, { stamp: text, key });
      outputs.set(output, files);
      ownerOf.set(path, output);
      changed = true;
    },
    forget,
    outputs: () => [...outputs.keys()],
    filesOf: (output) => outputs.get(output) ?? new Map(),
    save() {
      if (!changed) return;
      const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`;
      try {
        mkdirSync(folder, { recursive: true });
        writeFileSync(temporary, textOf(outputs));
        renameSync(temporary, file);
        changed = false;
      } catch {
        // What an old memory says of files that are as they were is still true.
        rmSync(temporary, { force: true });
      }
    },
  };
}

type Outputs = Map<string, Map<string, Remembered>>;

function textOf(outputs: Outputs): string {
  const lines = [format];
  for (const [output, files] of outputs) {
    lines.push(JSON.stringify(output));
    for (const [path, { stamp, key }] of files) lines.push(`${stamp} ${key} ${JSON.stringify(path)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Empty when there is none, or one that another version wrote. */
function load(file: string): { readonly outputs: Outputs; readonly writtenNs: number } {
  const outputs: Outputs = new Map();
  try {
    const writtenNs = Number(statSync(file, { bigint: true }).mtimeNs);
    const [first, ...lines] = readFileSync(file, 'utf8').split('\n');
    if (first !== format) return { outputs, writtenNs: 0 };
    let files = new Map<string, Remembered>();
    for (const line of lines) {
      if (line.startsWith('"')) {
        files = new Map();
        outputs.set(JSON.parse(line), files);
        continue;
      }
      const [, stamp = '', key = '', path = ''] = /^(\d+ -?\d+ -?\d+ \d+) (\S+) (".*")$/.exec(line) ?? [];
      if (parseKey(key) !== undefined) files.set(JSON.parse(path), { stamp, key: key as Key });
    }
    return { outputs, writtenNs };
  } catch {
    return { outputs: new Map(), writtenNs: 0 };
  }
}
