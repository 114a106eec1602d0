import type { InnerGit } from '../git/inner-git.ts';
import { isAbort } from '../model/error.ts';
import { type GitOid, isInternal, isNullOid, parseGitOid, type RefName } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { shortReason } from '../report/diagnose.ts';
import { printable } from '../report/printable.ts';
import type { Session } from './session.ts';

/** One line of a `push` batch. */
export interface PushLine {
  /** Behind the word, byte for byte. */
  readonly refspec: Buffer;
  /** '' for a deletion. */
  readonly source: string;
  readonly destination: RefName;
}

/** `push [+]<source>:<destination>` */
export function parsePushLine(line: Buffer): PushLine {
  const refspec = line.subarray('push '.length);
  const text = refspec.toString().replace(/^\+/, '');
  const colon = text.indexOf(':');
  return { refspec, source: text.slice(0, Math.max(colon, 0)), destination: text.slice(colon + 1) as RefName };
}

/** `error <ref> "<reason>"`, in the C-style quoting that Git undoes. */
function errorLine(destination: string, reason: string): Buffer {
  const quoted = printable(reason).replace(/["\\]/g, '\\$&');
  return Buffer.from(`error ${destination} "${quoted}"`);
}

/** The object IDs of a `list for-push` reply. */
export function advertisedOids(listing: readonly Buffer[]): readonly GitOid[] {
  return listing.flatMap((line) => {
    const oid = parseGitOid(line.toString('latin1').split(' ')[0] ?? '');
    return oid === undefined || isNullOid(oid) ? [] : [oid];
  });
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
  advertised: readonly GitOid[],
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
    const refs = written
      .filter(({ destination }) => !refused.has(destination))
      .map(({ source, destination }) => ({ source, destination }));
    if (settings.noCache || refs.length === 0 || (atomic && refused.size > 0)) return refused;
    const mover = await session.mover();
    const failed = await mover.upload({ refs, advertised, dryRun, atomic }, operation);
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
  const refused = await prepare(lines, advertisedOids(listing), session, operation);
  if (session.options.atomic && refused.size > 0) {
    for (const { destination } of lines) {
      if (!refused.has(destination)) refused.set(destination, 'atomic push failed');
    }
  }
  const going = lines.filter(({ destination }) => !refused.has(destination));
  const refspecs = going.map(({ refspec }) => refspec);
  const status = refspecs.length === 0 ? [] : await inner.push(refspecs, session.options, operation);
  return [
    ...[...refused].map(([destination, reason]) => errorLine(destination, reason)),
    ...ownStatus(status, new Set(going.map(({ destination }) => destination))),
  ];
}
