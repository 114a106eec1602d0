import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnswer, serialize } from '../../src/git/credential.ts';

test('a question, line by line', () => {
  assert.equal(
    serialize({ protocol: 'https', host: 'h:9000', path: 'bucket', username: 'KEY' }, 'p=w"/+'),
    'protocol=https\nhost=h:9000\npath=bucket\nusername=KEY\npassword=p=w"/+\n\n',
  );
  assert.equal(serialize({ protocol: 'ssh', host: 'h', path: '' }), 'protocol=ssh\nhost=h\n\n');
  assert.equal(
    serialize({ protocol: 'ssh-key', host: '', path: 'home/a/.ssh/id', username: '' }),
    'protocol=ssh-key\nhost=\npath=home/a/.ssh/id\nusername=\n\n',
  );
});

test('what would be more than one line, or reach a terminal, is not said', () => {
  for (const evil of ['a\nhost=evil', 'a\rb', 'a\0b', 'a\u001b[2Jb', 'a\tb', 'a\u007fb', 'a\u0085b', 'a\u009bb']) {
    for (const key of ['protocol', 'host', 'path', 'username'] as const) {
      assert.equal(serialize({ protocol: 'https', host: 'h', [key]: evil }), undefined, JSON.stringify([key, evil]));
    }
    assert.equal(serialize({ protocol: 'https', host: 'h' }, evil), undefined);
  }
  assert.equal(serialize({ protocol: 'https', host: '' }), undefined, 'no host is every host to a helper');
  assert.equal(serialize({ protocol: '', host: 'h' }), undefined);
  assert.equal(serialize({ protocol: 'https', host: 'h' }, 'x'.repeat(70_000)), undefined);
});

test('an answer counts when both are there and it has not expired', () => {
  const asked = { protocol: 'https', host: 'h' };
  const answer = (...lines: string[]): unknown => parseAnswer(`${lines.join('\n')}\n`, asked);
  const good = { username: 'u', password: 'p', expiresSeconds: undefined };
  assert.deepEqual(answer('protocol=http', 'host=evil', 'username=u', 'password=p', 'nonsense', '=x'), good);
  assert.deepEqual(answer('username=u', 'password=p', 'password_expiry_utc=99999999999'), {
    ...good,
    expiresSeconds: 99999999999,
  });
  assert.equal(answer('username=u', 'password=p', 'password_expiry_utc=1'), undefined);
  assert.equal(answer('username=u'), undefined);
  assert.equal(answer('username=', 'password='), undefined);
  assert.equal(answer('password=p'), undefined);
  assert.equal(answer('username=u\r', 'password=p'), undefined);
  assert.equal(answer('quit=1'), undefined);
  // Whatever is taken can be told to Git again, to be kept or forgotten.
  assert.equal(answer('username=u', 'password=\u0085'), undefined);
  assert.equal(answer('username=\u0085', 'password=p'), undefined);
  assert.equal(answer('username=u', `password=${'x'.repeat(70_000)}`), undefined);
  assert.equal(parseAnswer('username=other\npassword=p\n', { ...asked, username: 'u' }), undefined);
  assert.deepEqual(parseAnswer('username=\npassword=p\n', { ...asked, username: '' }), {
    username: '',
    password: 'p',
    expiresSeconds: undefined,
  });
});
