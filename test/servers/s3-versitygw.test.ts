// The conformance suite on a second S3 service, and what it says in other words than SeaweedFS.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openUploadMemory } from '../../src/transfer/upload-memory.ts';
import { contentOf, failsWith, noise, operation, readAll, testStorage } from '../conformance/storage.ts';
import { openFaultProxy } from '../kit/fault-proxy.ts';
import { noVersity, startVersity, type Versity } from '../kit/versitygw.ts';
import { admin, bucket } from '../kit/weed.ts';
import { adminKeys, freshUrl, openS3 } from './s3-remote.ts';

describe('S3 on versitygw', { skip: noVersity }, () => {
  let server: Versity;
  before(async () => {
    server = await startVersity();
  });
  after(() => server?.close());

  let base = '';
  testStorage('S3 on versitygw', {
    open(prefix = 'store') {
      const url = `${freshUrl()}/${prefix}`;
      base = url.slice(`s3://${bucket}/`.length);
      return openS3(server.endpoint, adminKeys, { url });
    },
    async leftovers() {
      const prefix = encodeURIComponent(`${base}/`);
      const objects = await server.request('GET', `/${bucket}`, `list-type=2&prefix=${prefix}`);
      const uploads = await server.request('GET', `/${bucket}`, `prefix=${prefix}&uploads=`);
      return [objects, uploads].flatMap(({ text }) =>
        [...text.matchAll(/<Key>([^<]*)/g)].map((found) => found[1] ?? ''),
      );
    },
    bigBytes: 17 << 20,
  });

  const key = 'files/md5/ab/cdef0123456789abcdef0123456789';

  test('wrong keys, and a bucket that is not there, are told', async () => {
    for (const [options, url, code, words] of [
      [{ ...adminKeys, secret_access_key: 'wrong' }, freshUrl(), 'auth', /SignatureDoesNotMatch/],
      [{ ...adminKeys, access_key_id: 'NOBODY' }, freshUrl(), 'auth', /access denied/],
      [{ allow_anonymous_login: 'true' }, freshUrl(), 'auth', /access denied/],
      [adminKeys, 's3://nosuchbucket/x', 'config', /no bucket 'nosuchbucket'/],
    ] as const) {
      const storage = await openS3(server.endpoint, options, { url });
      await assert.rejects(storage.stat(key, operation), failsWith(code, words));
      await assert.rejects(storage.write(key, contentOf('x'), operation), failsWith(code, words));
      await assert.rejects(readAll(storage, key), failsWith(code, words));
      await storage.close();
    }
    assert.notEqual(admin.secret, 'wrong');
  });

  test('an upload that did not end is gone on with', { timeout: 60_000 }, async () => {
    const top = mkdtempSync(join(tmpdir(), 'dvcexp-uploads-'));
    const proxy = await openFaultProxy(server);
    const url = freshUrl();
    const bytes = noise((44 << 20) + 5);
    try {
      for (const [rules, parts] of [
        [
          [{ match: /partNumber=4&/, status: 500, body: '<Error><Code>InternalError</Code></Error>', delayMs: 300 }],
          10,
        ],
        [[], 1],
      ] as const) {
        proxy.seen.length = 0;
        proxy.rules = [...rules];
        const uploads = openUploadMemory(top, { name: 'store', shared: true });
        const storage = await openS3(`http://127.0.0.1:${proxy.port}`, adminKeys, { url, uploads });
        const written = storage.write(key, contentOf(bytes), operation);
        if (rules.length > 0) await assert.rejects(written, failsWith('unavailable'));
        else await written;
        assert.equal(proxy.seen.filter((each) => each.url.includes('partNumber=')).length, parts);
        await storage.close();
      }
      const storage = await openS3(server.endpoint, adminKeys, { url });
      assert.ok((await readAll(storage, key)).equals(bytes));
      await storage.close();
    } finally {
      await proxy.close();
      rmSync(top, { recursive: true, force: true });
    }
  });
});
