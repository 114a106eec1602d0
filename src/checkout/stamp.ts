import { type BigIntStats, lstatSync } from 'node:fs';

/** What a file system tells of a path, links not followed; times in nanoseconds. */
export type Stamp = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ctimeNs' | 'ino'>;

/** undefined: nothing there. Throws the system's error. */
export function look(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // A file stands where the way to it needs a folder.
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** True when nobody has written to the file between the two. */
export function isSame(one: Stamp, other: Stamp): boolean {
  return one.size === other.size && one.mtimeNs === other.mtimeNs && one.ino === other.ino;
}
