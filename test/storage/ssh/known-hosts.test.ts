import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findHost, knownHostsLine } from '../../../src/storage/ssh/known-hosts.ts';

/** A key on the wire: its type, then bytes that stand for the key. */
function keyOf(type: string, bytes: string): Buffer {
  const part = (text: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  };
  return Buffer.concat([part(type), part(bytes)]);
}

const key = keyOf('ssh-ed25519', 'right');
const text = key.toString('base64');
const kindOf = (lines: string, names: readonly string[], shown = key): string =>
  findHost([{ path: 'file', text: lines }], names).judge(shown).kind;

test('names, patterns, negations, and lines that say nothing', () => {
  for (const [hosts, name, kind] of [
    ['host', 'host', 'known'],
    ['host', 'ghost', 'unknown'],
    ['a,HOST,b', 'host', 'known'],
    ['*.example.org', 'x.example.org', 'known'],
    ['h?st', 'host', 'known'],
    ['*,!host', 'host', 'unknown'],
    ['h.st', 'host', 'unknown'],
    ['[host]:22022', '[host]:22022', 'known'],
    ['|1|broken', 'host', 'unknown'],
    ['#host', 'host', 'unknown'],
  ] as const) {
    assert.equal(
      kindOf(`\n# comment\n${hosts} ssh-ed25519 ${text} comment here\nhost 1024 37 123\n`, [name]),
      kind,
      hosts,
    );
  }
});

test('the name with the port counts before the one without', () => {
  const other = keyOf('ssh-ed25519', 'other').toString('base64');
  const names = ['[host]:22022', 'host'];
  assert.equal(kindOf(`host ssh-ed25519 ${text}\n`, names), 'known');
  assert.equal(kindOf(`host ssh-ed25519 ${text}\n[host]:22022 ssh-ed25519 ${other}\n`, names), 'changed');
  assert.equal(kindOf(`@revoked * ssh-ed25519 ${text}\nhost ssh-ed25519 ${text}\n`, names), 'revoked');
  assert.equal(kindOf(`@cert-authority * ssh-ed25519 ${other}\n`, names), 'authority');
  assert.equal(kindOf(`@cert-authority * ssh-ed25519 ${other}\nhost ssh-ed25519 ${text}\n`, names), 'known');
  assert.deepEqual(findHost([{ path: 'file', text: `host ssh-rsa AAAA\nhost ssh-ed25519 ${text}` }], names).types, [
    'ssh-rsa',
    'ssh-ed25519',
  ]);
});

test('a line that is written is found again, hashed or not', () => {
  for (const salt of [undefined, Buffer.alloc(20, 7)]) {
    const line = knownHostsLine('[host]:1', key, salt);
    assert.equal(line.includes('host]'), salt === undefined);
    assert.equal(kindOf(line, ['[host]:1']), 'known');
    assert.equal(kindOf(line, ['[host]:1'], keyOf('ssh-ed25519', 'wrong')), 'changed');
  }
});
