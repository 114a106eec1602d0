import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { ByteReader } from './byte-stream.ts';
import { encodePacket, flushPacket, packetText, readPacket } from './pkt-line.ts';

/** What receive-pack says first (gitprotocol-pack(5), "Reference Discovery"). */
export interface Advertisement {
  /** `<oid> <ref>`, byte for byte; without `.have` and the line that stands for no refs. */
  readonly refs: readonly Buffer[];
  readonly objectFormat: string;
  /** All of it as packets, for send-pack to read again. */
  readonly packets: readonly Buffer[];
}

const largestBytes = 512 * 1024 * 1024;

/** Undefined when the server ends before it is done. Throws `auth` for a refusal in words, `corrupt` for nonsense. */
export async function readAdvertisement(reader: ByteReader): Promise<Advertisement | undefined> {
  const refs: Buffer[] = [];
  const packets: Buffer[] = [];
  let objectFormat = 'sha1';
  let bytes = 0;
  for (;;) {
    const packet = await readPacket(reader);
    if (packet === undefined) return undefined;
    if (packet.kind !== 'data') {
      packets.push(flushPacket);
      return { refs, objectFormat, packets };
    }
    const { payload } = packet;
    bytes += payload.length;
    if (bytes > largestBytes) throw new HelperError('unsupported', 'the Git remote advertises too many refs');
    const text = packetText(payload);
    if (text.startsWith('ERR ')) throw new HelperError('auth', `remote error: ${printable(text.slice(4))}`);
    if (/^version [0-9]+$/.test(text)) continue;
    packets.push(encodePacket(payload));
    if (text.startsWith('shallow ')) continue;
    const nul = payload.indexOf(0);
    if (nul >= 0) objectFormat = / object-format=(\S+)/.exec(` ${payload.toString('latin1', nul + 1)}`)?.[1] ?? 'sha1';
    const end = nul >= 0 ? nul : payload.at(-1) === 10 ? payload.length - 1 : payload.length;
    const line = payload.subarray(0, end);
    const name = line.toString('latin1', line.indexOf(32) + 1);
    if (name !== 'capabilities^{}' && name !== '.have') refs.push(line);
  }
}
