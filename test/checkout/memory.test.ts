import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openMemory } from '../../src/checkout/memory.ts';
import type { Stamp } from '../../src/checkout/stamp.ts';
import { type DvcObject, requireObjectId } from '../../src/model/object.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dvcexp-memory-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const object: DvcObject = { kind: 'md5', id: requireObjectId('0cc175b9c0f1b6a831c399e269772661', '') };
const written = 1_700_000_000_500_000_001n;
const stampOf = (mtimeNs: bigint, more: Partial<Stamp> = {}): Stamp => ({
  size: 1n,
  mtimeNs,
  ctimeNs: mtimeNs,
  ino: 7n,
  ...more,
});
const file = (): string => join(folder, 'dvcexp', 'checkout');

/** What the next run finds of one file, when the memory was written half a second after 1,700,000,000. */
function findLater(remembered: Stamp, now: Stamp = remembered, path = 'a/b'): DvcObject | undefined {
  rmSync(file(), { force: true });
  const memory = openMemory(folder);
  memory.remember(path, remembered, object, 'a');
  assert.deepEqual(memory.find(path, remembered), object, 'this run has seen it itself');
  memory.save();
  utimesSync(file(), 1_700_000_000.5, 1_700_000_000.5);
  return openMemory(folder).find(path, now);
}

test('a file that is as it was is known, whatever its name', () => {
  for (const path of ['a/b', 'a/ö "x" \\ y', 'a/line\nfeed'])
    assert.deepEqual(findLater(stampOf(written - 3_000_000_000n), undefined, path), object);
});

test('one with another size, time or inode is not', () => {
  const stamp = stampOf(written - 3_000_000_000n);
  for (const more of [{ size: 2n }, { mtimeNs: 5n }, { ctimeNs: stamp.ctimeNs + 1n }, { ino: 8n }])
    assert.equal(findLater(stamp, { ...stamp, ...more }), undefined);
});

test('one that was changed in the moment of writing is read again', () => {
  assert.equal(findLater(stampOf(written)), undefined);
  assert.equal(findLater(stampOf(written - 10_000_000n)), undefined);
  assert.equal(findLater(stampOf(written + 5_000_000_000n)), undefined, 'a clock that goes wrong');
  assert.equal(findLater(stampOf(written - 3_000_000_000n, { ctimeNs: written })), undefined);
  assert.deepEqual(findLater(stampOf(written - 100_000_000n)), object);
  // Where times are whole seconds, a second change within two of them leaves no trace.
  assert.equal(findLater(stampOf(1_699_999_999_000_000_000n)), undefined);
  assert.deepEqual(findLater(stampOf(1_699_999_998_000_000_000n)), object);
});

test('what cannot be read is nothing', () => {
  const stamp = stampOf(written - 3_000_000_000n);
  for (const text of ['', 'dvcexp checkout 2\n"a"\n', 'dvcexp checkout 1\n"a"\n1 2 3 4 nonsense "a/b"\n"\n', '\0\0']) {
    writeFileSync(file(), text);
    assert.equal(openMemory(folder).find('a/b', stamp), undefined, text);
  }
});

test('nothing is written when nothing has changed', () => {
  const stamp = stampOf(written - 3_000_000_000n);
  assert.deepEqual(findLater(stamp), object);
  const before = statSync(file(), { bigint: true }).ino;
  const memory = openMemory(folder);
  memory.remember('a/b', stamp, object, 'a');
  memory.save();
  assert.equal(statSync(file(), { bigint: true }).ino, before);
  memory.forget('a/b');
  memory.save();
  assert.equal(readFileSync(file(), 'utf8'), 'dvcexp checkout 1\n');
});
