import { runGit } from '../git/process.ts';
import { isAbort } from '../model/error.ts';
import { type GitOid, isExperiment, parseGitOid } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import type { DownloadRequest, DownloadResult } from '../transfer/data-mover.ts';
import type { Session } from './session.ts';
import type { Want } from './watcher.ts';

/** What may become of a fetch, once its Git objects are here. */
export type FetchOutcome =
  /** Git may move the refs. */
  | 'whole'
  /** They must not move; said on stderr. */
  | 'failed'
  /** The Git objects are not here: Git has failed, and says so itself. */
  | 'objects-missing';

/** Kinds of the objects that this repository has; what it lacks is left out. */
export async function readKinds(
  oids: readonly string[],
  session: Session,
  operation: Operation,
): Promise<Map<string, string>> {
  const { stdout } = await runGit(['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
    // A partial clone must not fetch in answer to this question.
    env: { ...session.context.env, GIT_NO_LAZY_FETCH: '1' },
    cwd: session.context.cwd,
    input: oids.map((oid) => `${oid}\n`).join(''),
    signal: operation.signal,
  });
  const kinds = new Map<string, string>();
  for (const line of stdout.toString().split('\n')) {
    const [oid = '', kind = ''] = line.split(' ');
    if (/^(?:commit|tag|tree|blob)$/.test(kind)) kinds.set(oid, kind);
  }
  return kinds;
}

/** What the refs of this repository point at. */
export async function readTips({ context }: Session, operation: Operation): Promise<ReadonlySet<string>> {
  const { stdout } = await runGit(['for-each-ref', '--format=%(objectname)'], {
    env: context.env,
    cwd: context.cwd,
    signal: operation.signal,
  });
  return new Set(
    stdout
      .toString('latin1')
      .split('\n')
      .filter((oid) => oid !== ''),
  );
}

/** The rule of `dvcexp.onFetchError` for a data side that broke as a whole, and could not judge ref by ref. */
function verdict(request: DownloadRequest, session: Session): DownloadResult {
  const { onFetchError } = session.settings();
  const experiment = request.wants.some(({ names }) => names.some(isExperiment));
  const fails = onFetchError === undefined ? experiment && !request.cloning : onFetchError === 'fail';
  return { outcome: fails ? 'failed' : 'whole', retry: request.wants.map(({ oid }) => oid) };
}

async function move(request: DownloadRequest, session: Session, operation: Operation): Promise<DownloadResult> {
  try {
    const mover = await session.mover();
    return await mover.download(request, operation);
  } catch (error) {
    if (isAbort(error) || operation.signal.aborted) {
      // Git removes a clone that is broken off: a note in it would only bring its directory back.
      if (!request.cloning) session.pending()?.add(request.wants.map(({ oid }) => oid));
      throw error;
    }
    session.voice().fail(error);
    return verdict(request, session);
  }
}

async function carry(
  wants: readonly { readonly oid: GitOid; readonly names: readonly string[] }[],
  head: string | undefined,
  session: Session,
  operation: Operation,
): Promise<'whole' | 'failed'> {
  const cloning = await session.cloning(operation);
  const { outcome, retry } = await move({ wants, head, cloning }, session, operation);
  const left = new Set<string>(retry);
  session.pending()?.add([...left]);
  session.pending()?.remove(wants.map(({ oid }) => oid).filter((oid) => !left.has(oid)));
  return outcome;
}

/** Downloads the data of what Git asked for, after its objects have come. Wanted trees and blobs (lazy fetch) carry none. */
export async function downloadWanted(
  wants: readonly Want[],
  head: string | undefined,
  session: Session,
  operation: Operation,
): Promise<FetchOutcome> {
  if (wants.length === 0 || !session.movesData()) return 'whole';
  const kinds = await readKinds(
    wants.map(({ oid }) => oid),
    session,
    operation,
  );
  if (wants.some(({ oid }) => !kinds.has(oid))) return 'objects-missing';
  const tips = wants.flatMap(({ oid, names }) => {
    const parsed = parseGitOid(oid);
    const kind = kinds.get(oid);
    return parsed !== undefined && (kind === 'commit' || kind === 'tag') ? [{ oid: parsed, names }] : [];
  });
  return tips.length === 0 ? 'whole' : await carry(tips, head, session, operation);
}

/**
 * Brings data of commits that are here already, before Git sees the list and moves refs to them without asking for
 * anything: of listed ones whose data failed to come in an earlier fetch, and of those in `more`.
 */
export async function bringListed(
  listed: ReadonlyMap<string, readonly string[]>,
  more: readonly string[],
  head: string | undefined,
  session: Session,
  operation: Operation,
): Promise<'whole' | 'failed'> {
  const pending = session.pending();
  if (pending === undefined || session.settings().noCache) return 'whole';
  const again = [...new Set([...[...pending.oids].filter((oid) => listed.has(oid)), ...more])];
  if (again.length === 0) return 'whole';
  const kinds = await readKinds(again, session, operation);
  // Not here (any more): Git asks for it, and with that for its data.
  pending.remove(again.filter((oid) => !kinds.has(oid)));
  const wants = again.flatMap((oid) => {
    const parsed = parseGitOid(oid);
    return parsed !== undefined && kinds.has(oid) ? [{ oid: parsed, names: listed.get(oid) ?? [] }] : [];
  });
  return wants.length === 0 ? 'whole' : await carry(wants, head, session, operation);
}
