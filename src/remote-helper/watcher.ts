import { bytesPerPiece, openAllowance } from '../git/allowance.ts';
import { openPacketSplitter, type Packet, type PacketSplitter, packetText } from '../git/pkt-line.ts';
import { HelperError } from '../model/error.ts';
import { isInternal } from '../model/git.ts';

/** A commit that Git asked for, with the names the Git remote gave it. */
export interface Want {
  readonly oid: string;
  readonly names: readonly string[];
}

/**
 * Reads along while Git talks to upload-pack (gitprotocol-v2(5), gitprotocol-pack(5)): what the server listed, what Git
 * wants, and whether the pack came whole. It changes one thing: refs of DVC's own machinery are taken out of the list.
 */
export interface Watcher {
  /** Bytes from Git, before they go on. Throws `unsupported` when it asks for more than can be remembered. */
  request(chunk: Buffer): void;
  /**
   * Bytes from the server. Answers what may go on to Git now, and whether the list of refs is complete with it. Throws
   * `corrupt` for a server that answers before it is asked.
   */
  answer(chunk: Buffer): { readonly forward: readonly Buffer[]; readonly listed: boolean };
  /** What was held back when the server ended. */
  rest(): readonly Buffer[];
  /** Did Git ask for the refs of a fetch, and not for all there are (bare `ls-remote`)? */
  readonly forFetch: boolean;
  /** Did Git ask for experiments: by name or baseline (`some`), or by a pattern over all of them? */
  readonly experiments: 'some' | 'all' | undefined;
  /** Names of the listed refs by object ID; empty when the list was too long to remember. */
  names(): ReadonlyMap<string, readonly string[]>;
  /** Target of the server's HEAD. */
  readonly head: string | undefined;
  wants(): readonly Want[];
  /** True when the answer to the last want came to its proper end: Git reads nothing more, whatever follows. */
  readonly whole: boolean;
  /**
   * True when nothing that Git has asked for so far waits for an answer: when Git has nothing more to ask, it does not
   * read what comes now. Never true of a stateless connection, whose answers have a packet more.
   */
  readonly answered: boolean;
}

/** Of a list this long (some 500,000 refs) the names are forgotten: memory is worth more. */
const mostNamesBytes = 48 * 1024 * 1024;
const mostHeldBytes = 64 * 1024 * 1024;
/** Over a million wants. */
const mostRequestBytes = 256 * 1024 * 1024;

/** `<oid> <ref>[ <attributes>]` of version 2, `<oid> <ref>[NUL capabilities]` of older ones. */
const refLine = /^([0-9a-f]{40}|[0-9a-f]{64}) ([^\s\0]+)(.*)$/s;

interface Listing {
  /** False for a ref that is none of Git's business. */
  see(payload: Buffer): boolean;
  names(): ReadonlyMap<string, readonly string[]>;
  readonly head: string | undefined;
}

/** Lines that say more than a name, or name what may have to go: HEAD, `refs/e…`, the first one of an old server. */
function isTelling(payload: Buffer, space: number): boolean {
  return payload[space + 1] === 0x48 || payload[space + 6] === 0x65 || payload.includes(0);
}

function openListing(): Listing {
  // Most lists are passed on and never looked at again: lines are only taken apart when somebody asks.
  const lines: Buffer[] = [];
  let bytes = 0;
  let head: string | undefined;
  return {
    see: (payload) => {
      const space = payload.indexOf(32);
      if (space !== 40 && space !== 64) return true;
      if (isTelling(payload, space)) {
        const [, , name = '', more = ''] = refLine.exec(packetText(payload)) ?? [];
        // The first line of an old server carries the capabilities, which Git needs.
        if (isInternal(name.replace(/\^\{\}$/, '')) && !more.startsWith('\0')) return false;
        head ??= / symref=HEAD:(\S+)/.exec(` ${more.replace('\0', '')}`)?.[1];
        if (name === 'HEAD') head ??= / symref-target:(\S+)/.exec(more)?.[1];
      }
      bytes += payload.length;
      if (bytes <= mostNamesBytes) lines.push(payload);
      else lines.length = 0;
      return true;
    },
    names: () => {
      const byOid = new Map<string, string[]>();
      for (const line of lines) {
        const [, oid, name] = refLine.exec(packetText(line)) ?? [];
        if (oid === undefined || name === undefined) continue;
        const known = byOid.get(oid);
        if (known === undefined) byOid.set(oid, [name]);
        else known.push(name);
      }
      return byOid;
    },
    get head() {
      return head;
    },
  };
}

interface Requests {
  feed(chunk: Buffer): void;
  /** The commands whose answer has not ended yet, in their order. */
  readonly open: string[];
  readonly prefixSeen: boolean;
  readonly experiments: 'some' | 'all' | undefined;
  readonly oids: ReadonlySet<string>;
  readonly wantedRefs: ReadonlySet<string>;
}

/** As Git sends it for `refs/exps/<2>/<38>/<name>` and for all experiments of one baseline; without the rest for `refs/exps/*`. */
const experimentPrefix = /^ref-prefix refs\/exps\/([0-9a-f]{2}\/(?:[0-9a-f]{38}|[0-9a-f]{62})\/)?/;

function openRequests(): Requests {
  const splitter = openPacketSplitter();
  const open: string[] = [];
  const oids = new Set<string>();
  const wantedRefs = new Set<string>();
  let prefixSeen = false;
  let experiments: 'some' | 'all' | undefined;
  const spend = openAllowance(mostRequestBytes, 'Git asks for too many objects at once');
  const see = (text: string): void => {
    if (/^(?:command=|want)/.test(text)) spend(text.length);
    if (text.startsWith('command=')) open.push(text.slice('command='.length));
    else if (text.startsWith('ref-prefix ')) {
      prefixSeen = true;
      const match = experimentPrefix.exec(text);
      if (match !== null && experiments !== 'all') experiments = match[1] === undefined ? 'all' : 'some';
    } else if (text.startsWith('want-ref ')) wantedRefs.add(text.slice('want-ref '.length));
    else if (text.startsWith('want ')) oids.add(text.slice('want '.length).split(' ')[0] ?? '');
  };
  return {
    open,
    oids,
    wantedRefs,
    get prefixSeen() {
      return prefixSeen;
    },
    get experiments() {
      return experiments;
    },
    feed: (chunk) => {
      for (const piece of splitter.feed(chunk)) {
        if (piece.kind === 'packet' && piece.packet.kind === 'data') see(packetText(piece.packet.payload));
      }
    },
  };
}

export interface WatcherOptions {
  /** `stateless-connect`: every request is answered by itself. */
  readonly stateless: boolean;
  /** The list of refs goes on to Git only when it is complete, so that something can be done before Git knows. */
  readonly holdList: boolean;
  /** The same, when Git asks for experiments. */
  readonly holdExperiments: boolean;
}

export function openWatcher(options: WatcherOptions): Watcher {
  const requests = openRequests();
  const listing = openListing();
  const splitter: PacketSplitter = openPacketSplitter();
  /** `start`: the first message of the server, which an old one makes its list. */
  let phase: 'start' | 'list' | 'other' = 'start';
  let version2 = false;
  let first = true;
  let packSeen = false;
  /** The packet came that ends a pack: what is behind it nobody reads. */
  let packEnded = false;
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** Bytes of an unfinished packet that were not forwarded, because it is in a list. */
  let behind = false;

  const holdsList = (): boolean => options.holdList || (options.holdExperiments && requests.experiments !== undefined);
  const holding = (): boolean => holdsList() && heldBytes <= mostHeldBytes && (requests.prefixSeen || !version2);

  /** Takes notice of a packet, answers whether it may go on and whether it ends the list. */
  function see(packet: Packet): { readonly keep: boolean; readonly ends: boolean } {
    if (packet.kind === 'data') {
      if (first) version2 = packetText(packet.payload) === 'version 2';
      first = false;
      if (version2 && phase === 'other' && requests.open.length === 0) {
        // Git would take it for the answer to what it asks next, and that answer must be seen for what it is.
        throw new HelperError('corrupt', 'protocol error: the Git remote answers before it is asked');
      }
      const inList = phase === 'list' || (phase === 'start' && !version2) || requests.wantedRefs.size > 0;
      return { keep: !inList || listing.see(packet.payload), ends: false };
    }
    if (packet.kind === (options.stateless ? 'response-end' : 'flush')) packEnded ||= packSeen;
    if (packet.kind !== 'flush') return { keep: true, ends: false };
    const ends = phase === 'list' || (phase === 'start' && !version2);
    if (version2 && phase !== 'start') requests.open.shift();
    phase = version2 && requests.open[0] === 'ls-refs' ? 'list' : 'other';
    return { keep: true, ends };
  }
  /** Part of a pack goes by, or of what a server says beside it. */
  function pass(): void {
    packSeen ||= requests.oids.size > 0 || requests.wantedRefs.size > 0;
  }
  function observe(chunk: Buffer): void {
    for (const piece of splitter.feed(chunk)) {
      if (piece.kind === 'packet') see(piece.packet);
      else pass();
    }
  }
  function sift(chunk: Buffer): { forward: readonly Buffer[]; listed: boolean } {
    const forward: Buffer[] = [];
    let listed = false;
    for (const piece of splitter.feed(chunk)) {
      if (piece.kind === 'opaque') {
        pass();
        forward.push(piece.bytes);
        continue;
      }
      const { keep, ends } = see(piece.packet);
      listed ||= ends;
      if (keep) forward.push(piece.bytes);
    }
    behind = splitter.rest().length > 0;
    if (!holdsList()) return { forward: [Buffer.concat(forward)], listed };
    for (const bytes of forward) {
      held.push(bytes);
      heldBytes += bytes.length + bytesPerPiece;
    }
    if (!listed && phase !== 'other' && holding()) return { forward: [], listed };
    const released = held;
    held = [];
    return { forward: [Buffer.concat(released)], listed };
  }
  return {
    request: (chunk) => requests.feed(chunk),
    answer: (chunk) => {
      if (version2 && phase === 'other' && requests.open[0] === 'ls-refs' && splitter.atBoundary) phase = 'list';
      if (phase !== 'other') return sift(chunk);
      const forward = behind ? [splitter.rest(), chunk] : [chunk];
      behind = false;
      observe(chunk);
      return { forward, listed: false };
    },
    rest: () => (behind ? [...held, splitter.rest()] : held),
    get forFetch() {
      return requests.prefixSeen || !version2;
    },
    get experiments() {
      return requests.experiments;
    },
    names: () => listing.names(),
    get head() {
      return listing.head;
    },
    wants: () => {
      const names = listing.names();
      const byName = [...names].filter(([, known]) => known.some((name) => requests.wantedRefs.has(name)));
      const oids = new Set([...requests.oids, ...byName.map(([oid]) => oid)]);
      return [...oids].map((oid) => ({ oid, names: names.get(oid) ?? [] }));
    },
    get whole() {
      return packSeen && (splitter.rawPack || (packEnded && requests.open.length === 0));
    },
    get answered() {
      const asked = version2 ? requests.open.length > 0 : requests.oids.size > 0 && !packEnded;
      return !options.stateless && phase === 'other' && !asked;
    },
  };
}
