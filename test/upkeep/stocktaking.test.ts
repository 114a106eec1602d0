// What of a place goes, by age and by what points to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatListing, listingId } from '../../src/dvc/listing.ts';
import { type DvcObject, type Key, keyOf, requireObjectId } from '../../src/model/object.ts';
import { rank, takeStock } from '../../src/upkeep/stocktaking.ts';
import type { Item, Target } from '../../src/upkeep/sweep.ts';

const operation = { signal: AbortSignal.timeout(10_000) };
const leaf = (digit: string): DvcObject => ({ kind: 'md5', id: requireObjectId(digit.repeat(32), 'test') });
const bytesOf = (...digits: readonly string[]): Uint8Array =>
  formatListing(digits.map((digit) => ({ relpath: digit, id: leaf(digit).id })));
const listing = (bytes: Uint8Array): DvcObject => ({ kind: 'md5', id: listingId(bytes) });
const item = (object: DvcObject, changed: number): Item => ({ key: keyOf(object), object, size: 10, changed });

function target(items: readonly Item[], listings: readonly Uint8Array[] = []): Target {
  return {
    place: 'test',
    concurrency: 1,
    async *items() {
      yield* items;
    },
    readListing: async ({ id }) => listings.find((bytes) => listingId(bytes) === id),
    readRun: async () => undefined,
    remove: async () => true,
    close: async () => {},
  };
}
const rules = (...needed: readonly DvcObject[]) => ({
  needed: new Set<Key>(needed.map(keyOf)),
  before: 100,
  sweepRuns: false,
});

test('old and needed by nobody goes; young, of unknown age, or needed stays', async () => {
  const items = [
    item(leaf('a'), 50),
    item(leaf('b'), 150),
    item(leaf('c'), Number.NaN),
    item(leaf('d'), 50),
    item(leaf('e'), 100),
  ];
  const { doomed, kept, young } = await takeStock(target(items), rules(leaf('d')), operation);
  assert.deepEqual(
    doomed.map(({ key }) => key),
    [keyOf(leaf('a')), keyOf(leaf('e'))],
  );
  assert.deepEqual([kept.objects, young.objects], [1, 2]);
});

test('a young listing keeps its files, however old; an old one goes before its files', async () => {
  const [young, old] = [bytesOf('a', 'b'), bytesOf('b', 'c')];
  const items = [
    item(leaf('a'), 1),
    item(leaf('b'), 1),
    item(leaf('c'), 1),
    item(listing(young), 150),
    item(listing(old), 1),
  ];
  const { doomed } = await takeStock(target(items, [young, old]), rules(), operation);
  assert.deepEqual(
    doomed.map(({ key }) => key),
    [keyOf(listing(old)), keyOf(leaf('c'))],
  );
  assert.deepEqual(doomed.map(rank), [1, 2]);
});

test('a young listing that is damaged keeps nothing, and stays', async () => {
  const bytes = bytesOf('a');
  const items = [item(leaf('a'), 1), item(listing(bytes), 150)];
  const { doomed } = await takeStock(target(items, []), rules(), operation);
  assert.deepEqual(
    doomed.map(({ key }) => key),
    [keyOf(leaf('a'))],
  );
});
