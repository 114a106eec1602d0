import type { InnerGit } from '../git/inner-git.ts';
import { HelperError, isAbort } from '../model/error.ts';
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
  /** The destination byte for byte, for answers: a name need not be UTF-8. */
  readonly name: Buffer;
  /** '' for a deletion. */
  readonly source: string;
  readonly destination: RefName;
  readonly forced: boolean;
}

/** It has to go into a packet for send-pack. */
const longestRefspec = 65_000;

/** `push [+]<source>:<destination>`. Throws `unsupported` for anything else, which Git does not send. */
export function parsePushLine(line: Buffer): PushLine {
  const refspec = line.subarray('push '.length);
  const forced = refspec[0] === 0x2b;
  const colon = refspec.indexOf(0x3a);
  const name = refspec.subarray(colon + 1);
  // A name that holds a blank would be two words of our answer, and one that is not full would be guessed at.
  if (refspec.length > longestRefspec || colon < 0 || !/^refs\/[!-~\x80-\xff]+$/.test(name.toString('latin1'))) {
    throw new HelperError('unsupported', `Git sent '${printable(line.toString())}' for a refspec`);
  }
  const source = refspec.toString('utf8', forced ? 1 : 0, colon);
  return { refspec, name, source, destination: name.toString() as RefName, forced };
}

const atomicFailure = 'atomic push failed';

/** `error <ref> "<reason>"`, in the C-style quoting that Git undoes. */
function errorLine(name: Buffer, reason: string): Buffer {
  const quoted = printable(reason).replace(/["\\]/g, '\\$&');
  return Buffer.concat([Buffer.from('error '), name, Buffer.from(` "${quoted}"`)]);
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
function ownStatus(status: readonly Buffer[], names: ReadonlySet<string>): readonly Buffer[] {
  let own = false;
  return status.filter((line) => {
    const [word, name = ''] = line.toString('latin1').split(' ');
    if (word === 'ok' || word === 'error') own = names.has(name);
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

/**
 * Throws `config`, before any data is uploaded, when the two repositories name objects by different hashes
 * (gitremote-helpers(7), `:object-format`).
 */
function checkObjectFormat(listing: readonly Buffer[], session: Session): void {
  const theirs = /^:object-format (.*)$/.exec(listing[0]?.toString() ?? '')?.[1];
  const ours = session.context.configuration.get('extensions.objectformat') ?? 'sha1';
  if (theirs === undefined || theirs === ours) return;
  throw new HelperError('config', "the receiving end does not support this repository's hash algorithm");
}

/** Data first, refs last: the whole push. Answers the lines of the reply, one for each ref of the batch. */
export async function carryPush(
  batch: readonly Buffer[],
  listing: readonly Buffer[],
  inner: InnerGit,
  session: Session,
  operation: Operation,
): Promise<readonly Buffer[]> {
  checkObjectFormat(listing, session);
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
  const status = ownStatus(all, new Set(going.map(({ name }) => name.toString('latin1'))));
  const judged = new Set(status.map((line) => line.toString('latin1').split(' ')[1]));
  // Git takes a ref without an answer for one that nothing happened to; send-pack has no word for these two.
  const unsaid = session.options.atomic ? atomicFailure : 'expecting report';
  const errors = lines.flatMap(({ name, destination }) => {
    const reason = refused.get(destination) ?? (judged.has(name.toString('latin1')) ? undefined : unsaid);
    return reason === undefined ? [] : [errorLine(name, reason)];
  });
  return [...errors, ...status];
}
