import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Cache, openCache } from '../../src/dvc/cache.ts';
import { createHasher } from '../../src/dvc/hash.ts';
import { formatListing, listingId } from '../../src/dvc/listing.ts';
import { HelperError } from '../../src/model/error.ts';
import type { RefName } from '../../src/model/git.ts';
import { type DvcObject, type Key, keyOf, requireObjectId } from '../../src/model/object.ts';
import { openVoice } from '../../src/report/voice.ts';
import { downloadGroup } from '../../src/transfer/download.ts';
import { openLedger } from '../../src/transfer/ledger.ts';
import type { Group } from '../../src/transfer/plan.ts';
import { uploadGroup } from '../../src/transfer/upload.ts';
import type { UploadTools } from '../../src/transfer/upload-tools.ts';
import { openMemoryStorage } from '../kit/memory-storage.ts';

const operation = { signal: new AbortController().signal };
const config = { name: 's', scheme: 'memory', url: 'memory://s', options: {}, committed: new Set<string>() };
const main = 'refs/heads/main' as RefName;
const other = 'refs/heads/other' as RefName;

let directory = '';
let cache: Cache;
let said = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-upload-'));
  cache = openCache(join(directory, 'cache'), { shared: undefined, fsyncObjects: false });
  said = '';
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function file(text: string): Promise<DvcObject> {
  const hasher = createHasher('md5');
  hasher.update(Buffer.from(text));
  const object: DvcObject = { kind: 'md5', id: requireObjectId(hasher.digest(), 'test') };
  await cache.write(object, Buffer.from(text), operation);
  return object;
}

async function folder(files: Readonly<Record<string, DvcObject>>): Promise<DvcObject> {
  const bytes = formatListing(Object.entries(files).map(([relpath, { id }]) => ({ relpath, id })));
  const object: DvcObject = { kind: 'md5', id: listingId(bytes) };
  await cache.write(object, bytes, operation);
  return object;
}

const group = (...needs: readonly { object: DvcObject; path: string; refs: readonly RefName[] }[]): Group => ({
  storage: config,
  cache,
  needs: new Map(
    needs.map(({ object, path, refs }) => [
      keyOf(object),
      { object, edges: [{ path, refs, optional: refs.length === 0 }] },
    ]),
  ),
});

const tools = (storage: ReturnType<typeof openMemoryStorage>, extra: Partial<UploadTools> = {}): UploadTools => ({
  voice: openVoice({ stderr: (text) => (said += text), progress: false, env: {}, verbosity: 1 }),
  ledger: openLedger(join(directory, 'git'), { name: 'store', shared: true }, 1000),
  open: async () => storage,
  throttled: () => 0,
  announce: async () => undefined,
  jobs: 2,
  force: false,
  allowMissing: false,
  dryRun: false,
  failed: new Set(),
  atomic: false,
  ...extra,
});

const writes = (storage: ReturnType<typeof openMemoryStorage>): string[] =>
  storage.calls.filter((call) => call.startsWith('write')).map((call) => call.slice(6));

test('leaves go first, listings last', async () => {
  const [a, b] = [await file('a'), await file('bb')];
  const dir = await folder({ 'x/a': a, b });
  const storage = openMemoryStorage();
  const result = await uploadGroup(group({ object: dir, path: 'data', refs: [main] }), tools(storage), operation);
  assert.deepEqual([result.objects, [...result.failed]], [3, []]);
  assert.equal(writes(storage).at(-1), keyOf(dir));
  assert.equal(writes(storage).length, 3);
});

test('a second push of the same data asks storage nothing', async () => {
  const dir = await folder({ a: await file('a') });
  const storage = openMemoryStorage();
  await uploadGroup(group({ object: dir, path: 'data', refs: [main] }), tools(storage), operation);
  storage.calls.length = 0;
  const again = tools(storage, { open: async () => assert.fail('opened') });
  assert.equal((await uploadGroup(group({ object: dir, path: 'data', refs: [main] }), again, operation)).objects, 0);
});

test('an object in neither place fails its ref, names its path and holds its listing back; others go', async () => {
  const [a, gone, solo] = [await file('a'), await file('gone'), await file('solo')];
  const dir = await folder({ a, 'sub/gone': gone });
  rmSync(cache.path(gone), { force: true });
  const storage = openMemoryStorage();
  const result = await uploadGroup(
    group({ object: dir, path: 'data', refs: [main] }, { object: solo, path: 'solo', refs: [other] }),
    tools(storage),
    operation,
  );
  assert.deepEqual([...result.failed], [[main, 'dvc: 1 object missing in cache and storage']]);
  assert.match(said, new RegExp(`data/sub/gone \\(md5 ${gone.id}\\)`));
  assert.deepEqual(writes(storage), [keyOf(solo)]);
});

test('what is missing here and present there is fine', async () => {
  const gone = await file('gone');
  const dir = await folder({ gone });
  const storage = openMemoryStorage(new Map([[keyOf(gone) as string, Buffer.from('gone')]]));
  rmSync(cache.path(gone), { force: true });
  const result = await uploadGroup(group({ object: dir, path: 'data', refs: [main] }), tools(storage), operation);
  assert.deepEqual([...result.failed], []);
  assert.deepEqual(writes(storage), [keyOf(dir)]);
});

test('a listing found in storage proves nothing: its lost leaf is sent again', async () => {
  const a = await file('a');
  const dir = await folder({ a });
  const storage = openMemoryStorage(new Map([[keyOf(dir) as string, cache.read(dir)]]));
  await uploadGroup(group({ object: dir, path: 'data', refs: [main] }), tools(storage), operation);
  assert.deepEqual(writes(storage), [keyOf(a)]);
});

test('a damaged cache object is never published', async () => {
  const bad = await file('good');
  chmodSync(cache.path(bad), 0o644);
  writeFileSync(cache.path(bad), 'evil');
  const storage = openMemoryStorage();
  const result = await uploadGroup(group({ object: bad, path: 'model', refs: [main] }), tools(storage), operation);
  assert.equal(result.failed.get(main), 'dvc: 1 object damaged in the cache');
  assert.equal(storage.objects.size, 0);
});

test('an object of another size in storage is sent again', async () => {
  const a = await file('whole');
  const storage = openMemoryStorage(new Map([[keyOf(a) as string, Buffer.from('wh')]]));
  await uploadGroup(group({ object: a, path: 'a', refs: [main] }), tools(storage), operation);
  assert.equal(Buffer.from(storage.objects.get(keyOf(a)) ?? '').toString(), 'whole');
  assert.match(said, /is damaged \(2 bytes instead of 5 bytes\)/);
});

test('atomic: one missing object and nothing travels', async () => {
  const [a, gone] = [await file('a'), await file('gone')];
  rmSync(cache.path(gone), { force: true });
  const storage = openMemoryStorage();
  const needs = group({ object: a, path: 'a', refs: [main] }, { object: gone, path: 'gone', refs: [other] });
  const result = await uploadGroup(needs, tools(storage, { atomic: true }), operation);
  assert.equal(result.failed.size, 1);
  assert.deepEqual(writes(storage), []);
});

test('a dry run sends nothing and says what it would', async () => {
  const storage = openMemoryStorage();
  await uploadGroup(
    group({ object: await file('abc'), path: 'a', refs: [main] }),
    tools(storage, { dryRun: true }),
    operation,
  );
  assert.deepEqual(writes(storage), []);
  assert.match(said, /would upload 1 object, 3 bytes, to memory:\/\/storage/);
});

test('storage that refuses fails every ref that misses something in it', async () => {
  const storage = openMemoryStorage();
  const denied = { ...storage, stat: async () => Promise.reject(new HelperError('auth', 'access denied')) };
  const result = await uploadGroup(
    group({ object: await file('a'), path: 'a', refs: [main] }),
    tools(storage, { open: async () => denied }),
    operation,
  );
  assert.equal(result.failed.get(main), 'dvc: data not uploaded: access denied');
});

test('allow-missing lets the ref go and still holds the listing back', async () => {
  const gone = await file('gone');
  const dir = await folder({ gone });
  rmSync(cache.path(gone), { force: true });
  const storage = openMemoryStorage();
  const result = await uploadGroup(
    group({ object: dir, path: 'data', refs: [main] }),
    tools(storage, { allowMissing: true }),
    operation,
  );
  assert.deepEqual([[...result.failed], writes(storage)], [[], []]);
  assert.match(said, /^warning: /);
});

test('what was sent comes back whole, and what storage lost is named', async () => {
  const [a, b] = [await file('a'), await file('b')];
  const dir = await folder({ a, b });
  const storage = openMemoryStorage();
  const needs = group({ object: dir, path: 'data', refs: [main] });
  await uploadGroup(needs, tools(storage), operation);
  storage.objects.delete(keyOf(b));
  cache = openCache(join(directory, 'second'), { shared: undefined, fsyncObjects: false });
  const received = await downloadGroup(
    { ...needs, cache },
    { ...tools(storage), directory: join(directory, 'git') },
    operation,
  );
  assert.equal(received.objects, 2);
  assert.deepEqual(received.absent.map(received.describe), [`data/b (md5 ${b.id})`]);
  assert.ok(cache.size(a) !== undefined && cache.size(dir) !== undefined && cache.size(b) === undefined);
  assert.ok(
    !openLedger(join(directory, 'git'), { name: 'store', shared: true }, 1000).has(keyOf(a)),
    'a loss forgets the ledger',
  );
});

test('wrong bytes from storage never enter the cache, and hold their listing back', async () => {
  const a = await file('a');
  const dir = await folder({ a });
  const storage = openMemoryStorage();
  const needs = group({ object: dir, path: 'data', refs: [main] });
  await uploadGroup(needs, tools(storage), operation);
  storage.objects.set(keyOf(a), Buffer.from('x'));
  cache = openCache(join(directory, 'second'), { shared: undefined, fsyncObjects: false });
  const received = await downloadGroup(
    { ...needs, cache },
    { ...tools(storage), directory: join(directory, 'git') },
    operation,
  );
  assert.deepEqual(
    received.broken.map(({ key }) => key as Key),
    [keyOf(a)],
  );
  assert.ok(cache.size(a) === undefined && cache.size(dir) === undefined);
});

test('storage that is down disturbs nobody who misses nothing in it', async () => {
  const a = await file('a');
  const needs = group({ object: a, path: 'imported', refs: [] }).needs;
  cache = openCache(join(directory, 'second'), { shared: undefined, fsyncObjects: false });
  const down = async (): Promise<never> => {
    throw new HelperError('unavailable', 'storage is down');
  };
  const quiet = { ...tools(openMemoryStorage(), { open: down }), directory: join(directory, 'git') };
  const received = await downloadGroup({ storage: config, cache, needs }, quiet, operation);
  assert.deepEqual([received.broken, received.breakage, said], [[], undefined, '']);
  const gone = { ...quiet, open: async () => openMemoryStorage() };
  const loud = {
    ...gone,
    voice: openVoice({ stderr: (text) => (said += text), progress: false, env: {}, verbosity: 2 }),
  };
  assert.deepEqual((await downloadGroup({ storage: config, cache, needs }, gone, operation)).absent, []);
  assert.equal(said, '');
  await downloadGroup({ storage: config, cache, needs }, loud, operation);
  assert.match(
    said,
    /memory:\/\/s has not got 1 object of imports and of outputs that are never pushed; 'dvc pull' brings/,
  );
});

test('a listing that was not sent is not vouched for: the next push sends it', async () => {
  const [a, gone] = [await file('a'), await file('gone')];
  const whole = await folder({ a });
  rmSync(cache.path(gone), { force: true });
  const storage = openMemoryStorage();
  const needs = group({ object: whole, path: 'data', refs: [main] }, { object: gone, path: 'gone', refs: [main] });
  assert.equal((await uploadGroup(needs, tools(storage), operation)).failed.size, 1);
  await file('gone');
  assert.equal((await uploadGroup(needs, tools(storage), operation)).failed.size, 0);
  assert.deepEqual(writes(storage).sort(), [keyOf(a), keyOf(gone), keyOf(whole)].sort());
});

test('bytes that arrive at the same time are all counted', async () => {
  const files = Object.fromEntries(
    await Promise.all(Array.from({ length: 40 }, async (_, index) => [`f${index}`, await file(`bytes ${index}`)])),
  );
  const dir = await folder(files);
  const needs = group({ object: dir, path: 'data', refs: [main] });
  const storage = openMemoryStorage();
  const sent = await uploadGroup(needs, tools(storage), operation);
  cache = openCache(join(directory, 'second'), { shared: undefined, fsyncObjects: false });
  const received = await downloadGroup(
    { ...needs, cache },
    { ...tools(storage), jobs: 8, directory: join(directory, 'git') },
    operation,
  );
  assert.equal(received.bytes, sent.bytes);
});
