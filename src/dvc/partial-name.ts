import { randomBytes } from 'node:crypto';
import { constants, copyFileSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectId } from '../model/object.ts';
import { ownIdentity, stateOfProcess, unknownIdentity } from './process-identity.ts';

/*
 * What came of a big object before the run ended lies beside the place where the object will be, in a file whose name
 * tells the object and the process that wrote it. Of a process that is gone the next run takes the file over; no two
 * processes ever write to one file.
 */

/** Less is not worth going on with. Bytes. */
export const resumeFrom: number = 8 * 2 ** 20;
const lifetimeMs = 3 * 24 * 60 * 60 * 1000;
/** From somebody of whom nothing can be learned and who has not written for so long his bytes are copied. */
const silentMs = 60 * 1000;
/** After so long he does not miss them. */
const forgottenMs = 60 * 60 * 1000;

// Ends like every temporary file of ours, which DVC and everybody else passes over.
const pattern = /^\.([0-9a-f]{32})\.([0-9a-f]{12}-\d+-\d+)\.[\w-]{8}\.dvcexp\.tmp$/;

/** A new name for what comes of an object. */
export function partialName(id: ObjectId): string {
  return `.${id}.${ownIdentity()}.${randomBytes(6).toString('base64url')}.dvcexp.tmp`;
}

/** The object whose bytes a file of this name holds; undefined for other names. */
export function partialOf(name: string): string | undefined {
  return pattern.exec(name)?.[1];
}

/** True for a file that no run will want: too old, or of an object that has arrived, and nobody writes to it. */
export function isSpent(directory: string, name: string): boolean {
  const id = partialOf(name);
  const stat = lstatSync(join(directory, name), { throwIfNoEntry: false });
  if (id === undefined || stat === undefined) return false;
  if (Date.now() - stat.mtimeMs > lifetimeMs) return true;
  const arrived = lstatSync(join(directory, id.slice(2)), { throwIfNoEntry: false }) !== undefined;
  return arrived && stateOf(name, stat.uid) === 'gone';
}

/**
 * Makes the bytes in the file ours, under the new path: the file itself, or a copy where its process may be alive.
 * Throws what the disk says; answers false for one that is in use, or too small.
 */
export function takeOver(directory: string, name: string, path: string): boolean {
  const from = join(directory, name);
  const stat = lstatSync(from);
  if (!stat.isFile() || stat.size < resumeFrom) return false;
  const state = stateOf(name, stat.uid);
  const silence = Date.now() - stat.mtimeMs;
  if (state === 'running' || (state === 'unknown' && silence < silentMs)) return false;
  if (state === 'gone') renameSync(from, path);
  else copyFileSync(from, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  if (silence > forgottenMs) rmSync(from, { force: true });
  return true;
}

/** Names, which are new each time, of the files that this process is writing. */
export const written: Set<string> = new Set();

function stateOf(name: string, owner: number): 'running' | 'gone' | 'unknown' {
  const [, , writer = ''] = pattern.exec(name) ?? [];
  if (writer === ownIdentity() && writer !== unknownIdentity) return written.has(name) ? 'running' : 'gone';
  return stateOfProcess(writer, owner);
}
