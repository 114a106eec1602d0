import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodePacket } from '../../src/git/pkt-line.ts';
import { openWatcher, type Watcher } from '../../src/remote-helper/watcher.ts';

const oid = (digit: string): string => digit.repeat(40);
const flush = Buffer.from('0000');
const packets = (...lines: readonly string[]): Buffer =>
  Buffer.concat([...lines.map((line) => encodePacket(`${line}\n`)), flush]);
const band = (bytes: number): Buffer => encodePacket(Buffer.concat([Buffer.from([1]), Buffer.alloc(bytes, 'x')]));
const watch = (holdList = false): Watcher => openWatcher({ stateless: false, holdList, holdExperiments: false });

/** Feeds in pieces of `size` bytes; what went on, joined. */
function answer(watcher: Watcher, bytes: Buffer, size = bytes.length): { out: Buffer; listed: boolean } {
  const out: Buffer[] = [];
  let listed = false;
  for (let at = 0; at < bytes.length; at += size) {
    const step = watcher.answer(bytes.subarray(at, at + size));
    out.push(...step.forward);
    listed ||= step.listed;
  }
  return { out: Buffer.concat(out), listed };
}

const advertisement = packets('version 2', 'ls-refs=unborn', 'fetch=shallow');
const list = packets(
  `${oid('a')} HEAD symref-target:refs/heads/main`,
  `${oid('a')} refs/heads/main`,
  `${oid('b')} refs/tags/v1 peeled:${oid('c')}`,
);
const pack = Buffer.concat([encodePacket('packfile\n'), band(3000), flush]);

test('a version 2 fetch: names, wants, head and its proper end', () => {
  for (const size of [1, 3, 100, 10_000]) {
    const watcher = watch();
    assert.deepEqual(answer(watcher, advertisement, size), { out: advertisement, listed: false });
    watcher.request(packets('command=ls-refs', 'ref-prefix refs/heads/'));
    assert.deepEqual(answer(watcher, list, size), { out: list, listed: true });
    assert.ok(watcher.forFetch);
    watcher.request(packets('command=fetch', `want ${oid('a')}`, `want ${oid('b')}`));
    const common = packets('acknowledgments', 'NAK');
    assert.deepEqual(answer(watcher, common, size).out, common);
    assert.ok(!watcher.whole, 'a round of negotiation is no end');
    watcher.request(packets('command=fetch', `want ${oid('a')}`, `want ${oid('b')}`, 'done'));
    assert.deepEqual(answer(watcher, pack.subarray(0, -4), size).out, pack.subarray(0, -4));
    assert.ok(!watcher.whole);
    answer(watcher, flush, size);
    assert.ok(watcher.whole);
    assert.equal(watcher.head, 'refs/heads/main');
    assert.deepEqual(watcher.wants(), [
      { oid: oid('a'), names: ['HEAD', 'refs/heads/main'] },
      { oid: oid('b'), names: ['refs/tags/v1'] },
    ]);
  }
});

test('an answer that is cut off anywhere is not whole', () => {
  for (let cut = 0; cut < pack.length; cut += 7) {
    const watcher = watch();
    answer(watcher, advertisement);
    watcher.request(packets('command=fetch', `want ${oid('a')}`));
    answer(watcher, pack.subarray(0, cut));
    assert.ok(!watcher.whole, `after ${cut} bytes`);
  }
});

test('an old server lists first, and says where HEAD is among its capabilities', () => {
  const first = packets(
    `${oid('a')} HEAD\0multi_ack side-band-64k symref=HEAD:refs/heads/main`,
    `${oid('a')} refs/heads/main`,
  );
  const watcher = watch();
  assert.deepEqual(answer(watcher, first, 5), { out: first, listed: true });
  assert.equal(watcher.head, 'refs/heads/main');
  watcher.request(packets(`want ${oid('a')} side-band-64k`));
  answer(watcher, Buffer.concat([encodePacket('NAK\n'), band(10), flush]));
  assert.ok(watcher.whole);
  assert.deepEqual(watcher.wants(), [{ oid: oid('a'), names: ['HEAD', 'refs/heads/main'] }]);
});

test('a pack without side-band is taken for whole: what follows it, its reader ignores', () => {
  const watcher = watch();
  answer(watcher, packets(`${oid('a')} refs/heads/main\0multi_ack`));
  watcher.request(packets(`want ${oid('a')}`));
  answer(watcher, Buffer.concat([encodePacket('NAK\n'), Buffer.from('PACKxxxx')]));
  assert.ok(watcher.whole);
});

test("refs of DVC's own machinery are taken out, nothing else is", () => {
  const dirty = packets(
    `${oid('a')} HEAD`,
    `${oid('b')} refs/exps/exec/EXEC_HEAD`,
    `${oid('b')} refs/exps/stash`,
    `${oid('c')} refs/exps/aa/${'b'.repeat(38)}/name`,
  );
  const clean = packets(`${oid('a')} HEAD`, `${oid('c')} refs/exps/aa/${'b'.repeat(38)}/name`);
  for (const size of [1, 50, 10_000]) {
    const watcher = watch();
    answer(watcher, advertisement, size);
    watcher.request(packets('command=ls-refs'));
    assert.deepEqual(answer(watcher, dirty, size), { out: clean, listed: true });
    assert.ok(!watcher.forFetch);
    assert.ok(!watcher.names().has(oid('b')));
  }
});

test('a list that is held back comes whole at its end, a bare ls-remote at once', () => {
  const watcher = watch(true);
  assert.deepEqual(answer(watcher, advertisement).out, advertisement);
  watcher.request(packets('command=ls-refs', 'ref-prefix refs/heads/'));
  assert.equal(answer(watcher, list.subarray(0, -4), 9).out.length, 0);
  assert.deepEqual(answer(watcher, list.subarray(-4)), { out: list, listed: true });

  const bare = watch(true);
  answer(bare, advertisement);
  bare.request(packets('command=ls-refs'));
  assert.ok(answer(bare, list.subarray(0, -4)).out.length > 0);
});

test('what was held back when the server ended is not lost', () => {
  const watcher = watch(true);
  answer(watcher, advertisement);
  watcher.request(packets('command=ls-refs', 'ref-prefix refs/heads/'));
  assert.equal(answer(watcher, list.subarray(0, 90)).out.length, 0);
  assert.deepEqual(Buffer.concat([...watcher.rest()]), list.subarray(0, 90));
});

test('wants by name are resolved from the answer', () => {
  const watcher = watch();
  answer(watcher, advertisement);
  watcher.request(packets('command=fetch', 'want-ref refs/heads/main'));
  const wanted = Buffer.concat([
    encodePacket('wanted-refs\n'),
    encodePacket(`${oid('d')} refs/heads/main\n`),
    Buffer.from('0001'),
  ]);
  answer(watcher, Buffer.concat([wanted, pack]));
  assert.ok(watcher.whole);
  assert.deepEqual(watcher.wants(), [{ oid: oid('d'), names: ['refs/heads/main'] }]);
});

test('a stateless answer ends with its own packet', () => {
  const watcher = openWatcher({ stateless: true, holdList: false, holdExperiments: false });
  answer(watcher, advertisement);
  watcher.request(packets('command=fetch', `want ${oid('a')}`));
  answer(watcher, pack);
  assert.ok(!watcher.whole);
  answer(watcher, Buffer.from('0002'));
  assert.ok(watcher.whole);
  assert.ok(!watcher.answered, 'who asks a stateless server again, asks in a new request');
});

test('when Git has its answer, what follows is read by nobody', () => {
  const watcher = watch();
  answer(watcher, advertisement);
  assert.ok(watcher.answered);
  watcher.request(packets('command=fetch', `want ${oid('a')}`));
  assert.ok(!watcher.answered);
  answer(watcher, Buffer.concat([pack, Buffer.from('00ffgarbage')]));
  assert.ok(watcher.answered && watcher.whole);
});

test('a side-band packet by itself ends nothing', () => {
  const watcher = watch();
  answer(watcher, advertisement);
  watcher.request(packets('command=fetch', `want ${oid('a')}`));
  answer(watcher, band(10));
  assert.ok(!watcher.whole);
});

test('a server that answers before it is asked is not believed', () => {
  const watcher = watch();
  assert.throws(() => answer(watcher, Buffer.concat([advertisement, list])), /answers before it is asked/);
});
