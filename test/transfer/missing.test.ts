import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Key } from '../../src/model/object.ts';
import { findPresent } from '../../src/transfer/missing.ts';
import { openMemoryStorage } from '../kit/memory-storage.ts';

const operation = { signal: new AbortController().signal };
const keyOf = (index: number): Key => {
  const hex = ((index * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0');
  return `files/md5/${hex.slice(0, 2)}/${hex.slice(2)}${'0'.repeat(24)}` as Key;
};
const keys = (count: number): Key[] => Array.from({ length: count }, (_, index) => keyOf(index));

test('a handful is asked for one by one', async () => {
  const storage = openMemoryStorage(new Map([[keyOf(1), Buffer.alloc(7)]]));
  const found = await findPresent(keys(5), storage, operation);
  assert.deepEqual([...found], [[keyOf(1), 7]]);
  assert.equal(storage.calls.filter((call) => call.startsWith('stat')).length, 5);
});

test('many are found by listing, with few requests', async () => {
  const all = keys(2000);
  const storage = openMemoryStorage(new Map(all.slice(0, 1000).map((key) => [key, Buffer.alloc(1)])));
  const found = await findPresent(all, storage, operation);
  assert.equal(found.size, 1000);
  assert.ok(storage.calls.every((call) => call.startsWith('list')));
  assert.ok(storage.calls.length <= 3, `${storage.calls.length} listings`);
});

test('objects of both layouts are found', async () => {
  const legacy = keys(40).map((key) => key.slice('files/md5/'.length) as Key);
  const storage = openMemoryStorage(
    new Map([...legacy.slice(0, 3), ...keys(40).slice(5, 9)].map((key) => [key, Buffer.alloc(1)])),
  );
  const found = await findPresent([...legacy, ...keys(40)], storage, operation);
  assert.equal(found.size, 7);
});

test('a service that cannot list is asked for each', async () => {
  const storage = { ...openMemoryStorage(new Map([[keyOf(2), Buffer.alloc(3)]])), canList: false };
  assert.equal((await findPresent(keys(100), storage, operation)).size, 1);
});
