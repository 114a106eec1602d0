import { HelperError } from '../model/error.ts';
import type { ByteReader } from './byte-stream.ts';

/** gitprotocol-common(5) and gitprotocol-v2(5): `0000` ends a message, `0001` parts it, `0002` ends a stateless answer. */
export type Packet =
  | { readonly kind: 'data'; readonly payload: Buffer }
  | { readonly kind: 'flush' | 'delimiter' | 'response-end' };

/** The four length digits count themselves; 65520 is the largest packet Git makes, and the digits allow no more than 65535. */
const largestPayload = 65_516;
const special = ['flush', 'delimiter', 'response-end'] as const;

export const flushPacket: Buffer = Buffer.from('0000');

export function encodePacket(payload: Uint8Array | string): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  if (bytes.length > largestPayload)
    throw new HelperError('unsupported', `a packet of ${bytes.length} bytes is too long`);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

/** Value of a hexadecimal digit, by its byte; -1 for every other. A list of refs has a packet for each: this is its inner loop. */
const digits: Int8Array = Int8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[0-9a-fA-F]/.test(character) ? Number.parseInt(character, 16) : -1;
});

/** The number in a packet's first four bytes; undefined when they are no packet header. */
export function parseLength(header: Buffer): number | undefined {
  let length = 0;
  for (let index = 0; index < 4; index += 1) {
    const digit = digits[header[index] ?? 0] ?? -1;
    if (digit < 0) return undefined;
    length = length * 16 + digit;
  }
  return length === 3 ? undefined : length;
}

/** The next packet; undefined when the stream ends, in mid-packet too. Throws `corrupt` for anything that is no packet. */
export async function readPacket(reader: ByteReader): Promise<Packet | undefined> {
  const header = await reader.bytes(4);
  if (header === undefined) return undefined;
  const length = parseLength(header);
  if (length === undefined) throw new HelperError('corrupt', 'protocol error: bad line length character');
  if (length < 4) return { kind: special[length] ?? 'flush' };
  const payload = await reader.bytes(length - 4);
  return payload === undefined ? undefined : { kind: 'data', payload };
}

/** Text of a packet without the LF that may end it. */
export function packetText(payload: Buffer): string {
  const end = payload.at(-1) === 10 ? payload.length - 1 : payload.length;
  return payload.toString('utf8', 0, end);
}

/** What a splitter found, in the order of the bytes. */
export type Piece =
  /** A whole packet; `bytes` is the packet with its header. */
  | { readonly kind: 'packet'; readonly bytes: Buffer; readonly packet: Packet }
  /** Part of a side-band packet (or of a stream that is no packets), which nobody need understand. */
  | { readonly kind: 'opaque'; readonly bytes: Buffer };

export interface PacketSplitter {
  /** Cuts the next bytes of the stream into pieces. Every byte comes out once; an unfinished packet waits for its rest. */
  feed(chunk: Buffer): readonly Piece[];
  /** True between packets. Undefined state cannot come back: a stream that stopped being packets is never whole. */
  readonly atBoundary: boolean;
  /** True from the first byte that is no packet on: a pack without side-band (protocol v0, very old servers). */
  readonly raw: boolean;
  /** True when these bytes began as a pack does, and are not just anything. */
  readonly rawPack: boolean;
  /** Bytes of an unfinished packet, for a stream that ended there. */
  rest(): Buffer;
}

/**
 * Follows a stream of packets of which it holds back less than one packet. Payloads in side-band (first byte 1 or 2: pack
 * and progress) go by in the pieces they come in, however long.
 */
export function openPacketSplitter(): PacketSplitter {
  let held: Buffer = Buffer.alloc(0);
  let opaqueLeft = 0;
  let raw = false;
  let rawPack = false;

  function opaque(bytes: Buffer): Piece {
    opaqueLeft -= bytes.length;
    return { kind: 'opaque', bytes };
  }
  /** The first piece of `held`, or undefined when more bytes are needed. */
  function cut(): Piece | undefined {
    if (raw || opaqueLeft > 0) {
      if (held.length === 0) return undefined;
      const bytes = held.subarray(0, raw ? held.length : opaqueLeft);
      held = held.subarray(bytes.length);
      return raw ? { kind: 'opaque', bytes } : opaque(bytes);
    }
    if (held.length < 4) return undefined;
    const length = parseLength(held);
    if (length === undefined) {
      raw = true;
      rawPack = held.toString('latin1', 0, 4) === 'PACK';
      return cut();
    }
    const end = Math.max(length, 4);
    if (length > 5 && held.length > 4 && (held[4] === 1 || held[4] === 2)) {
      opaqueLeft = length;
      return cut();
    }
    if (held.length < end) return undefined;
    const bytes = held.subarray(0, end);
    held = held.subarray(end);
    const packet: Packet =
      length < 4 ? { kind: special[length] ?? 'flush' } : { kind: 'data', payload: bytes.subarray(4) };
    return { kind: 'packet', bytes, packet };
  }
  return {
    feed: (chunk) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const pieces: Piece[] = [];
      for (let piece = cut(); piece !== undefined; piece = cut()) pieces.push(piece);
      return pieces;
    },
    get atBoundary() {
      return !raw && opaqueLeft === 0 && held.length === 0;
    },
    get raw() {
      return raw;
    },
    get rawPack() {
      return rawPack;
    },
    rest: () => held,
  };
}
