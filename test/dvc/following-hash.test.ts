// Objects so big that another thread hashes them while they are written.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Cache, openCache } from '../../src/dvc/cache.ts';
import { type DvcObject, requireObjectId } from '../../src/model/object.ts';

const operation = { signal: new AbortController().signal };
const mib = 1024 * 1024;
let directory = '';
let cache: Cache;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-following-'));
  cache = openCache(directory, { shared: undefined, fsyncObjects: false });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** 64 KiB chunks of `mebibytes`, each of another byte; `change` alters one of them. */
async function* chunks(mebibytes: number, change = -1): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < mebibytes * 16; index++) yield Buffer.alloc(65536, index === change ? 255 : index % 251);
}

async function objectOf(mebibytes: number): Promise<DvcObject> {
  const hash = createHash('md5');
  for await (const chunk of chunks(mebibytes)) hash.update(chunk);
  return { kind: 'md5', id: requireObjectId(hash.digest('hex'), 'test') };
}

const files = (): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

test('right ones are placed, several at a time', { timeout: 60_000 }, async () => {
  const sizes = [33, 40, 41, 42];
  const objects = await Promise.all(sizes.map(objectOf));
  await Promise.all(objects.map((object, index) => cache.write(object, chunks(sizes[index] ?? 0), operation)));
  assert.deepEqual(
    objects.map((object) => cache.size(object)),
    sizes.map((size) => size * mib),
  );
  assert.equal(files().length, sizes.length);
});

for (const change of [0, 33 * 16, 40 * 16 - 1]) {
  test(`a wrong chunk ${change} is found, and nothing stays`, { timeout: 60_000 }, async () => {
    const object = await objectOf(40);
    await assert.rejects(cache.write(object, chunks(40, change), operation), { code: 'corrupt' });
    assert.deepEqual(files(), []);
  });
}

test('a source that breaks off leaves nothing, and no thread that keeps us waiting', { timeout: 60_000 }, async () => {
  const object = await objectOf(40);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* chunks(36);
    throw new Error('the line is dead');
  }
  for (let time = 0; time < 4; time++)
    await assert.rejects(cache.write(object, broken(), operation), /the line is dead/);
  assert.deepEqual(files(), []);
  assert.equal(await cache.write(object, chunks(40), operation), 40 * mib);
});
