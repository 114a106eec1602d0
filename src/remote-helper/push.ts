import type { InnerGit } from '../git/inner-git.ts';
import { isAbort } from '../model/error.ts';
import { type GitOid, isInternal, isNullOid, parseGitOid, type RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { shortReason } from '../report/diagnose.ts';
import { printable } from '../report/printable.ts';
import { readKinds } from './download.ts';
import type { Session } from './session.ts';

/** One line of a `push` batch. */
export interface PushLine {
  /** Behind the word, byte for byte. */
  readonly refspec: Buffer;
  /** '' for a deletion. */
  readonly source: string;
  readonly destination: RefName;
  readonly forced: boolean;
}

/** `push [+]<source>:<destination>` */
export function parsePushLine(line: Buffer): PushLine {
  const refspec = line.subarray('push '.length);
  const forced = refspec[0] === 0x2b;
  const text = refspec.toString('utf8', forced ? 1 : 0);
  const colon = text.indexOf(':');
  return { refspec, source: text.slice(0, Math.max(colon, 0)), destination: text.slice(colon + 1) as RefName, forced };
}

const atomicFailure = 'atomic push failed';

/** `error <ref> "<reason>"`, in the C-style quoting that Git undoes. */
function errorLine(destination: string, reason: string): Buffer {
  const quoted = printable(reason).replace(/["\\]/g, '\\$&');
  return Buffer.from(`error ${destination} "${quoted}"`);
}

/** The refs of a `list for-push` reply. */
export function parseAdvertised(listing: readonly Buffer[]): ReadonlyMap<string, GitOid> {
  const refs = new Map<string, GitOid>();
  for (const line of listing) {
    const [text = '', name = ''] = line.toString().split(' ');
    const oid = parseGitOid(text);
    if (oid !== undefined && !isNullOid(oid)) refs.set(name, oid);
  }
  return refs;
}

/**
 * Refs that stand at a commit we have not got: without force they cannot move. Git leaves finding that out to the
 * transport, which would be after the upload.
 */
async function findUnseen(
  lines: readonly PushLine[],
  advertised: ReadonlyMap<string, GitOid>,
  session: Session,
  operation: Operation,
): Promise<readonly RefName[]> {
  const leased = (ref: string): boolean => session.options.leases.some((lease) => lease.startsWith(`${ref}:`));
  const plain = lines.filter(
    ({ forced, destination }) => !forced && advertised.has(destination) && !leased(destination),
  );
  if (plain.length === 0) return [];
  const known = await readKinds(
    plain.map(({ destination }) => advertised.get(destination) ?? ''),
    session,
    operation,
  );
  return plain.flatMap(({ destination }) => (known.has(advertised.get(destination) ?? '') ? [] : [destination]));
}

/** `ok`, `error` and the `option` lines below them, for refs of this batch only: send-pack also judges refs nobody named. */
function ownStatus(status: readonly Buffer[], destinations: ReadonlySet<string>): readonly Buffer[] {
  let own = false;
  return status.filter((line) => {
    const [word, name = ''] = line.toString().split(' ');
    if (word === 'ok' || word === 'error') own = destinations.has(name);
    return own;
  });
}

/** Refs that cannot go, with the reason Git prints; uploads the data of the others. */
async function prepare(
  lines: readonly PushLine[],
  advertised: ReadonlyMap<string, GitOid>,
  session: Session,
  operation: Operation,
): Promise<Map<RefName, string>> {
  const refused = new Map<RefName, string>();
  const { atomic, dryRun } = session.options;
  try {
    const settings = session.settings();
    const written = lines.filter(({ source }) => source !== '');
    for (const { destination } of written) {
      if (isInternal(destination)) refused.set(destination, 'dvc: internal to a clone, not shared');
    }
    if (!settings.noCache) {
      for (const ref of await findUnseen(written, advertised, session, operation)) refused.set(ref, 'fetch first');
    }
    const refs = written
      .filter(({ destination }) => !refused.has(destination))
      .map(({ source, destination }) => ({ source, destination }));
    if (settings.noCache || refs.length === 0 || (atomic && refused.size > 0)) return refused;
    const mover = await session.mover();
    const failed = await mover.upload({ refs, advertised: [...advertised.values()], dryRun, atomic }, operation);
    for (const [destination, reason] of failed) refused.set(destination, reason);
  } catch (error) {
    if (isAbort(error) || operation.signal.aborted) throw error;
    session.voice().fail(error);
    for (const { destination } of lines) refused.set(destination, `dvc: ${shortReason(error)}`);
  }
  return refused;
}

/** Data first, refs last: the whole push. Answers the lines of the reply, one for each ref of the batch. */
export async function carryPush(
  batch: readonly Buffer[],
  listing: readonly Buffer[],
  inner: InnerGit,
  session: Session,
  operation: Operation,
): Promise<readonly Buffer[]> {
  const lines = batch.map(parsePushLine);
  const refused = await prepare(lines, parseAdvertised(listing), session, operation);
  if (session.options.atomic && refused.size > 0) {
    for (const { destination } of lines) {
      if (!refused.has(destination)) refused.set(destination, atomicFailure);
    }
  }
  const going = lines.filter(({ destination }) => !refused.has(destination));
  const refspecs = going.map(({ refspec }) => refspec);
  const all = refspecs.length === 0 ? [] : await inner.push(refspecs, session.options, operation);
  const status = ownStatus(all, new Set(going.map(({ destination }) => destination)));
  const judged = new Set(status.map((line) => line.toString().split(' ')[1]));
  for (const { destination } of going) {
    // Git takes a ref without an answer for one that nothing happened to; send-pack has no word for these two.
    if (!judged.has(destination)) refused.set(destination, session.options.atomic ? atomicFailure : 'expecting report');
  }
  return [...[...refused].map(([destination, reason]) => errorLine(destination, reason)), ...status];
}
