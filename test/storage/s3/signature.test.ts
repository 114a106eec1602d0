import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyPayload, openSigner, sha256 } from '../../../src/storage/s3/signature.ts';
import { encodePart, encodePath } from '../../../src/storage/wire/encode.ts';

// The examples of Amazon's "Signature Calculations for the Authorization Header", S3 API reference.
const keys = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const timeMs = Date.UTC(2013, 4, 24);
const example = {
  method: 'GET',
  host: 'examplebucket.s3.amazonaws.com',
  path: '/',
  headers: [],
  payload: emptyPayload,
};
const signatureOf = (headers: readonly string[]): string =>
  headers[headers.indexOf('authorization') + 1]?.slice(-64) ?? '';

test("Amazon's own examples", () => {
  const sign = openSigner();
  const list = sign({ ...example, query: 'max-keys=2&prefix=J' }, keys, 'us-east-1', timeMs);
  assert.equal(signatureOf(list), '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7');
  const lifecycle = sign({ ...example, query: 'lifecycle=' }, keys, 'us-east-1', timeMs);
  assert.equal(signatureOf(lifecycle), 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543');
  assert.deepEqual(list.slice(0, 2), ['host', 'examplebucket.s3.amazonaws.com']);
  assert.match(
    list.at(-1) ?? '',
    /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20130524\/us-east-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, /,
  );
});

test('what is kept between requests follows day, region and secret', () => {
  const sign = openSigner();
  const other = { ...keys, secret: 'another' };
  const cases: [typeof keys, string, number][] = [
    [keys, 'us-east-1', timeMs],
    [keys, 'us-east-1', timeMs + 86_400_000],
    [keys, 'eu-west-1', timeMs + 86_400_000],
    [other, 'eu-west-1', timeMs + 86_400_000],
    [keys, 'us-east-1', timeMs],
  ];
  for (const [whose, region, when] of cases) {
    const request = { ...example, query: '' };
    const fresh = openSigner()(request, whose, region, when);
    assert.equal(signatureOf(sign(request, whose, region, when)), signatureOf(fresh));
  }
});

test('a token and further headers are signed, in order of their names', () => {
  const headers = [['x-amz-acl', 'private'] as const];
  const signed = openSigner()({ ...example, query: '', headers }, { ...keys, token: 'T' }, 'us-east-1', timeMs);
  const names = 'host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token';
  assert.match(signed.at(-1) ?? '', new RegExp(`SignedHeaders=${names},`));
});

test('paths and parts are encoded as RFC 3986 has it', () => {
  assert.equal(encodePath("a b/ü/x'y(z)!*~._-"), 'a%20b/%C3%BC/x%27y%28z%29%21%2A~._-');
  assert.equal(encodePart('a/b=c&d+e'), 'a%2Fb%3Dc%26d%2Be');
  assert.equal(sha256(''), emptyPayload);
});
