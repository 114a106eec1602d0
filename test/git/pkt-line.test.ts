import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { openByteReader } from '../../src/git/byte-stream.ts';
import { encodePacket, openPacketSplitter, packetText, readPacket } from '../../src/git/pkt-line.ts';

const sideBand = (band: number, bytes: number): Buffer =>
  encodePacket(Buffer.concat([Buffer.from([band]), Buffer.alloc(bytes, 'x')]));
const stream = Buffer.concat([
  encodePacket('version 2\n'),
  Buffer.from('0000'),
  encodePacket(''),
  Buffer.from('0001'),
  sideBand(2, 30),
  sideBand(1, 1),
  sideBand(1, 5_000),
  Buffer.from('0002'),
]);

test('packets are read in order, whatever pieces they come in', async () => {
  for (const size of [1, 3, 7, 64]) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
      stream.subarray(index * size, (index + 1) * size),
    );
    const reader = openByteReader(Readable.from(chunks));
    const kinds: string[] = [];
    for (let packet = await readPacket(reader); packet !== undefined; packet = await readPacket(reader)) {
      kinds.push(packet.kind === 'data' ? String(packet.payload.length) : packet.kind);
    }
    assert.deepEqual(kinds, ['10', 'flush', '0', 'delimiter', '31', '2', '5001', 'response-end']);
  }
});

test('the splitter gives back every byte, and side-band as it comes', () => {
  for (const size of [1, 2, 5, 1000, stream.length]) {
    const splitter = openPacketSplitter();
    const out: Buffer[] = [];
    const kinds: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const piece of splitter.feed(stream.subarray(at, at + size))) {
        out.push(piece.bytes);
        if (piece.kind === 'packet') kinds.push(piece.packet.kind);
      }
      assert.ok(splitter.rest().length < 16, 'side-band is not held back');
    }
    assert.deepEqual(Buffer.concat(out), stream);
    assert.deepEqual(kinds, ['data', 'flush', 'data', 'delimiter', 'response-end']);
    assert.ok(splitter.atBoundary);
  }
});

test('a cut-off stream does not stand between packets', () => {
  for (let cut = 1; cut < 60; cut += 1) {
    const splitter = openPacketSplitter();
    splitter.feed(stream.subarray(0, cut));
    const boundaries = [14, 18, 22, 26, 26 + 4 + 31];
    assert.equal(splitter.atBoundary, boundaries.includes(cut), `after ${cut} bytes`);
  }
});

test('a pack without side-band goes by as it is', () => {
  const splitter = openPacketSplitter();
  const pieces = splitter.feed(Buffer.concat([encodePacket('NAK\n'), Buffer.from('PACK....')]));
  assert.deepEqual(
    pieces.map(({ kind, bytes }) => [kind, bytes.toString()]),
    [
      ['packet', '0008NAK\n'],
      ['opaque', 'PACK....'],
    ],
  );
  assert.ok(splitter.raw);
  assert.ok(!splitter.atBoundary);
});

test('what is no packet is refused, what is too long not made', async () => {
  await assert.rejects(readPacket(openByteReader(Readable.from([Buffer.from('HTTP/1.1')]))), { code: 'corrupt' });
  await assert.rejects(readPacket(openByteReader(Readable.from([Buffer.from('0003')]))), { code: 'corrupt' });
  assert.equal(await readPacket(openByteReader(Readable.from([Buffer.from('0009abc')]))), undefined);
  assert.throws(() => encodePacket(Buffer.alloc(70_000)), { code: 'unsupported' });
  assert.equal(packetText(Buffer.from('a\n')), 'a');
});

test('a line is bounded, and a cut-off one is none', async () => {
  const lines = openByteReader(Readable.from([Buffer.from('one\ntw'), Buffer.from('o\n\nthr')]));
  assert.equal((await lines.line())?.toString(), 'one');
  assert.equal((await lines.line())?.toString(), 'two');
  assert.equal((await lines.line())?.length, 0);
  assert.equal(await lines.line(), undefined);
  const endless = openByteReader(
    Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, 'x');
      })(),
    ),
  );
  await assert.rejects(endless.line(), { code: 'unsupported' });
});

test('readers of all kinds share one stream', async () => {
  const reader = openByteReader(Readable.from([Buffer.from('line\nabcdef'), Buffer.from('gh')]));
  assert.equal((await reader.line())?.toString(), 'line');
  const two = await reader.bytes(2);
  reader.unread(two ?? Buffer.alloc(0));
  assert.equal((await reader.bytes(3))?.toString(), 'abc');
  assert.equal((await reader.chunk())?.toString(), 'def');
  assert.equal((await reader.chunk())?.toString(), 'gh');
  assert.equal(await reader.chunk(), undefined);
});
