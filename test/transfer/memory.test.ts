// A project has a million files: what is kept of each must stay small, and of what goes by nothing may stay.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RefName } from '../../src/model/git.ts';
import { type Key, keyOf, requireObjectId } from '../../src/model/object.ts';
import { parsePage } from '../../src/storage/s3/listing.ts';
import { findPresent } from '../../src/transfer/missing.ts';
import type { Need } from '../../src/transfer/plan.ts';
import { addLeaves, listingsOf, type WantedMap, wantedOf } from '../../src/transfer/wanted.ts';
import { operation } from '../conformance/storage.ts';
import { openMemoryStorage } from '../kit/memory-storage.ts';

const listings = 10;
const leaves = 10_000;
const count = listings * leaves;

let collect: () => void;
before(() => {
  setFlagsFromString('--expose-gc');
  collect = runInNewContext('gc') as () => void;
});

/** Bytes on the heap that `work` adds for each of the objects. */
async function heldFor<T>(work: () => T | Promise<T>): Promise<{ readonly bytes: number; readonly made: T }> {
  collect();
  const before = process.memoryUsage().heapUsed;
  const made = await work();
  collect();
  return { bytes: (process.memoryUsage().heapUsed - before) / count, made };
}

const idOf = (text: string): string => createHash('md5').update(text).digest('hex');

/** A push of ten directories; half of each directory's files are in the next one too. */
function plan(): { readonly needs: Need[]; readonly texts: Buffer[] } {
  const texts = Array.from({ length: listings }, (_, at) => {
    const entry = (file: number): string => `{"md5": "${idOf(String(file))}", "relpath": "images/${at}/${file}.png"}`;
    const files = Array.from({ length: leaves }, (_each, file) => entry(at * leaves + file));
    const shared = Array.from({ length: leaves / 2 }, (_each, file) => entry((at + 1) * leaves + file));
    return Buffer.from(`[${[...files, ...(at + 1 < listings ? shared : [])].join(', ')}]`);
  });
  const needs = texts.map((text, at): Need => {
    const id = requireObjectId(`${createHash('md5').update(text).digest('hex')}.dir`, 'test');
    const edges = [{ path: `data${at}`, refs: [`refs/heads/${at}` as RefName], optional: false }];
    return { object: { kind: 'md5', id }, edges };
  });
  return { needs, texts };
}

let wanted: WantedMap;

test('an object that is wanted takes less than 400 bytes, whatever else it is wanted for', async () => {
  const { needs, texts } = plan();
  const { bytes, made } = await heldFor(() => {
    const map = wantedOf(needs);
    for (const [at, listing] of listingsOf(map).entries()) addLeaves(map, listing, texts[at] ?? Buffer.alloc(0));
    return map;
  });
  assert.equal(made.size, count + listings);
  assert.ok(bytes < 400, `${Math.round(bytes)} bytes each`);
  const both = [...made.values()].filter(({ edges }) => edges.length === 2);
  assert.equal(both.length, ((listings - 1) * leaves) / 2);
  assert.equal(new Set(both.map(({ edges }) => edges)).size, listings - 1);
  const [first] = both;
  assert.deepEqual(
    first?.edges.map(({ path }) => path),
    ['data0', 'data1'],
  );
  wanted = made;
});

test('what is found in storage is remembered without the answers it stood in', async () => {
  const keys = [...wanted.keys()];
  const byFolder = new Map<string, Key[]>();
  for (const key of keys) {
    const folder = key.slice(0, 'files/md5/ab/'.length);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), key]);
  }
  const storage = {
    ...openMemoryStorage(),
    async *list(prefix: string) {
      const names = byFolder.get(prefix) ?? [];
      for (let at = 0; at < names.length; at += 1000) {
        const objects = names
          .slice(at, at + 1000)
          .map((name) => `<Contents><Key>${name}</Key><ETag>${name}</ETag><Size>4096</Size></Contents>`);
        const page = parsePage(String(Buffer.from(`<ListBucketResult>${objects.join('')}</ListBucketResult>`)));
        for (const { name, size } of page?.objects ?? []) yield { key: name, size };
      }
    },
  };
  const { bytes, made } = await heldFor(() => findPresent(keys, storage, operation));
  assert.equal(made.size, keys.length);
  assert.equal(made.get(keyOf({ kind: 'md5', id: requireObjectId(idOf('7'), 'test') }) as Key), 4096);
  assert.ok(bytes < 100, `${Math.round(bytes)} bytes each`);
});
