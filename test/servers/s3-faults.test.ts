import assert from 'node:assert/strict';
import { test } from 'node:test';
import { key, openFaultGround, testFaults } from '../conformance/faults.ts';
import { contentOf, failsWith, noise, operation, readAll } from '../conformance/storage.ts';
import { behindFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { bucket, startWeed } from '../kit/weed.ts';
import { adminKeys, freshUrl, openS3 } from './s3-remote.ts';

const ground = openFaultGround({
  start: () => behindFaultProxy(startWeed()),
  open: (port, options, extras) => openS3(`http://127.0.0.1:${port}`, { ...adminKeys, ...options }, extras),
});
const { within, sent, retries } = ground;

const xml = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;

testFaults(ground, {
  busy: [
    [503, 'SlowDown'],
    [429, 'TooManyRequests'],
  ],
  // MinIO's disk and bucket, Versity, Ceph, Huawei.
  full: [
    [507, 'XMinioStorageFull'],
    [400, 'XMinioAdminBucketQuotaExceeded'],
    [507, 'InsufficientStorage'],
    [403, 'QuotaExceeded'],
    [403, 'InsufficientStorageSpace'],
  ],
  fullHint: /make room in bucket 'data'/,
  refusing: (status, code, headers = {}) => ({ status, headers, body: xml(code) }),
  whole: /PUT/,
  piece: /PUT .*partNumber=/,
  listing: /GET .*list-type=2/,
  published: /POST .*uploadId/,
  nowhere: {
    url: 's3://no-such-bucket/store',
    says: /there is no bucket 'no-such-bucket'/,
    // SeaweedFS makes the bucket for an administrator who writes; others answer so.
    rules: [{ match: /PUT|POST/, status: 404, body: xml('NoSuchBucket') }],
  },
});

test('one part that fails is sent again, alone', { timeout: 60_000 }, async () => {
  const bytes = noise(40 << 20);
  await within([{ match: /partNumber=2/, times: 2, dropRequestAfter: 1 << 20 }], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    assert.equal(sent(/^PUT/), 5 + 2, '40 MiB in parts of 8 MiB, one of them three times');
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});

test('a part that fails for good takes the whole upload back', { timeout: 60_000 }, async () => {
  const url = freshUrl();
  const broken = { match: /partNumber=2/, status: 500, body: xml('InternalError') };
  await within(
    [broken],
    async (storage) => {
      const write = storage.write(key, contentOf(noise(70 << 20)), operation);
      await assert.rejects(write, failsWith('unavailable', /InternalError.*tried 5 times/));
      assert.equal(await storage.stat(key, operation), undefined);
      assert.equal(sent(/^POST/), 1, 'the whole object was tried again on top of its part');
    },
    {},
    { url },
  );
  assert.equal(sent(/^DELETE/), 1);
  const uploads = await ground.service.server.request('GET', `/${bucket}`, 'uploads=');
  assert.ok(!uploads.text.includes(url.slice(`s3://${bucket}/`.length)), uploads.text);
});

test('a lost answer to the joining of parts is no failure', { timeout: 60_000 }, async () => {
  const bytes = noise(20 << 20);
  const lost: Rule = { match: /POST .*uploadId/, times: 1, dropResponseAfter: 0 };
  // What Amazon says to the second try; SeaweedFS would simply agree again.
  const gone: Rule = { match: /POST .*uploadId/, times: 1, status: 404, body: xml('NoSuchUpload') };
  await within([lost, gone], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(sent(/\?uploads=$/), 1, 'the object was sent twice');
  });
  // Without an object to show for it, it is one.
  await within([{ ...gone }], async (storage) => {
    ground.service.proxy.rules = [{ ...gone, times: 99 }];
    await assert.rejects(storage.write(key, contentOf(bytes), operation), failsWith('unavailable', /NoSuchUpload/));
  });
});

test('an error that comes with status 200 is still an error', { timeout: 60_000 }, async () => {
  await within([{ match: /POST .*uploadId/, times: 1, status: 200, body: xml('InternalError') }], async (storage) => {
    const bytes = noise(20 << 20);
    await storage.write(key, contentOf(bytes), operation);
    assert.equal(retries.length, 1);
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});
