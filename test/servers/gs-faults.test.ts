import assert from 'node:assert/strict';
import { test } from 'node:test';
import { key, openFaultGround, replaceWhileReading, testFaults } from '../conformance/faults.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { bucket } from '../kit/fake-gcs.ts';
import { openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { anonymous, freshUrl, openGs, openStage } from './gs-remote.ts';

const stage = openStage();
const ground = openFaultGround({
  // The stage has hooks of its own, which come first in every test.
  start: async () => ({
    get proxy() {
      return stage.proxy;
    },
    close: async () => undefined,
  }),
  open: (port, options, extras) => openGs(`http://127.0.0.1:${port}`, { ...anonymous, ...options }, extras),
});
const { within, sent, retries } = ground;

const json = (code: number, reason: string): string =>
  JSON.stringify({ error: { code, message: `told ${reason}`, errors: [{ reason, message: `told ${reason}` }] } });

testFaults(ground, {
  busy: [
    [503, 'backendError'],
    [429, 'rateLimitExceeded'],
    [403, 'userRateLimitExceeded'],
  ],
  full: [
    [403, 'quotaExceeded'],
    [403, 'storageQuotaExceeded'],
  ],
  fullHint: /make room in bucket 'data'[\s\S]*'Quotas'/,
  refusing: (status, reason, headers = {}) => ({ status, headers, body: json(status, reason) }),
  whole: /POST .*upload/,
  piece: /PUT .*\/upload\//,
  listing: /GET .*\/o\?/,
  // The last piece is what makes it visible.
  published: /PUT .*nothing/,
  nowhere: { url: 'gs://no-such-bucket/store', says: /there is no bucket 'no-such-bucket'/ },
});

test('bytes that were damaged on their way are refused, and sent again', { timeout: 60_000 }, async () => {
  for (const [size, damaged] of [
    [1000, { match: /POST/, times: 1, corruptRequestAt: 600 }],
    [40 << 20, { match: /PUT/, times: 1, corruptRequestAt: 600 }],
  ] as const) {
    stage.proxy.seen.length = 0;
    await within([damaged], async (storage) => {
      const bytes = noise(size);
      await storage.write(key, contentOf(bytes), operation);
      assert.ok(bytes.equals(await readAll(storage, key)));
      assert.equal(sent(/^POST/), 2);
      // Nothing wrong was ever visible.
      assert.ok(!stage.proxy.seen.some(({ method, url }) => method === 'DELETE' && url.startsWith('/storage/')));
    });
  }
});

test('a service that checks nothing is caught, and what it stored is removed', { timeout: 60_000 }, async () => {
  const straight = await openFaultProxy(stage.server);
  const url = freshUrl();
  const damaged: Rule = { match: /PUT/, corruptRequestAt: 600 };
  straight.rules = [damaged];
  const storage = await openGs(`http://127.0.0.1:${straight.port}`, anonymous, { url });
  try {
    const write = storage.write(key, contentOf(noise(9 << 20)), operation);
    await assert.rejects(write, failsWith('unavailable', /stored other bytes than were sent/));
    straight.rules = [];
    assert.equal(await storage.stat(key, operation), undefined);
    // fake-gcs-server takes a question about an upload for its end: half an object would stay.
    straight.rules = [{ match: /PUT/, times: 2, dropRequestAfter: 1 << 20 }];
    await storage.write(key, contentOf(noise(40 << 20)), operation);
    assert.ok(noise(40 << 20).equals(await readAll(storage, key)));
  } finally {
    await storage.close();
    await straight.close();
  }
});

test('half a listing is none', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf('x'), operation);
    const page = '"kind": "storage#objects"';
    for (const body of [
      ...['', '[]', 'null', '{}', '<html>'],
      ...['"items": [{"name": "x"}]', '"items": {}', '"nextPageToken": 1'].map((more) => `{${page}, ${more}}`),
    ]) {
      stage.proxy.rules = [{ match: /GET/, status: 200, body, times: 1 }];
      assert.equal((await listAll(storage, 'files/')).length, 1, body);
      assert.match(retries.at(-1)?.error.message ?? '', /the answer is no listing/);
    }
  });
});

test('a service that heeds no generation gives no mixture either', { timeout: 60_000 }, async () => {
  const careless = await openGs(stage.server.endpoint);
  await assert.rejects(replaceWhileReading(careless), failsWith('corrupt', /changed meanwhile/));
  await careless.close();
});

test('a port that speaks something else says so', { timeout: 30_000 }, async () => {
  const plain = await openGs(stage.server.endpoint.replace('http:', 'https:'));
  await assert.rejects(plain.stat(key, operation), failsWith('config', /does not speak TLS[\s\S]*endpointurl http/));
  await plain.close();
});

test('a bucket that is there is looked for once', { timeout: 30_000 }, () =>
  within([], async (storage) => {
    assert.equal(await storage.stat(key, operation), undefined);
    assert.equal(await storage.stat(key, operation), undefined);
    assert.equal(sent(new RegExp(`^GET .*b/${bucket}/o\\?`)), 1);
  }),
);
