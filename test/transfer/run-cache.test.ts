import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Cache, openCache } from '../../src/dvc/cache.ts';
import { formatListing, listingId } from '../../src/dvc/listing.ts';
import type { Output } from '../../src/dvc/outputs.ts';
import { HelperError } from '../../src/model/error.ts';
import { type DvcObject, keyOf, type ObjectId } from '../../src/model/object.ts';
import { openVoice } from '../../src/report/voice.ts';
import { openLedger } from '../../src/transfer/ledger.ts';
import type { RunPlace } from '../../src/transfer/placed-output.ts';
import { downloadRuns, uploadRuns } from '../../src/transfer/run-cache.ts';
import type { UploadTools } from '../../src/transfer/upload-tools.ts';
import { type MemoryStorage, openMemoryStorage } from '../kit/memory-storage.ts';
import { runOf } from '../kit/run.ts';

const operation = { signal: new AbortController().signal };
const storage = { name: 's', scheme: 'memory', url: 'memory://s', options: {}, committed: new Set<string>() };
let directory = '';
let cache: Cache;
let said = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-runs-'));
  cache = openCache(join(directory, 'cache'), { shared: undefined, fsyncObjects: false });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const md5 = (bytes: string | Uint8Array): string => createHash('md5').update(bytes).digest('hex');
async function file(text: string): Promise<DvcObject> {
  const object: DvcObject = { kind: 'md5', id: md5(text) as ObjectId };
  await cache.write(object, Buffer.from(text), operation);
  return object;
}
async function folder(...files: readonly DvcObject[]): Promise<DvcObject> {
  const bytes = formatListing(files.map(({ id }, index) => ({ relpath: `f${index}`, id })));
  const object: DvcObject = { kind: 'md5', id: listingId(bytes) };
  await cache.write(object, bytes, operation);
  return object;
}
/** An entry of a stage that ran `cmd` and made these, put into the run cache. */
function remember(cmd: string, outs: Readonly<Record<string, DvcObject>>): ReturnType<typeof runOf> {
  const lines = Object.entries(outs).map(([path, { id }]) => `- path: ${path}\n  hash: md5\n  md5: ${id}\n`);
  const run = runOf(`cmd: ${cmd}\nouts:\n${lines.join('')}`);
  cache.runs.write(run.path, run.bytes);
  return run;
}

const place = (apart: readonly Partial<Output>[] = []): RunPlace => ({
  storage,
  cache,
  apart: apart.map((each) => ({ push: true, remote: undefined, ...each }) as Output),
});
function tools(store: MemoryStorage, extra: Partial<UploadTools> = {}): UploadTools {
  said = '';
  return {
    voice: openVoice({ stderr: (text) => (said += text), progress: false, env: {}, verbosity: 2 }),
    ledger: openLedger(join(directory, 'git'), { name: 'store', shared: true }, 1000),
    open: async () => store,
    throttled: () => 0,
    announce: async () => undefined,
    jobs: 2,
    force: false,
    allowMissing: false,
    dryRun: false,
    failed: new Set(),
    atomic: false,
    ...extra,
  };
}
const writes = (store: MemoryStorage): string[] =>
  store.calls.filter((call) => call.startsWith('write')).map((call) => call.slice(6));

test('an entry goes after all it needs, and only what storage lacks', async () => {
  const [a, b] = [await file('a'), await file('b')];
  const dir = await folder(b);
  const run = remember('one', { a, dir });
  const known = remember('two', { a });
  const store = openMemoryStorage(new Map([[known.path as string, known.bytes]]));
  await uploadRuns(place(), tools(store), operation);
  assert.deepEqual(writes(store).slice(-2), [keyOf(dir), run.path]);
  assert.deepEqual([...store.objects.keys()].sort(), [keyOf(a), keyOf(b), keyOf(dir), run.path, known.path].sort());
  assert.deepEqual(store.objects.get(run.path), run.bytes);
  assert.match(said, /^dvcexp: uploaded 1 run of the run cache and 3 objects of theirs to memory:/m);
  const again = tools(store, { open: async () => assert.fail('opened') });
  await uploadRuns(place(), again, operation);
  assert.equal(said, '');
});

test('an entry whose objects are gone stays; one whose objects are in storage already goes', async () => {
  const [gone, there] = [await file('gone'), await file('there')];
  const dir = await folder(gone);
  const lost = remember('lost', { dir });
  const kept = remember('kept', { there });
  for (const object of [gone, there]) rmSync(cache.path(object));
  const store = openMemoryStorage(new Map([[keyOf(there) as string, Buffer.from('there')]]));
  await uploadRuns(place(), tools(store), operation);
  assert.deepEqual(writes(store), [kept.path]);
  assert.match(said, /1 run stayed here/);
  assert.doesNotMatch(said, /^error|^warning/m);
  assert.ok(!store.objects.has(lost.path));
});

test('data that is never pushed, or has a storage remote of its own, does not come along', async () => {
  const [open, secret, law] = [await file('open'), await file('secret'), await file('law')];
  const run = remember('all', { open, '../data/secret': secret, 'x/law': law });
  const store = openMemoryStorage();
  const apart = [
    { path: 'stages/data/secret', push: false },
    { path: 'a/x/law', remote: 'eu' },
    { path: 'open', remote: 's' },
  ];
  await uploadRuns(place(apart), tools(store), operation);
  assert.deepEqual([...store.objects.keys()].sort(), [keyOf(open), run.path].sort());
});

test('files that are no entries, or not those of their names, are left where they are', async () => {
  const a = await file('a');
  const run = remember('one', { a });
  const evil = remember('two', { a });
  chmodSync(join(directory, 'cache', evil.path), 0o644);
  writeFileSync(join(directory, 'cache', evil.path), run.bytes);
  const store = openMemoryStorage();
  await uploadRuns(place(), tools(store), operation);
  assert.deepEqual(writes(store), [keyOf(a), run.path]);
  assert.match(said, /^warning: 1 file in the run cache of .* is not what its name says, and was left there$/m);
});

test('more entries than a handful are found with one listing', async () => {
  const a = await file('a');
  const runs = Array.from({ length: 40 }, (_, index) => remember(`run ${index}`, { a }));
  const store = openMemoryStorage(new Map(runs.slice(1).map(({ path, bytes }) => [path as string, bytes])));
  await uploadRuns(place(), tools(store), operation);
  assert.deepEqual(writes(store), [keyOf(a), runs[0]?.path]);
  assert.ok(!store.calls.some((call) => call.startsWith('stat runs/')));
});

test('a dry run sends nothing and says what it would', async () => {
  remember('one', { a: await file('abc') });
  const store = openMemoryStorage();
  await uploadRuns(place(), tools(store, { dryRun: true }), operation);
  assert.deepEqual(writes(store), []);
  assert.match(
    said,
    /would upload 1 object, 3 bytes.*\n(?:.*\n)?dvcexp: would upload 1 run of the run cache to memory:/,
  );
});

test('storage that cannot list, or is cloud-versioned, has no run cache, and that is said', async () => {
  remember('one', { a: await file('a') });
  const store = { ...openMemoryStorage(), canList: false };
  await uploadRuns(place(), tools(store), operation);
  assert.match(said, /^warning: the run cache was not sent to memory:\/\/s: 'memory' cannot list what it has$/m);
  await downloadRuns(place(), tools(store), operation);
  assert.match(said, /^warning: the run cache was not fetched from memory:\/\/s: 'memory' cannot list/m);
  const versioned = { ...place(), storage: { ...storage, options: { worktree: 'true' } } };
  await downloadRuns(versioned, tools(store), operation);
  assert.match(said, /it is cloud-versioned$/m);
  assert.deepEqual(store.calls, []);
});

test('a failure is a warning: no ref waits for a run cache', async () => {
  remember('one', { a: await file('a') });
  const store = openMemoryStorage();
  const down = { ...store, stat: async () => Promise.reject(new HelperError('unavailable', 'down')) };
  await uploadRuns(place(), tools(down), operation);
  assert.match(said, /^warning: the run cache was not sent to memory:\/\/s: down$/m);
});

test('a fetch brings entries and not their objects, and keeps what is here', async () => {
  const a = await file('a');
  const [here, there] = [
    remember('here', { a }),
    runOf(`cmd: there\nouts:\n- {path: b, hash: md5, md5: ${md5('b')}}\n`),
  ];
  const store = openMemoryStorage(
    new Map([
      [here.path as string, here.bytes],
      [there.path, there.bytes],
      [`files/md5/${md5('b').slice(0, 2)}/${md5('b').slice(2)}`, Buffer.from('b')],
    ]),
  );
  await downloadRuns(place(), tools(store), operation);
  assert.deepEqual(store.calls, ['list runs/', `read ${there.path}`]);
  assert.deepEqual(cache.runs.read(there.path), there.bytes);
  assert.match(said, /^dvcexp: downloaded 1 run of the run cache from memory:/m);
});

test('what storage has under names of runs is believed only when it is what they say', async () => {
  const good = runOf(`cmd: good\nouts:\n- {path: b, hash: md5, md5: ${md5('b')}}\n`);
  const [, , key, value] = good.path.split('/');
  const evil = runOf(`cmd: evil\nouts:\n- {path: ../../.profile, hash: md5, md5: ${md5('b')}}\n`);
  const store = openMemoryStorage(
    new Map([
      [good.path as string, evil.bytes],
      [`runs/${key?.slice(0, 2)}/${key}/${'0'.repeat(64)}`, good.bytes],
      [`runs/${key?.slice(0, 2)}/${key}/${value}.sh`, Buffer.from('#!/bin/sh')],
      [`runs/00/${'0'.repeat(64)}/${value}`, Buffer.alloc(9 << 20, 'a')],
    ]),
  );
  await downloadRuns(place(), tools(store), operation);
  assert.deepEqual(cache.runs.paths(), []);
  assert.match(
    said,
    /^warning: 3 files in the run cache of memory:.* are not what their names say, and were left there$/m,
  );
  assert.ok(!store.calls.includes(`read runs/00/${'0'.repeat(64)}/${value}`));
});
