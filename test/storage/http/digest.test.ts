import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { openDigest } from '../../../src/storage/http/digest.ts';

const field = (text: string, name: string): string =>
  new RegExp(`\\b${name}="?([^",]+)`).exec(text)?.[1] ?? assert.fail(`${name} in ${text}`);

// RFC 7616, 3.9.1, with a client nonce of our own; the sums are made here once more.
for (const [algorithm, name] of [
  ['MD5', 'md5'],
  ['SHA-256', 'sha256'],
] as const) {
  test(`an answer by ${algorithm}`, () => {
    const digest = openDigest('Mufasa', 'Circle of Life');
    const challenge = `Basic realm="x", Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9X", opaque="FQhe/qa"`;
    assert.equal(digest.answer('GET', '/dir'), undefined);
    assert.equal(digest.take(challenge, undefined), true);
    const hash = (text: string): string => createHash(name).update(text).digest('hex');
    for (const count of ['00000001', '00000002']) {
      const answer = digest.answer('GET', '/dir') ?? '';
      const first = hash('Mufasa:http-auth@example.org:Circle of Life');
      const middle = `7ypf/xlj9X:${count}:${field(answer, 'cnonce')}:auth`;
      assert.equal(field(answer, 'response'), hash(`${first}:${middle}:${hash('GET:/dir')}`));
      assert.equal(field(answer, 'nc'), count);
      assert.equal(field(answer, 'opaque'), 'FQhe/qa');
      assert.ok(!answer.includes('Circle'));
    }
  });
}

test('a wrong password is not tried again, an old nonce is', () => {
  const digest = openDigest('u', 'p');
  digest.take('Digest realm="r", nonce="one", qop="auth"', undefined);
  const sent = digest.answer('GET', '/');
  assert.equal(digest.take('Digest realm="r", nonce="two", qop="auth"', sent), false);
  assert.equal(digest.take('Digest realm="r", nonce="two", qop="auth", stale=true', sent), true);
  assert.match(digest.answer('GET', '/') ?? '', /nonce="two".*nc=00000001/);
  for (const unknown of [
    undefined,
    'Basic realm="r"',
    'Digest realm="r"',
    'Digest nonce="n", algorithm=SHA-512-256',
    'Digest nonce="n", qop="auth-int"',
  ]) {
    assert.equal(openDigest('u', 'p').take(unknown, undefined), false, unknown);
  }
});
