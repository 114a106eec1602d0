import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { failsWith } from '../conformance/storage.ts';
import { trusting } from '../kit/trusting.ts';

const context = { env: {}, home: '/nonexistent', judge: trusting };
const open = (scheme: string, url: string, options: Record<string, string> = {}): Promise<Storage> =>
  openStorage({ name: 'store', scheme, url, options, committed: new Set() }, context);

test('storage we do not speak to is refused by name, saying what works', async () => {
  for (const scheme of ['oss', 'hdfs', 'webhdfs']) {
    const words = new RegExp(`'store'.*'${scheme}' is not supported yet\\n.*dvcexp\\.no-cache.*\\n.*s3://`);
    await assert.rejects(open(scheme, `${scheme}://host/path`), failsWith('unsupported', words));
  }
  await assert.rejects(open('carrier-pigeon', 'carrier-pigeon://x'), failsWith('unsupported', /is unknown/));
  await assert.rejects(open('constructor', 'constructor://x'), failsWith('unsupported', /is unknown/));
  await assert.rejects(open('file', 'file:///x'), failsWith('config', /dvc remote modify store url/));
});

test('URLs that name no place are a mistake in the configuration', async () => {
  for (const url of ['s3:///x', 's3://', 's3:x', 's3://b_/../evil.example', 's3://a b/x', 's3://arn:aws:s3:::x/y']) {
    await assert.rejects(open('s3', url), failsWith('config'), url);
  }
  for (const url of ['http://./x', 'https://"s.example/x'])
    await assert.rejects(open('http', url), failsWith('config', /can be no host/), url);
  await assert.rejects(open('http', 'http://good.example\\@evil.example/x'), failsWith('config', /names no server/));
  await assert.rejects(open('s3', ''), failsWith('config', /has no URL/));
  await assert.rejects(open('local', ''), failsWith('config', /has no URL/));
});

test('what is shown of a URL holds no secret', async () => {
  await assert.rejects(open('s3', 's3://user:secret@bucket/x'), (error) => {
    assert.ok(failsWith('config')(error));
    return !String(error).includes('secret');
  });
  const storage = await open('s3', 's3://bucket/a?b');
  assert.equal(storage.displayUrl, 's3://bucket/a');
});
