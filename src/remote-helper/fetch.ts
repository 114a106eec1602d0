import { type Channel, leaveSoon } from '../git/channel.ts';
import { type InnerGit, InnerGone } from '../git/inner-git.ts';
import { encodePacket } from '../git/pkt-line.ts';
import { isExperiment, isInternal } from '../model/git.ts';
import type { Operation } from '../model/operation.ts';
import { trace } from '../report/trace.ts';
import { bringListed, downloadWanted, readTips } from './download.ts';
import type { Session } from './session.ts';
import { openWatcher, type Want, type Watcher } from './watcher.ts';

/** Bytes from Git to the server until Git has nothing more to say. That is no end of the fetch: the pack comes after it. */
async function passUp(session: Session, channel: Channel, watcher: Watcher | undefined): Promise<void> {
  const { bytes } = session.context.wire;
  for (let chunk = await bytes.chunk(); chunk !== undefined; chunk = await bytes.chunk()) {
    watcher?.request(chunk);
    await channel.write(chunk);
  }
  channel.finish();
}

/**
 * Bytes from the server to Git, until the server has no more, or Git reads no more: it has said all (`saidAll`), and
 * has all it asked for.
 */
async function passDown(
  session: Session,
  channel: Channel,
  watcher: Watcher,
  saidAll: Promise<void>,
  operation: Operation,
): Promise<void> {
  const { wire } = session.context;
  let over = false;
  const enough = new Promise<undefined>((resolve, reject) => {
    const look = (): void => {
      over = true;
      if (watcher.answered) resolve(undefined);
    };
    saidAll.then(look, reject);
  });
  for (;;) {
    const chunk = await Promise.race([channel.reader.chunk(), enough]);
    if (chunk === undefined) break;
    const { forward, listed } = watcher.answer(chunk);
    if (listed && watcher.forFetch && (await bringAhead(watcher, session, operation)) === 'failed') {
      // In a list of refs Git takes this for the end, and prints it (gitprotocol-common(5), "error-line").
      await wire.write(encodePacket('ERR data of an earlier fetch is still missing, so no ref moves'));
      await channel.close();
      throw new InnerGone(128);
    }
    for (const bytes of forward) await wire.write(bytes);
    if (over && watcher.answered) break;
  }
  for (const bytes of watcher.rest()) await wire.write(bytes);
}

/**
 * For a clone that asked for no object: Git copies them itself from a local path, or has them from `--reference`. To be
 * called when it lets us go: then they are in place.
 */
export async function downloadCopied(
  listed: ReadonlyMap<string, readonly string[]>,
  head: string | undefined,
  session: Session,
  operation: Operation,
): Promise<void> {
  // Git that fails takes the new repository with it, before it lets us go; one that goes on has written refs by now.
  const written = await readTips(session, operation).catch(() => undefined);
  if (!written || written.size === 0) return;
  const tips = [...listed].filter(([, names]) => names.some((name) => name === 'HEAD' || name === head));
  await downloadWanted(
    tips.map(([oid, names]) => ({ oid, names })),
    head,
    session,
    operation,
  );
}

/**
 * Git asks for no commit that it has. So the data of such commits is brought before Git sees the list: of what failed
 * in an earlier fetch, of experiments that were named, and of those a pattern covers that get their first ref here.
 */
async function bringAhead(watcher: Watcher, session: Session, operation: Operation): Promise<'whole' | 'failed'> {
  const listed = watcher.names();
  let experiments: readonly string[] = [];
  if (watcher.experiments !== undefined) {
    experiments = [...listed].filter(([, names]) => names.some(isExperiment)).map(([oid]) => oid);
  }
  if (watcher.experiments === 'all' && experiments.length > 0) {
    const tips = await readTips(session, operation);
    experiments = experiments.filter((oid) => !tips.has(oid));
  }
  return await bringListed(listed, experiments, watcher.head, session, operation);
}

/**
 * A fetch, clone or ls-remote: Git and upload-pack talk through us, byte for byte, so that every feature of Git's own
 * works. Data is downloaded when Git has stored the pack and before it moves a ref: in that moment it waits for this
 * process to end, and a failure then makes the fetch fail. Answers the exit code.
 */
export async function passFetch(
  channel: Channel,
  stateless: boolean,
  session: Session,
  operation: Operation,
): Promise<number> {
  const { wire } = session.context;
  const moving = session.movesData();
  const holdList = moving && (session.pending()?.oids.size ?? 0) > 0;
  const watcher = openWatcher({ stateless, holdList, holdExperiments: moving });
  const cloning = moving ? session.cloning(operation) : Promise.resolve(false);
  cloning.catch(() => undefined);
  // It ends when Git closes its end, or with this process.
  const saidAll = passUp(session, channel, watcher);
  saidAll.catch(() => undefined);
  await passDown(session, channel, watcher, saidAll, operation);
  const code = (await leaveSoon(channel)) ?? 0;
  if (code !== 0) return code;
  const wants = watcher.wants();
  if (wants.length === 0) {
    if (!watcher.forFetch || !(await cloning)) return 0;
    await saidAll;
    await downloadCopied(watcher.names(), watcher.head, session, operation);
    return 0;
  }
  if (!watcher.whole) {
    // Git is still reading: anything more written would be taken for the answer. Our end makes it fail as usual.
    trace(() => 'the answer of the Git remote was cut off');
    return 1;
  }
  if (!moving) return 0;
  trace(() => `waiting for Git to store the objects of ${wants.length} wants`);
  await wire.readerGone();
  return (await downloadWanted(wants, watcher.head, session, operation)) === 'whole' ? 0 : 1;
}

/** Any other conversation (`git archive --remote`, import, export): bytes both ways. Answers the exit code. */
export async function passThrough(channel: Channel, session: Session): Promise<number> {
  const { wire } = session.context;
  passUp(session, channel, undefined).catch(() => undefined);
  for (let chunk = await channel.reader.chunk(); chunk !== undefined; chunk = await channel.reader.chunk()) {
    await wire.write(chunk);
  }
  channel.finish();
  return await channel.ended;
}

const listLine = /^([0-9a-f]{40}|[0-9a-f]{64}|@\S+) ([^ ]+)/;

function namesByOid(lines: readonly Buffer[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const line of lines) {
    const [, oid = '', name = ''] = listLine.exec(line.toString()) ?? [];
    if (oid === '' || oid.startsWith('@')) continue;
    const known = names.get(oid);
    if (known === undefined) names.set(oid, [name]);
    else known.push(name);
  }
  return names;
}

/** `@refs/heads/main HEAD` in a `list` reply. */
function headOf(lines: readonly Buffer[]): string | undefined {
  return lines.map((line) => /^@(\S+) HEAD/.exec(line.toString())?.[1]).find((target) => target !== undefined);
}

export interface Listing {
  readonly lines: readonly Buffer[];
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly head: string | undefined;
  readonly cloning: boolean;
}

/** The `list` of a fetch whose server speaks no version 2: without DVC's internal refs, and not before what is pending was tried. */
export async function listForFetch(inner: InnerGit, session: Session, operation: Operation): Promise<Listing> {
  const all = await inner.list(false, session.options, operation);
  const lines = all.filter((line) => !isInternal(listLine.exec(line.toString())?.[2] ?? ''));
  const cloning = session.movesData() && (await session.cloning(operation));
  const listing = { lines, names: namesByOid(lines), head: headOf(lines), cloning };
  if ((await bringListed(listing.names, [], listing.head, session, operation)) === 'failed') throw new InnerGone(128);
  return listing;
}

/** A `fetch` batch: the objects have come when the nested helper answers, and Git waits for our answer. */
export async function fetchBatch(
  batch: readonly Buffer[],
  inner: InnerGit,
  listing: Listing | undefined,
  session: Session,
  operation: Operation,
): Promise<readonly Buffer[]> {
  const reply = await inner.fetch(batch, session.options, operation);
  const named = new Map<string, Set<string>>();
  for (const line of batch) {
    const [, oid = '', name = ''] = line.toString().split(' ');
    const names = named.get(oid) ?? new Set(listing?.names.get(oid));
    named.set(oid, names.add(name));
  }
  const wants: Want[] = [...named].map(([oid, names]) => ({ oid, names: [...names].filter((name) => name !== '') }));
  if ((await downloadWanted(wants, listing?.head, session, operation)) === 'whole') return reply;
  // Git takes the lock off a pack that it was told of, also when it fails.
  for (const line of reply) if (line.toString('latin1').startsWith('lock ')) await session.context.wire.answer(line);
  throw new InnerGone(1);
}
