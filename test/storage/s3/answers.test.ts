import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBudget } from '../../../src/storage/parts/budget.ts';
import { parseComplaint } from '../../../src/storage/s3/failure.ts';
import { parsePage } from '../../../src/storage/s3/listing.ts';
import { parseProxy, proxyHeaders } from '../../../src/storage/wire/proxy.ts';
import { decodeXml } from '../../../src/storage/wire/xml.ts';

const page = (fields: string, contents = ''): string =>
  `<?xml version="1.0"?><ListBucketResult xmlns="x">${fields}${contents}</ListBucketResult>`;
const entry = (key: string): string =>
  `<Contents><Key>${key}</Key><Owner><ID>x</ID></Owner><LastModified>2026-07-27T12:28:53.000Z</LastModified><Size>7</Size></Contents>`;
const modified = Date.UTC(2026, 6, 27, 12, 28, 53);

test('listings, with names encoded and plain', () => {
  const encoded = parsePage(page('<EncodingType>url</EncodingType>', entry('a+b%2Bc%2F%C3%BC') + entry('100%')));
  assert.deepEqual(encoded, {
    objects: [
      { name: 'a b+c/ü', size: 7, modified },
      { name: '100%', size: 7, modified },
    ],
    next: undefined,
  });
  const plain = parsePage(page('<IsTruncated>false</IsTruncated>', entry('a+b&amp;%2B&#x41;')));
  assert.equal(plain?.objects[0]?.name, 'a+b&%2BA');
});

test('half a listing must not pass for a whole one', () => {
  const more = '<IsTruncated>true</IsTruncated>';
  assert.equal(parsePage(page(`${more}<NextContinuationToken>a&amp;b</NextContinuationToken>`))?.next, 'a&b');
  assert.equal(parsePage(page(more)), undefined);
  assert.equal(parsePage('<html>sign in</html>'), undefined);
  const whole = page('', entry('a') + entry('b'));
  for (const end of [1, 90, 150]) assert.equal(parsePage(whole.slice(0, -end)), undefined, whole.slice(0, -end));
  assert.deepEqual(parsePage('<ListBucketResult xmlns="x"/>')?.objects, []);
});

test('entities', () => {
  assert.equal(decodeXml('&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&nope;&#x110000;'), '<>&"\'A😀&nope;&#x110000;');
});

test('complaints', () => {
  const chunks = [Buffer.from('<Error><Code>SlowDown</Code><Mess'), Buffer.from('age>a &lt; b</Message></Error>')];
  const headers = { 'retry-after': '3', date: 'Thu, 01 Jan 1970 00:00:01 GMT', 'x-amz-bucket-region': 'eu-west-1' };
  assert.deepEqual(parseComplaint({ status: 503, headers, chunks, length: 0 }), {
    status: 503,
    code: 'SlowDown',
    message: 'a < b',
    region: 'eu-west-1',
    retryAfterMs: 3000,
    timeMs: 1000,
  });
  const date = new Date(Date.now() + 60_000).toUTCString();
  const dated = parseComplaint({ status: 503, headers: { 'retry-after': date }, chunks: [], length: 0 });
  assert.ok((dated.retryAfterMs ?? 0) > 50_000 && (dated.retryAfterMs ?? 0) <= 60_000);
});

test('the memory budget: in order, no more than there is, back when an abort comes', async () => {
  const budget = openBudget(10);
  const { signal } = new AbortController();
  const order: string[] = [];
  const first = await budget.take(8, signal);
  const big = budget.take(99, signal).then((release) => {
    order.push('big');
    return release;
  });
  const stop = new AbortController();
  const aborted = budget.take(1, stop.signal);
  const small = budget.take(1, signal).then(() => order.push('small'));
  stop.abort();
  await assert.rejects(aborted, { name: 'AbortError' });
  assert.deepEqual(order, []);
  first();
  first();
  const release = await big;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, ['big']);
  release();
  await small;
  assert.deepEqual(order, ['big', 'small']);
});

test('a proxy whose user is no percent-encoded text is told the text', () => {
  const proxy = parseProxy(false, 'h', { http_proxy: 'http://a%zz:b%40@proxy' });
  assert.ok(proxy);
  assert.deepEqual(proxyHeaders(proxy), ['proxy-authorization', `Basic ${btoa('a%zz:b@')}`]);
});

test('proxies of the environment', () => {
  const env = {
    https_proxy: 'http://user:p%40ss@proxy:3128',
    HTTP_PROXY: 'plain:80',
    no_proxy: '.corp, exact.host,127.0.0.1:9000',
  };
  assert.equal(parseProxy(true, 'bucket.s3.amazonaws.com', env)?.host, 'proxy:3128');
  assert.equal(parseProxy(false, 'host', env)?.hostname, 'plain');
  for (const direct of ['minio.corp', 'corp:9000', 'exact.host', 'sub.exact.host', '127.0.0.1:9000']) {
    assert.equal(parseProxy(true, direct, env), undefined, direct);
  }
  assert.ok(parseProxy(true, 'notcorp', env));
  assert.equal(parseProxy(true, 'x', { ALL_PROXY: 'http://all', NO_PROXY: '*' }), undefined);
  assert.equal(parseProxy(true, 'x', { ALL_PROXY: 'socks5://all' }), undefined);
  const basic = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
  assert.deepEqual(proxyHeaders(new URL(env.https_proxy)), ['proxy-authorization', basic]);
});
