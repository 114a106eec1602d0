import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { openAllowance } from './allowance.ts';
import { type ByteReader, openByteReader, writeBytes } from './byte-stream.ts';
import { type Channel, processChannel } from './channel.ts';
import { type InnerGit, InnerGone } from './inner-git.ts';
import { type Environment, type RunningProcess, startGit } from './process.ts';
import { openPushBridge, type PushBridge } from './push-bridge.ts';

/** The conversation with one nested `git remote-<x>`, as Git itself would hold it (gitremote-helpers(7)). */
interface NestedHelper {
  readonly child: RunningProcess;
  readonly reader: ByteReader;
  /** Sends lines, each with its LF. */
  say(...lines: readonly (Buffer | string)[]): Promise<void>;
  /** One line. */
  answer(): Promise<Buffer>;
  /** Lines up to a blank one. Throws `unsupported` when they are more than `most` bytes, 512 MiB unless told. */
  block(most?: number): Promise<readonly Buffer[]>;
}

const largestBlockBytes = 512 * 1024 * 1024;
const mostCapabilityBytes = 1024 * 1024;
const lf = Buffer.from('\n');

function startNested(start: () => RunningProcess): NestedHelper {
  const child = start();
  const reader = openByteReader(child.stdout, 'the nested helper');
  const answer = async (): Promise<Buffer> => {
    const line = await reader.line();
    if (line !== undefined) return line;
    throw new InnerGone((await child.ended) || 128);
  };
  return {
    child,
    reader,
    answer,
    say: async (...lines) => {
      // A helper that has gone is noticed when its answer does not come.
      await writeBytes(
        child.stdin,
        Buffer.concat(lines.flatMap((line) => [typeof line === 'string' ? Buffer.from(line) : line, lf])),
      );
    },
    block: async (most = largestBlockBytes) => {
      const lines: Buffer[] = [];
      const spend = openAllowance(most, 'the nested helper does not stop talking');
      for (let line = await answer(); line.length > 0; line = await answer()) {
        spend(line.length);
        lines.push(line);
      }
      return lines;
    },
  };
}

async function readCapabilities(nested: NestedHelper): Promise<readonly string[]> {
  await nested.say('capabilities');
  return (await nested.block(mostCapabilityBytes)).map((line) => line.toString());
}

/** `*` marks a capability that Git must understand. */
const bare = (capability: string): string => capability.replace(/^\*/, '');

export interface RelayContext {
  /** As in `git remote-<helper> <name> <address>`. */
  readonly helper: string;
  readonly remoteName: string;
  readonly address: string;
  readonly env: Environment;
  /** Fetch by `list` and `fetch` where the helper can: see `fetchBy` in docs/configuration.md. */
  readonly byFetch: boolean;
}

/**
 * A nested helper for http(s), ftp(s) and every foreign scheme, started at once. It owns the connection, credentials,
 * cookies and proxies. One that only offers `connect` pushes through a push bridge over its connection.
 */
export function openRelay(context: RelayContext, { signal }: { readonly signal: AbortSignal }): InnerGit {
  if (!/^[A-Za-z0-9][A-Za-z0-9+.-]*$/.test(context.helper)) {
    throw new HelperError('config', `strange remote helper '${printable(context.helper)}' blocked`);
  }
  // In version 2 `git remote-http` has no list to give: the client is meant to ask for it over `stateless-connect`.
  const version = context.byFetch ? ['-c', 'protocol.version=0'] : [];
  const start = (): NestedHelper =>
    startNested(() =>
      startGit([...version, `remote-${context.helper}`, context.remoteName, context.address], {
        env: context.env,
        signal,
      }),
    );
  const nested = start();
  let offered: ReadonlySet<string> = new Set();
  let bridge: PushBridge | undefined;
  let handedOver = false;

  async function connectForPush(helper: NestedHelper): Promise<Channel | undefined> {
    await helper.say('connect git-receive-pack');
    return (await helper.answer()).length === 0 ? processChannel(helper.child, helper.reader) : undefined;
  }
  async function reconnect(): Promise<Channel> {
    const again = start();
    await readCapabilities(again);
    const channel = await connectForPush(again);
    if (channel === undefined) throw new HelperError('unavailable', 'the nested helper does not connect again');
    return channel;
  }
  return {
    capabilities: async () => {
      // `get` is for bundle URIs, for which Git starts the nested helper itself.
      const lines = (await readCapabilities(nested)).filter((line) => bare(line) !== 'get');
      offered = new Set(lines.map(bare));
      if (!offered.has('connect') || offered.has('export')) return lines;
      return [...lines, ...['option', 'push', 'object-format'].filter((word) => !offered.has(word))];
    },
    option: async (line, known) => {
      if (offered.has('option')) {
        await nested.say(line);
        return (await nested.answer()).toString();
      }
      return known && !line.toString('latin1').startsWith('option servpath ') ? 'ok' : 'unsupported';
    },
    connect: async (line) => {
      if (line.endsWith(' git-receive-pack')) return 'fallback';
      if (line.endsWith(' git-upload-pack') && context.byFetch && offered.has('fetch')) return 'fallback';
      await nested.say(line);
      if ((await nested.answer()).length > 0) return 'fallback';
      handedOver = true;
      return processChannel(nested.child, nested.reader);
    },
    list: async (forPush, options, operation) => {
      const first =
        forPush && offered.has('connect') && !offered.has('export') ? await connectForPush(nested) : undefined;
      if (first === undefined) {
        await nested.say(forPush ? 'list for-push' : 'list');
        return await nested.block();
      }
      handedOver = true;
      let unused: Channel | undefined = first;
      bridge = openPushBridge({
        open: async () => {
          const channel = unused;
          unused = undefined;
          return channel ?? (await reconnect());
        },
        url: `${context.helper}::${context.address}`,
        env: context.env,
      });
      const { refs, objectFormat } = await bridge.list(options, operation);
      return [...(options.objectFormat ? [Buffer.from(`:object-format ${objectFormat}`)] : []), ...refs];
    },
    fetch: async (batch) => {
      await nested.say(...batch, '');
      return await nested.block();
    },
    push: async (refspecs, options, operation) => {
      if (bridge !== undefined) return await bridge.push(refspecs, options, operation);
      await nested.say(...refspecs.map((refspec) => Buffer.concat([Buffer.from('push '), refspec])), '');
      return await nested.block();
    },
    handOver: async (line) => {
      handedOver = true;
      await nested.say(line);
      return processChannel(nested.child, nested.reader);
    },
    finish: async (how) => {
      if (bridge !== undefined) return await bridge.finish(how);
      if (!handedOver && how === 'good-bye') await nested.say('');
      nested.child.stdin.end();
      // As Git does: a helper that goes on talking must not wait for somebody who listens no more.
      if (!handedOver) nested.child.stdout.destroy();
      return await nested.child.ended;
    },
  };
}
