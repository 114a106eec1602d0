import type { Operation } from '../model/operation.ts';
import { trace } from '../report/trace.ts';
import { openAllowance } from './allowance.ts';
import { type ByteReader, openByteReader, writeBytes } from './byte-stream.ts';
import { type Channel, leaveSoon } from './channel.ts';
import { type Farewell, InnerGone, type Refspec } from './inner-git.ts';
import { encodePacket, flushPacket, readPacket } from './pkt-line.ts';
import { type Environment, type RunningProcess, startGit } from './process.ts';
import { type Advertisement, readAdvertisement } from './receive-pack.ts';
import type { SessionOptions } from './session-options.ts';

/**
 * A push over one connection to receive-pack: opened for `list for-push`, kept while data is uploaded, used by
 * `git send-pack --stateless-rpc`, which sees to leases, atomicity, certificates, hooks' output and the pack.
 */
export interface PushBridge {
  list(options: SessionOptions, operation: Operation): Promise<Advertisement>;
  push(refspecs: readonly Refspec[], options: SessionOptions, operation: Operation): Promise<readonly Buffer[]>;
  /** Takes leave of the server. The exit code of its end, 0 when nothing was open. */
  finish(how: Farewell): Promise<number>;
}

export interface PushBridgeContext {
  /** Opens a fresh connection. */
  readonly open: (options: SessionOptions, operation: Operation) => Promise<Channel>;
  /** For send-pack's look-ups in the configuration and `push.negotiate`: the inner URL, never a remote's name. */
  readonly url: string;
  readonly env: Environment;
  readonly now?: () => number;
}

/** Servers and firewalls close a connection on which nothing is said; receive-pack has no keep-alive for this phase. */
const longestIdleMs = 20_000;
/** A line for each ref of a batch, and each of those is bounded by Git's side of the conversation. */
const mostStatusBytes = 512 * 1024 * 1024;

/** Where a helper connects for pushing, Git leaves these words to it (`connect.c`). */
export const unreadable = `fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.
`;

interface Line {
  readonly channel: Channel;
  readonly advertisement: Advertisement;
  readonly openedAt: number;
  readonly alive: () => boolean;
}

function sendPackArguments(options: SessionOptions, url: string): readonly string[] {
  const signed = { yes: ['--signed=yes'], 'if-asked': ['--signed=if-asked'], no: [] }[options.certificate];
  return [
    'send-pack',
    '--stateless-rpc',
    '--helper-status',
    '--thin',
    options.progress ? '--progress' : '--no-progress',
    ...(options.verbosity === 0 ? ['--quiet'] : options.verbosity > 1 ? ['--verbose'] : []),
    ...(options.dryRun ? ['--dry-run'] : []),
    ...(options.atomic ? ['--atomic'] : []),
    ...signed,
    ...options.pushOptions.map((option) => `--push-option=${option}`),
    ...options.leases.map((lease) => `--force-with-lease=${lease}`),
    ...(options.forceIfIncludes ? ['--force-if-includes'] : []),
    '--stdin',
    url,
  ];
}

/**
 * Hands send-pack's requests, framed in packets up to a flush, to the server. The first byte that is no packet ends
 * them. `failed` is asked when there was not one byte. False when the server was gone before it had them all.
 */
async function forwardRequests(reader: ByteReader, channel: Channel, failed: () => Promise<boolean>): Promise<boolean> {
  let delivered = true;
  let sent = false;
  let silent = false;
  for (;;) {
    const header = await reader.bytes(4);
    silent = header === undefined && !sent;
    if (header === undefined) break;
    reader.unread(header);
    if (!/^[0-9a-f]{4}$/.test(header.toString('latin1'))) break;
    const packet = await readPacket(reader);
    if (packet?.kind !== 'data') break;
    sent = true;
    delivered = (await channel.write(packet.payload)) && delivered;
  }
  // A server that is told nothing takes a plain hang-up for an accident and says so, as it does to Git when it is one.
  if (!sent && !(silent && (await failed()))) await channel.write(flushPacket);
  channel.finish();
  return delivered;
}

async function relay(from: ByteReader, child: RunningProcess): Promise<void> {
  for (let chunk = await from.chunk(); chunk !== undefined; chunk = await from.chunk()) {
    await writeBytes(child.stdin, chunk);
  }
  child.stdin.end();
}

/** `ok`, `error` and `option` lines (`--helper-status`), behind the flush packets that may still stand before them. */
async function readStatus(reader: ByteReader): Promise<readonly Buffer[]> {
  const lines: Buffer[] = [];
  const spend = openAllowance(mostStatusBytes, "'git send-pack' does not stop reporting");
  for (let line = await reader.line(); line !== undefined; line = await reader.line()) {
    let start = 0;
    while (line.toString('latin1', start, start + 4) === '0000') start += 4;
    spend(line.length);
    if (line.length > start) lines.push(line.subarray(start));
  }
  return lines;
}

async function sendPack(
  line: Line,
  refspecs: readonly Refspec[],
  options: SessionOptions,
  context: PushBridgeContext,
  { signal }: Operation,
): Promise<readonly Buffer[]> {
  const child = startGit(sendPackArguments(options, context.url), { env: context.env, signal });
  const feed = async (): Promise<void> => {
    for (const refspec of refspecs) await writeBytes(child.stdin, encodePacket(refspec));
    await writeBytes(child.stdin, flushPacket);
    for (const packet of line.advertisement.packets) await writeBytes(child.stdin, packet);
    await relay(line.channel.reader, child);
  };
  const feeding = feed();
  const output = openByteReader(child.stdout, "'git send-pack'");
  const delivered = await forwardRequests(output, line.channel, async () => (await child.ended) !== 0);
  const status = await readStatus(output);
  const code = await child.ended;
  const left = line.channel.leave();
  await feeding;
  const serverCode = await left;
  // send-pack takes silence for success where a server does not report, and cannot see that it has gone.
  if (!line.advertisement.reports && (!delivered || code !== 0 || serverCode !== 0)) {
    throw new InnerGone(serverCode || code || 128);
  }
  if (status.length === 0 && code !== 0) throw new InnerGone(code);
  return status;
}

export function openPushBridge(context: PushBridgeContext): PushBridge {
  const now = context.now ?? Date.now;
  let line: Line | undefined;

  async function dial(options: SessionOptions, operation: Operation): Promise<Line> {
    const channel = await context.open(options, operation);
    let alive = true;
    const ended = (): void => {
      alive = false;
    };
    channel.ended.then(ended, ended);
    const advertisement = await readAdvertisement(channel.reader);
    if (advertisement === undefined) {
      await leaveSoon(channel);
      throw new InnerGone(128, unreadable);
    }
    return { channel, advertisement, openedAt: now(), alive: () => alive };
  }
  async function freshLine(options: SessionOptions, operation: Operation): Promise<Line> {
    if (line?.alive() && now() - line.openedAt <= longestIdleMs) return line;
    trace(() => 'the connection has been idle for too long: connect again');
    await line?.channel.close();
    return await dial(options, operation);
  }
  return {
    list: async (options, operation) => {
      line = await dial(options, operation);
      return line.advertisement;
    },
    push: async (refspecs, options, operation) => {
      const used = await freshLine(options, operation);
      line = undefined;
      try {
        return await sendPack(used, refspecs, options, context, operation);
      } catch (error) {
        await used.channel.close();
        throw error;
      }
    },
    finish: async (how) => {
      if (line === undefined) return 0;
      if (how === 'good-bye') await line.channel.write(flushPacket);
      return await line.channel.leave();
    },
  };
}
