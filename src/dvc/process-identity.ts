import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';

/** Where the system does not tell. */
export const unknownIdentity = '000000000000-0-0';
let known: string | undefined;

/** This process, in words that no other has: of this machine's boot and namespace, and of the time it started. */
export function ownIdentity(): string {
  if (known !== undefined) return known;
  const own = processOf('self');
  try {
    const space = [
      hostname(),
      readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'),
      readlinkSync('/proc/self/ns/pid'),
    ];
    const machine = createHash('sha256').update(JSON.stringify(space)).digest('hex').slice(0, 12);
    known = own === undefined ? unknownIdentity : `${machine}-${own.pid}-${own.started}`;
  } catch {
    known = unknownIdentity;
  }
  return known;
}

/** Of a process by its identity; `owner`: the user who made what bears it. */
export function stateOfProcess(identity: string, owner: number): 'running' | 'gone' | 'unknown' {
  if (identity === unknownIdentity) return 'unknown';
  if (identity === ownIdentity()) return 'running';
  const [machine, pid = '', started] = identity.split('-');
  // Of others' processes the system may hide that they are there (hidepid in proc(5)).
  if (machine !== ownIdentity().slice(0, 12) || owner !== userInfo().uid) return 'unknown';
  return processOf(pid)?.started === started ? 'running' : 'gone';
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
