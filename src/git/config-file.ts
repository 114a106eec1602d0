import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { type ProcessOptions, runGit } from './process.ts';

/** One value of a key with where it stands (git-config(1), `--show-scope` and `--show-origin`). */
export interface PlacedValue {
  /** `system`, `global`, `local`, `worktree` or `command` (`git -c`, the environment). */
  readonly scope: string;
  /** Path of the file as Git names it, for scopes that have one; else ''. Included files have the scope of the includer. */
  readonly file: string;
  readonly value: string;
}

/** Every value of a key in the order in which Git reads them, the last one counts; none when it is not set. */
export async function placedValues(key: string, options: ProcessOptions): Promise<readonly PlacedValue[]> {
  const args = ['config', '--show-scope', '--show-origin', '-z', '--get-all', key];
  const { stdout } = await runGit(args, { ...options, accept: [0, 1] });
  const fields = stdout.toString().split('\0');
  const values: PlacedValue[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [scope = '', origin = '', value = ''] = fields.slice(at, at + 3);
    values.push({ scope, file: origin.startsWith('file:') ? origin.slice('file:'.length) : '', value });
  }
  return values;
}

/** Bytes that were put into a file in one piece. */
export interface Insertion {
  readonly at: number;
  readonly bytes: Buffer;
}

/** The one stretch that `after` has and `before` lacks; undefined when they differ in any other way. */
export function insertionBetween(before: Buffer, after: Buffer): Insertion | undefined {
  const length = after.length - before.length;
  if (length <= 0) return undefined;
  let at = 0;
  while (at < before.length && before[at] === after[at]) at += 1;
  if (!before.subarray(at).equals(after.subarray(at + length))) return undefined;
  // What follows may begin like what was inserted. Then several stretches are right, and the one of whole lines is meant.
  let start = at;
  while (start > 0 && after[start + length - 1] !== lineFeed && after[start - 1] === after[start + length - 1])
    start -= 1;
  if (after[start + length - 1] !== lineFeed) start = at;
  return { at: start, bytes: after.subarray(start, start + length) };
}

const lineFeed = 0x0a;

/** `bytes` without the insertion, by place alone; undefined when it is not there. */
export function withoutAt(bytes: Buffer, { at, bytes: inserted }: Insertion): Buffer | undefined {
  const end = at + inserted.length;
  if (!bytes.subarray(at, end).equals(inserted)) return undefined;
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
}

/**
 * `bytes` without the insertion, wherever it is by now, and without nothing else: Git reads the same entries from
 * the result, but for the one of `key` and `value`. Of an insertion that made a section only the last line is taken
 * when others have moved into that section since. Undefined when no such result can be had.
 */
export async function withoutInsertion(
  bytes: Buffer,
  insertion: Insertion,
  entry: { readonly key: string; readonly value: string },
  options: ProcessOptions,
): Promise<Buffer | undefined> {
  const before = await readEntries(bytes, options);
  if (before === undefined) return undefined;
  for (const piece of piecesOf(insertion.bytes)) {
    const places = placesOf(piece, bytes).sort(
      (one, other) => Math.abs(one - insertion.at) - Math.abs(other - insertion.at),
    );
    for (const at of places) {
      const result = withoutAt(bytes, { at, bytes: piece });
      if (result === undefined) continue;
      const after = await readEntries(result, options);
      if (after !== undefined && lacksOnly(entry, before, after)) return result;
    }
  }
  return undefined;
}

/** The insertion, then what may be left of it: without the line feed that ended the line above, its last line alone. */
function piecesOf(bytes: Buffer): readonly Buffer[] {
  const pieces = [bytes];
  if (bytes[0] === lineFeed) pieces.push(bytes.subarray(1));
  const lastLine = bytes.subarray(bytes.lastIndexOf(lineFeed, -2) + 1);
  if (pieces.every((piece) => piece.length > lastLine.length)) pieces.push(lastLine);
  return pieces;
}

const mostPlaces = 100;

function placesOf(piece: Buffer, bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(piece); at >= 0 && places.length < mostPlaces; at = bytes.indexOf(piece, at + 1)) {
    places.push(at);
  }
  return places;
}

/**
 * What a configuration file says by itself, includes left alone: `key LF value`, or the key of an entry without
 * value, in order; bytes as Latin-1. Undefined when Git cannot read it.
 */
export async function readEntries(bytes: Buffer, options: ProcessOptions): Promise<readonly string[] | undefined> {
  const args = ['config', '--file', '-', '--no-includes', '--list', '-z'];
  const { code, stdout } = await runGit(args, { ...options, input: bytes, accept: [0, 1, 3, 128] });
  return code === 0 ? stdout.toString('latin1').split('\0').slice(0, -1) : undefined;
}

/** True when the file says the one entry less and all else as before. Keys are given as Git prints them. */
export function lacksOnly(
  { key, value }: { readonly key: string; readonly value: string },
  before: readonly string[],
  after: readonly string[],
): boolean {
  if (before.length !== after.length + 1) return false;
  let at = 0;
  while (at < after.length && before[at] === after[at]) at += 1;
  const text = Buffer.from(`${key}\n${value}`).toString('latin1');
  // Among equal neighbours it does not matter which one is missing.
  return before[at] === text && after.slice(at).every((entry, index) => entry === before[at + index + 1]);
}

/**
 * Puts `next` in the place of `expected` under Git's own lock; mode and links stay. Answers false, and writes nothing,
 * when the file holds anything else by now. Throws `io` when another Git holds the lock, or the disk fails.
 */
export function replaceConfigFile(path: string, expected: Buffer, next: Buffer): boolean {
  // As Git: the lock stands beside the file itself, and a link to it stays a link.
  const target = realpathSync(path);
  const lock = `${target}.lock`;
  const file = openLock(lock, path);
  let open = true;
  const giveUp = (): void => {
    if (open) closeSync(file);
    rmSync(lock, { force: true });
  };
  try {
    if (!readFileSync(target).equals(expected)) {
      giveUp();
      return false;
    }
    for (let at = 0; at < next.length; ) at += writeSync(file, next, at);
    fchmodSync(file, statSync(target).mode & 0o7777);
    fsyncSync(file);
    open = false;
    closeSync(file);
    renameSync(lock, target);
    return true;
  } catch (error) {
    giveUp();
    throw error;
  }
}

function openLock(lock: string, path: string): number {
  try {
    return openSync(lock, 'wx', 0o600);
  } catch (error) {
    const held = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new HelperError('io', `could not lock config file '${printable(path)}'${held ? ': File exists' : ''}`, {
      hints: held ? [`another Git is changing it; when none is, remove '${printable(lock)}'`] : [],
      cause: error,
    });
  }
}
