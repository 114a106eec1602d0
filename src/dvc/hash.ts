import { createHash, hash } from 'node:crypto';
import { HelperError } from '../model/error.ts';
import { type DvcObject, type HashKind, keyOf } from '../model/object.ts';
import { printable } from '../report/printable.ts';

/** Takes bytes in order, in pieces of any size. `digest` ends it: 32 lower-case hex digits. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  digest(): string;
}

/** The algorithm that names objects of this kind. */
export function createHasher(kind: HashKind): Hasher {
  if (kind === 'md5-dos2unix') return createTextHasher();
  const md5 = createHash('md5');
  return { update: (chunk) => void md5.update(chunk), digest: () => md5.digest('hex') };
}

/** Digest of bytes that are all here. */
export function digestOf(kind: HashKind, bytes: Uint8Array): string {
  if (kind === 'md5') return hash('md5', bytes);
  const hasher = createTextHasher();
  hasher.update(bytes);
  return hasher.digest();
}

/** True when bytes with this digest may bear the object's name. */
export function isNamed(object: DvcObject, digest: string): boolean {
  return object.id.slice(0, 32) === digest;
}

/**
 * Passes `bytes` on and throws `corrupt`, naming `where` they came from, when they are not the object's. The last
 * chunk is held back until the digest agrees, so that a receiver who counts bytes never sees a whole wrong object.
 */
export async function* verified(
  object: DvcObject,
  bytes: AsyncIterable<Uint8Array>,
  where: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hasher = createHasher(object.kind);
  let held: Uint8Array | undefined;
  for await (const chunk of bytes) {
    if (held !== undefined) yield held;
    hasher.update(chunk);
    held = chunk;
  }
  const digest = hasher.digest();
  if (!isNamed(object, digest)) throw damaged(object, digest, where);
  if (held !== undefined) yield held;
}

/** The error for bytes that are not the object's. */
export function damaged(object: DvcObject, digest: string, where: string, hints: readonly string[] = []): HelperError {
  return new HelperError(
    'corrupt',
    `damaged object '${keyOf(object)}' in '${printable(where)}': its bytes hash to '${digest}'`,
    { hints },
  );
}

// DVC 2 read files in blocks of 1 MiB, judged each by its first 512 bytes and converted within the block, so a CRLF
// across two blocks stays as it is. Both numbers are part of the name of every legacy object.
const blockSize = 2 ** 20;
const headSize = 512;
const cr = 13;
const lf = 10;

function createTextHasher(): Hasher {
  const md5 = createHash('md5');
  const head = Buffer.alloc(headSize);
  let position = 0;
  let isText: boolean | undefined;
  let heldCr = false;

  const convert = (piece: Uint8Array): void => {
    if (piece.length === 0) return;
    if (heldCr && piece[0] !== lf) md5.update('\r');
    heldCr = piece[piece.length - 1] === cr;
    md5.update(withoutCrlf(heldCr ? piece.subarray(0, -1) : piece));
  };
  const pass = (piece: Uint8Array): void => {
    if (isText) convert(piece);
    else md5.update(piece);
  };
  const judge = (length: number): void => {
    isText = looksLikeText(head.subarray(0, length));
    pass(head.subarray(0, length));
  };
  const take = (piece: Uint8Array): void => {
    if (isText !== undefined) {
      pass(piece);
      return;
    }
    const missing = headSize - position;
    head.set(piece.subarray(0, missing), position);
    if (piece.length < missing) return;
    judge(headSize);
    pass(piece.subarray(missing));
  };
  const endBlock = (): void => {
    if (isText === undefined) judge(Math.min(position, headSize));
    if (heldCr) md5.update('\r');
    position = 0;
    isText = undefined;
    heldCr = false;
  };

  return {
    update(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const piece = chunk.subarray(at, at + blockSize - position);
        take(piece);
        at += piece.length;
        position += piece.length;
        if (position === blockSize) endBlock();
      }
    },
    digest() {
      endBlock();
      return md5.digest('hex');
    },
  };
}

/** The bytes with every CRLF made LF; the bytes themselves when there is none. */
function withoutCrlf(bytes: Uint8Array): Uint8Array {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf('\r\n');
  if (found === -1) return bytes;
  const out = Buffer.allocUnsafe(bytes.length);
  out.set(bytes.subarray(0, found));
  let length = found;
  let last = 0;
  for (let at = found; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    // The CR in front was already copied: the LF takes its place.
    if (byte === lf && last === cr) length--;
    out[length++] = byte;
    last = byte;
  }
  return out.subarray(0, length);
}

/** DVC's rule: no NUL, and at most 30 % of bytes that plain text does not have. */
function looksLikeText(block: Uint8Array): boolean {
  let odd = 0;
  for (const byte of block) {
    if (byte === 0) return false;
    const plain = (byte >= 32 && byte < 127) || (byte >= 8 && byte <= 10) || byte === 12 || byte === cr;
    if (!plain) odd++;
  }
  return block.length === 0 || odd / block.length <= 0.3;
}
