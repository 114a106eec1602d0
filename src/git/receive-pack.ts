import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { openAllowance } from './allowance.ts';
import type { ByteReader } from './byte-stream.ts';
import { encodePacket, flushPacket, packetText, readPacket } from './pkt-line.ts';

/** What receive-pack says first, and upload-pack in version 0 (gitprotocol-pack(5), "Reference Discovery"). */
export interface Advertisement {
  /** `<oid> <ref>`, byte for byte; without `.have` and the line that stands for no refs. */
  readonly refs: readonly Buffer[];
  readonly objectFormat: string;
  /** Target of the server's HEAD, when it told; receive-pack does not. */
  readonly head: string | undefined;
  /** Will the server say what became of each ref? */
  readonly reports: boolean;
  /** All of it as packets, for send-pack to read again. */
  readonly packets: readonly Buffer[];
}

const largestBytes = 512 * 1024 * 1024;

/** As in gitprotocol-common(5): a name that holds a blank or a control character would add lines to what we tell Git. */
const refLine = /^(?:[0-9a-f]{40}|[0-9a-f]{64}) [!-~\x80-\xff]+$/;
const refName = /^[!-~\x80-\xff]+$/;

/** The line of a ref, without capabilities and LF. Throws `corrupt` for what is none. */
function readRefLine(payload: Buffer, nul: number): Buffer {
  const end = nul >= 0 ? nul : payload.at(-1) === 10 ? payload.length - 1 : payload.length;
  const line = payload.subarray(0, end);
  if (refLine.test(line.toString('latin1'))) return line;
  throw new HelperError('corrupt', `protocol error: unexpected '${printable(line.toString())}'`);
}

function readObjectFormat(capabilities: string): string {
  const name = / object-format=(\S+)/.exec(` ${capabilities}`)?.[1] ?? 'sha1';
  if (name === 'sha1' || name === 'sha256') return name;
  throw new HelperError('unsupported', `the Git remote names objects by '${printable(name)}'`);
}

function readHead(capabilities: string): string | undefined {
  const target = / symref=HEAD:(\S+)/.exec(` ${capabilities}`)?.[1];
  return target !== undefined && refName.test(target) ? target : undefined;
}

/** Undefined when the server ends before it is done. Throws `auth` for a refusal in words, `corrupt` for nonsense. */
export async function readAdvertisement(reader: ByteReader): Promise<Advertisement | undefined> {
  const refs: Buffer[] = [];
  const packets: Buffer[] = [];
  let capabilities = '';
  const spend = openAllowance(largestBytes, 'the Git remote advertises too many refs');
  for (;;) {
    const packet = await readPacket(reader);
    if (packet === undefined) return undefined;
    if (packet.kind === 'flush') {
      packets.push(flushPacket);
      const reports = / report-status(?:-v2)?(?=\s|$)/.test(` ${capabilities}`);
      return { refs, objectFormat: readObjectFormat(capabilities), head: readHead(capabilities), reports, packets };
    }
    if (packet.kind !== 'data') throw new HelperError('corrupt', 'protocol error: the list of refs is broken off');
    const { payload } = packet;
    spend(payload.length);
    const text = packetText(payload);
    if (text.startsWith('ERR ')) throw new HelperError('auth', `remote error: ${printable(text.slice(4))}`);
    if (/^version [0-9]+$/.test(text)) continue;
    packets.push(encodePacket(payload));
    if (text.startsWith('shallow ')) continue;
    const nul = payload.indexOf(0);
    if (nul >= 0) capabilities = payload.toString('latin1', nul + 1);
    const line = readRefLine(payload, nul);
    const name = line.toString('latin1', line.indexOf(32) + 1);
    if (name !== 'capabilities^{}' && name !== '.have') refs.push(line);
  }
}
