import { createHash, randomBytes } from 'node:crypto';
import { constants, copyFileSync, lstatSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { ObjectId } from '../model/object.ts';

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
  return `.${id}.${self()}.${randomBytes(6).toString('base64url')}.dvcexp.tmp`;
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
  if (writer === unknown) return 'unknown';
  if (writer === self()) return written.has(name) ? 'running' : 'gone';
  const [machine, pid = '', started] = writer.split('-');
  // Of others' processes the system may hide that they are there (hidepid in proc(5)).
  if (machine !== self().slice(0, 12) || owner !== userInfo().uid) return 'unknown';
  const found = processOf(pid);
  return found?.started === started ? 'running' : 'gone';
}

const unknown = '000000000000-0-0';
let known: string | undefined;

/** This process, in words that no other has: of this machine's boot and namespace, and of the time it started. */
function self(): string {
  if (known !== undefined) return known;
  const own = processOf('self');
  try {
    const space = [
      hostname(),
      readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'),
      readlinkSync('/proc/self/ns/pid'),
    ];
    const machine = createHash('sha256').update(JSON.stringify(space)).digest('hex').slice(0, 12);
    known = own === undefined ? unknown : `${machine}-${own.pid}-${own.started}`;
  } catch {
    known = unknown;
  }
  return known;
}

/** From proc_pid_stat(5), where the system has it. The name in parentheses may hold anything. */
function processOf(pid: string): { readonly pid: string; readonly started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie writes nothing any more.
    return /^[ZXx]$/.test(fields[0] ?? '')
      ? undefined
      : { pid: text.slice(0, text.indexOf(' ')), started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
