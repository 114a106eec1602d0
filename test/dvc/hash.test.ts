import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createHasher, digestOf, verified } from '../../src/dvc/hash.ts';
import { type DvcObject, type HashKind, requireObjectId } from '../../src/model/object.ts';

const block = 2 ** 20;

/** DVC 2's file_md5 in plain words: whole blocks, each judged by its first 512 bytes. */
function reference(bytes: Buffer): string {
  const md5 = createHash('md5');
  for (let at = 0; at < bytes.length; at += block) {
    const piece = bytes.subarray(at, at + block);
    const head = piece.subarray(0, 512);
    const odd = [...head].filter((byte) => !(byte >= 32 && byte < 127) && ![8, 9, 10, 12, 13].includes(byte)).length;
    const isText = !head.includes(0) && odd / head.length <= 0.3;
    md5.update(isText ? Buffer.from(piece.toString('latin1').replaceAll('\r\n', '\n'), 'latin1') : piece);
  }
  return md5.digest('hex');
}

function inPieces(kind: HashKind, bytes: Uint8Array, size: number): string {
  const hasher = createHasher(kind);
  for (let at = 0; at < bytes.length; at += size) hasher.update(bytes.subarray(at, at + size));
  return hasher.digest();
}

const lines = Buffer.from('some text\r\n\r\rmore\r\r\n'.repeat(60_000));
const samples: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one CR', Buffer.from('\r')],
  ['one CRLF', Buffer.from('\r\n')],
  ['CR at the end', Buffer.from('text\r\ntext\r')],
  ['text without CRLF', Buffer.from('a\nb\n')],
  ['binary with CRLF', Buffer.from([0, 13, 10, 1])],
  ['30 % of odd bytes', Buffer.from(`${'\x01'.repeat(3)}abcde\r\n`)],
  ['more than 30 % of odd bytes', Buffer.from(`${'\x01'.repeat(4)}abcd\r\n`)],
  ['NUL behind the first 512 bytes', Buffer.concat([lines.subarray(0, 600), Buffer.alloc(3), Buffer.from('\r\n')])],
  ['exactly 512 bytes', lines.subarray(0, 512)],
  ['511 bytes', lines.subarray(0, 511)],
  ['more than a block', lines],
  ['CRLF across two blocks', Buffer.concat([Buffer.alloc(block - 1, 'x'), Buffer.from('\r\n\r\nend')])],
  ['a binary block after a text block', Buffer.concat([Buffer.alloc(block, 'a\r\n'), Buffer.from('\0\r\n')])],
  ['a text block after a binary block', Buffer.concat([Buffer.alloc(block, 0), Buffer.from('a\r\n')])],
];

for (const [name, bytes] of samples) {
  test(`names of DVC 2: ${name}`, () => {
    const expected = reference(bytes);
    assert.equal(digestOf('md5-dos2unix', bytes), expected);
    for (const size of [bytes.length < 2000 ? 1 : 7001, 511, 512, 513, 65_536, block + 1]) {
      assert.equal(inPieces('md5-dos2unix', bytes, size), expected, `in pieces of ${size}`);
    }
  });
}

test('known names of both kinds', () => {
  assert.equal(digestOf('md5', Buffer.alloc(0)), 'd41d8cd98f00b204e9800998ecf8427e');
  assert.equal(digestOf('md5', Buffer.from('a\r\n')), createHash('md5').update('a\r\n').digest('hex'));
  assert.equal(digestOf('md5-dos2unix', Buffer.from('a\r\n')), createHash('md5').update('a\n').digest('hex'));
  assert.equal(inPieces('md5', lines, 1000), createHash('md5').update(lines).digest('hex'));
});

const object: DvcObject = { kind: 'md5', id: requireObjectId(createHash('md5').update('abc').digest('hex'), 'test') };

async function* pieces(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function receive(bytes: AsyncIterable<Uint8Array>): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const chunk of bytes) text += Buffer.from(chunk).toString();
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}

test('right bytes pass', async () => {
  assert.deepEqual(await receive(verified(object, pieces('a', '', 'bc'), 's3://b')), { text: 'abc', error: undefined });
});

test('wrong bytes never arrive whole', async () => {
  const { text, error } = await receive(verified(object, pieces('a', 'b', 'x'), 's3://b\u001b'));
  assert.equal(text, 'ab');
  assert.ok(error instanceof Error);
  assert.equal('code' in error && error.code, 'corrupt');
  assert.equal(
    error.message,
    `damaged object 'files/md5/90/0150983cd24fb0d6963f7d28e17f72' in 's3://b\\x1b': its bytes hash to '${digestOf('md5', Buffer.from('abx'))}'`,
  );
});
