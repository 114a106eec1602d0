import type { Operation } from '../model/operation.ts';
import { type Channel, leaveSoon } from './channel.ts';
import { InnerGone } from './inner-git.ts';
import { flushPacket } from './pkt-line.ts';
import { type Environment, runGit } from './process.ts';
import { unreadable } from './push-bridge.ts';
import { readAdvertisement } from './receive-pack.ts';
import type { SessionOptions } from './session-options.ts';

/** The `list` and `fetch` commands over connections of our own, for where Git's end of a pack cannot be told from a pipe. */
export interface FetchBridge {
  /** The reply to `list`. */
  list(options: SessionOptions, operation: Operation): Promise<readonly Buffer[]>;
  /** The reply to a `fetch` batch, when its objects are here. Throws `InnerGone` when `git fetch-pack` fails. */
  fetch(batch: readonly Buffer[], options: SessionOptions, operation: Operation): Promise<readonly Buffer[]>;
}

export interface FetchBridgeContext {
  /** Opens a connection to upload-pack in version 0, in which the server lists first. */
  readonly open: (options: SessionOptions, operation: Operation) => Promise<Channel>;
  /** The inner URL, never a remote's name. */
  readonly url: string;
  readonly env: Environment;
}

/** Git says `true` of some and `1` of others. */
const flag =
  (word: string) =>
  (value: string): readonly string[] =>
    /^(?:false|0|)$/.test(value) ? [] : [word];

/** Options of `fetch` in gitremote-helpers(7) → git-fetch-pack(1). Git sends `false` and depth 0 to take one back. */
const flags: Readonly<Record<string, (value: string) => readonly string[]>> = {
  depth: (value) => (value === '0' ? [] : [`--depth=${value}`]),
  'deepen-since': (value) => [`--shallow-since=${value}`],
  'deepen-not': (value) => [`--shallow-exclude=${value}`],
  'deepen-relative': flag('--deepen-relative'),
  followtags: flag('--include-tag'),
  'update-shallow': flag('--update-shallow'),
  'check-connectivity': flag('--check-self-contained-and-connected'),
  'from-promisor': flag('--from-promisor'),
  refetch: flag('--refetch'),
  filter: (value) => [`--filter=${value}`],
};

function fetchPackArguments(options: SessionOptions, url: string): readonly string[] {
  const asked = [...options.fetchOptions].flatMap(([name, values]) =>
    values.flatMap((value) => flags[name]?.(value) ?? []),
  );
  return [
    ...['fetch-pack', '--stdin', '--lock-pack', '--thin', ...asked],
    ...(options.cloning ? ['--cloning'] : []),
    ...(options.progress ? [] : ['--no-progress']),
    ...(options.verbosity === 0 ? ['--quiet'] : []),
    ...(options.servicePath === undefined ? [] : [`--upload-pack=${options.servicePath}`]),
    url,
  ];
}

export function openFetchBridge({ open, url, env }: FetchBridgeContext): FetchBridge {
  return {
    list: async (options, operation) => {
      const channel = await open(options, operation);
      const advertisement = await readAdvertisement(channel.reader);
      if (advertisement !== undefined) await channel.write(flushPacket);
      await leaveSoon(channel);
      if (advertisement === undefined) throw new InnerGone(128, unreadable);
      const { refs, objectFormat, head } = advertisement;
      const lines = refs.map((line) =>
        head !== undefined && line.toString('latin1', line.indexOf(32)) === ' HEAD'
          ? Buffer.from(`@${head} HEAD`)
          : line,
      );
      return options.objectFormat ? [Buffer.from(`:object-format ${objectFormat}`), ...lines] : lines;
    },
    fetch: async (batch, options, { signal }) => {
      const input = Buffer.concat(batch.flatMap((line) => [line.subarray('fetch '.length), Buffer.from('\n')]));
      const args = fetchPackArguments(options, url);
      const { code, stdout } = await runGit(args, { env, signal, input, stderr: 'inherit', accept: 'any' });
      if (code !== 0) throw new InnerGone(code);
      // The rest is a list of what came, which Git has asked for.
      return stdout
        .toString('latin1')
        .split('\n')
        .filter((line) => line.startsWith('lock ') || line === 'connectivity-ok')
        .map((line) => Buffer.from(line, 'latin1'));
    },
  };
}
