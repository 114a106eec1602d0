// An upload in parts that did not end: the next run goes on with it, and none is left lying at the service.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { HelperError } from '../../src/model/error.ts';
import type { Content } from '../../src/model/operation.ts';
import type { Storage, UploadMemory } from '../../src/storage/remote.ts';
import { openUploadMemory } from '../../src/transfer/upload-memory.ts';
import { contentOf, failsWith, noise, operation, readAll } from '../conformance/storage.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { bucket, startWeed, type Weed } from '../kit/weed.ts';
import { adminKeys, freshUrl, openS3 } from './s3-remote.ts';

const mib = 1 << 20;
const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
/** Six parts. */
const bytes = noise(44 * mib + 5);
const day = 24 * 3600 * 1000;

let top: string;
let weed: Weed;
let proxy: FaultProxy;
let url: string;
before(
  async () => {
    top = mkdtempSync(join(tmpdir(), 'dvcexp-uploads-'));
    weed = await startWeed();
    proxy = await openFaultProxy(weed);
  },
  { timeout: 90_000 },
);
after(async () => {
  await proxy?.close();
  await weed?.close();
  rmSync(top, { recursive: true, force: true });
});
beforeEach(() => {
  url = freshUrl();
  proxy.rules = [];
  proxy.seen.length = 0;
});

/** What this clone remembers, `days` from now. */
const memory = (days = 0): UploadMemory =>
  openUploadMemory(
    join(top, url.slice(-8).replaceAll('/', '-')),
    { name: 'store', shared: true },
    () => Date.now() + days * day,
  );

/** A run of its own behind the proxy. Answers what it did. */
async function run(
  rules: Rule[],
  work: (storage: Storage) => Promise<void>,
  uploads: UploadMemory | undefined = memory(),
): Promise<{ readonly parts: number; readonly sent: number; readonly begun: number; readonly ended: number }> {
  proxy.rules = rules;
  proxy.seen.length = 0;
  const before = proxy.counts.sent;
  const options = uploads === undefined ? { url } : { url, uploads };
  const storage = await openS3(`http://127.0.0.1:${proxy.port}`, adminKeys, options);
  try {
    await work(storage);
  } finally {
    await storage.close();
    proxy.rules = [];
  }
  const count = (pattern: RegExp): number =>
    proxy.seen.filter((each) => pattern.test(`${each.method} ${each.url}`)).length;
  return {
    parts: count(/^PUT .*partNumber/),
    sent: proxy.counts.sent - before,
    begun: count(/^POST .*\?uploads=/),
    ended: count(/^DELETE .*uploadId/),
  };
}

async function unfinished(): Promise<number> {
  const { text } = await weed.request('GET', `/${bucket}`, 'uploads=');
  return text.split(url.slice(`s3://${bucket}/`.length)).length - 1;
}

const xml = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
const broken = (part: number): Rule => ({
  match: new RegExp(`partNumber=${part}&`),
  status: 500,
  body: xml('InternalError'),
  // The others get there meanwhile.
  delayMs: 300,
});

/** A run that has sent all parts but the fourth when the service stops taking them. */
async function breaksOff(uploads: UploadMemory | undefined = memory()): Promise<void> {
  await run(
    [broken(4)],
    (storage) => assert.rejects(storage.write(key, contentOf(bytes), operation), failsWith('unavailable')),
    uploads,
  );
}

async function arrives(uploads?: UploadMemory, rules: Rule[] = []): ReturnType<typeof run> {
  const told: number[] = [];
  const moved = (count: number): void => void told.push(count);
  const done = await run(rules, (storage) => storage.write(key, contentOf(bytes), { ...operation, moved }), uploads);
  await run([], async (storage) => assert.ok((await readAll(storage, key)).equals(bytes)));
  assert.ok(told.reduce((sum, count) => sum + count, 0) >= bytes.length, 'a meter would not get to its end');
  assert.equal(memory().recall(key), undefined);
  return done;
}

test('the next run sends what the service has not got', { timeout: 60_000 }, async () => {
  await breaksOff();
  assert.equal(await unfinished(), 1);
  const { parts, sent, begun } = await arrives();
  assert.equal(parts, 1);
  assert.ok(sent < 9 * mib, `${sent} bytes sent`);
  assert.equal(begun, 0);
  assert.equal(await unfinished(), 0);
});

test('so it is after a stop by the user', { timeout: 60_000 }, async () => {
  const stop = new AbortController();
  const parts = (): number => proxy.seen.filter((each) => each.url.includes('partNumber=')).length;
  const slow: Content = {
    size: bytes.length,
    async *open() {
      for (let at = 0; at < bytes.length; at += mib) {
        if (at > 33 * mib) {
          while (parts() < 4 || proxy.counts.inFlight > 0) await new Promise((done) => setTimeout(done, 10));
          stop.abort();
        }
        yield bytes.subarray(at, at + mib);
      }
    },
  };
  await run([], (storage) => assert.rejects(storage.write(key, slow, { signal: stop.signal }), { name: 'AbortError' }));
  assert.equal(await unfinished(), 1);
  assert.equal((await arrives()).parts, 2);
});

test('without a memory nothing is left', { timeout: 60_000 }, async () => {
  proxy.rules = [broken(4)];
  const storage = await openS3(`http://127.0.0.1:${proxy.port}`, adminKeys, { url });
  await assert.rejects(storage.write(key, contentOf(bytes), operation), failsWith('unavailable'));
  await storage.close();
  assert.equal(await unfinished(), 0);
});

test('parts of other bytes are sent again', { timeout: 60_000 }, async () => {
  const other = Buffer.from(bytes).fill('x', 9 * mib, 9 * mib + 1);
  await run([broken(4)], (storage) =>
    assert.rejects(storage.write(key, contentOf(other), operation), failsWith('unavailable')),
  );
  const { parts, begun } = await arrives();
  assert.equal(parts, 2, 'the second, and the one that had not come');
  assert.equal(begun, 0);
});

test('an upload of which the service knows nothing, and notes that are none, begin anew', {
  timeout: 120_000,
}, async () => {
  await breaksOff();
  const { id, ...rest } = JSON.parse(memory().recall(key) ?? '{}') as Record<string, unknown>;
  assert.ok(id);
  for (const text of [JSON.stringify({ id: 'deadbeef', ...rest }), JSON.stringify({ id: 7, ...rest }), '{', '']) {
    memory().note(key, text);
    const { parts, begun } = await arrives();
    assert.deepEqual({ parts, begun }, { parts: 6, begun: 1 });
  }
});

test('an upload of an object of another size is taken back', { timeout: 60_000 }, async () => {
  await run([broken(4)], (storage) =>
    assert.rejects(storage.write(key, contentOf(noise(60 * mib)), operation), failsWith('unavailable')),
  );
  const { parts, begun, ended } = await arrives();
  assert.deepEqual({ parts, begun, ended }, { parts: 6, begun: 1, ended: 1 });
  assert.equal(await unfinished(), 0);
});

test('who may not list parts begins anew', { timeout: 60_000 }, async () => {
  await breaksOff();
  const { parts, begun } = await arrives(memory(), [
    { match: /^GET .*uploadId/, status: 403, body: xml('AccessDenied') },
  ]);
  assert.deepEqual({ parts, begun }, { parts: 6, begun: 1 });
  assert.equal(await unfinished(), 0);
});

test('an upload that ends under our hands is begun anew, or done', { timeout: 60_000 }, async () => {
  await breaksOff();
  const gone = { match: /partNumber=4/, status: 404, body: xml('NoSuchUpload') };
  assert.equal((await arrives(memory(), [{ ...gone, times: 1 }])).begun, 1);
  // The object is there now, as if another push had joined the parts.
  const { begun } = await run([gone], (storage) => storage.write(key, contentOf(bytes), operation));
  assert.equal(begun, 1);
  assert.equal(memory().recall(key), undefined);
});

test('content that is not what it promised leaves nothing to go on with', { timeout: 60_000 }, async () => {
  const damaged: Content = {
    size: bytes.length,
    async *open() {
      yield bytes.subarray(0, 30 * mib);
      throw new HelperError('corrupt', 'the cache is damaged');
    },
  };
  await run([], (storage) => assert.rejects(storage.write(key, damaged, operation), failsWith('corrupt')));
  assert.equal(memory().recall(key), undefined);
  assert.equal(await unfinished(), 0);
});

test('an upload that nobody went on with is taken back by a later push, of the same object or another', {
  timeout: 60_000,
}, async () => {
  await breaksOff();
  await run([], (storage) => storage.write('files/md5/00/small', contentOf('x'), operation), memory(2));
  assert.equal(await unfinished(), 1, 'it is not old enough');
  const { ended } = await run(
    [],
    (storage) => storage.write('files/md5/00/small', contentOf('x'), operation),
    memory(4),
  );
  assert.equal(ended, 1);
  assert.equal(await unfinished(), 0);
  assert.deepEqual(memory(4).expired(), []);

  await breaksOff();
  const { begun, parts } = await arrives(memory(4));
  assert.deepEqual({ begun, parts }, { begun: 1, parts: 6 });
  assert.equal(await unfinished(), 0);
});
