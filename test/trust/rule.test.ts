// The whole table of docs/decisions, "Whom secrets are shown to", row by row.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOrigin, type Origin } from '../../src/model/origin.ts';
import type { SecretUse } from '../../src/storage/remote.ts';
import { type Facts, judge } from '../../src/trust/rule.ts';

const origin = (protocol: string, host: string, more: Partial<Origin> = {}): Origin => ({
  ...createOrigin(protocol, host, 'bucket', { provider: false, namedBy: 'repository' }),
  ...more,
});
const ambient: SecretUse = { from: 'ambient', shows: 'proof' };
const bearer: SecretUse = { from: 'ambient', shows: 'secret' };
const kept: SecretUse = { from: 'credential', shows: 'proof' };
const keptPassword: SecretUse = { from: 'credential', shows: 'secret' };
const password: SecretUse = { from: 'options', shows: 'secret' };
const committed: SecretUse = { from: 'repository', shows: 'proof' };

const amazon = origin('https', 's3.amazonaws.com', { provider: true });
const other = origin('https', 'minio.corp:9000');
const clear = origin('http', 'minio.corp:9000');
const here = origin('http', '127.0.0.1:9000');
const users = origin('http', 'minio.corp', { namedBy: 'user' });
const metadata = origin('http', '169.254.169.254');

/** Verdicts of a known place in fetch and push, and of a changed one in fetch and push. */
const table: readonly (readonly [
  name: string,
  origin: Origin,
  secret: SecretUse | undefined,
  fetch: string,
  push: string,
  changedFetch: string,
  changedPush: string,
])[] = [
  ['a local layer, any secret', users, bearer, 'go', 'go', 'go', 'go'],
  ['a local layer, none', users, undefined, 'go', 'go', 'go', 'go'],
  ['committed, none', other, undefined, 'go', 'go', 'go', 'changed'],
  ['committed, none, in clear', clear, undefined, 'go', 'go', 'go', 'changed'],
  ["the provider's own, ambient", amazon, ambient, 'go', 'go', 'changed', 'changed'],
  ["the provider's own, ambient bearer", amazon, bearer, 'go', 'go', 'changed', 'changed'],
  ['other host, kept by Git', other, kept, 'go', 'go', 'changed', 'changed'],
  ['other host, password kept by Git', other, keptPassword, 'go', 'go', 'changed', 'changed'],
  ['other host, committed with it', other, committed, 'go', 'go', 'changed', 'changed'],
  ['other host, in options', other, password, 'go', 'go', 'changed', 'changed'],
  ['other host, ambient', other, ambient, 'stranger', 'stranger', 'changed', 'changed'],
  ['other host, ambient bearer', other, bearer, 'stranger', 'stranger', 'changed', 'changed'],
  ['loopback, ambient signature', here, ambient, 'go', 'go', 'changed', 'changed'],
  ['loopback, ambient bearer', here, bearer, 'stranger', 'stranger', 'changed', 'changed'],
  ['loopback, password in options', here, password, 'go', 'go', 'changed', 'changed'],
  ['in clear, ambient signature', clear, ambient, 'stranger', 'stranger', 'changed', 'changed'],
  ['in clear, signature kept by Git', clear, kept, 'go', 'go', 'changed', 'changed'],
  ['in clear, password', clear, password, 'insecure', 'insecure', 'insecure', 'insecure'],
  ['in clear, password kept by Git', clear, keptPassword, 'insecure', 'insecure', 'insecure', 'insecure'],
  ['in clear, bearer', clear, bearer, 'insecure', 'insecure', 'insecure', 'insecure'],
  ['metadata service, none', metadata, undefined, 'metadata', 'metadata', 'metadata', 'metadata'],
];

const word = (facts: Facts): string => {
  const verdict = judge(facts);
  return verdict.kind === 'go' ? 'go' : verdict.why;
};

for (const [name, where, secret, ...expected] of table) {
  test(name, () => {
    const facts = { origin: where, secret, said: undefined, insecureAllowed: false } as const;
    const found = [true, false].flatMap((known) =>
      (['fetch', 'push'] as const).map((direction) => word({ ...facts, direction, known })),
    );
    assert.deepEqual(found, expected);
  });
}

test('what the user has said', () => {
  const facts = { origin: other, secret: ambient, insecureAllowed: false, known: false } as const;
  assert.equal(word({ ...facts, direction: 'fetch', said: 'read' }), 'go');
  assert.equal(word({ ...facts, direction: 'push', said: 'read' }), 'changed');
  assert.equal(word({ ...facts, direction: 'push', said: 'write' }), 'go');
  assert.equal(word({ ...facts, direction: 'fetch', said: 'never' }), 'never');
  assert.equal(word({ ...facts, direction: 'fetch', said: 'never', secret: undefined }), 'go');
  assert.equal(word({ ...facts, direction: 'push', said: 'never', secret: undefined }), 'never');
  assert.equal(word({ ...facts, origin: metadata, direction: 'fetch', said: 'write' }), 'metadata');
  // Trust is about whom, not about who listens.
  assert.equal(word({ ...facts, origin: clear, secret: password, direction: 'fetch', said: 'write' }), 'insecure');
  const allowed = { ...facts, origin: clear, secret: password, insecureAllowed: true } as const;
  assert.equal(word({ ...allowed, direction: 'fetch', said: 'write' }), 'go');
  assert.equal(word({ ...allowed, direction: 'fetch', said: undefined }), 'changed');
  assert.equal(word({ ...allowed, direction: 'fetch', said: undefined, known: true }), 'go');
});
