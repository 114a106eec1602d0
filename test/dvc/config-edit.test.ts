import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withKeys, withoutKeys } from '../../src/dvc/config-edit.ts';
import { failsWith } from '../conformance/storage.ts';

const text = [
  '# mine\n',
  '[core]\n    remote = s\n',
  '[\'remote "s"\']\n    # a note\n    user = ada\n    password = old\n',
  '[remote "T"]\n\tpassword = """two\nlines"""\n    url = /x\n',
].join('');

test('keys go, and all else stays byte for byte', () => {
  assert.equal(withoutKeys(text, 's', ['password'], 'p'), text.replace('    password = old\n', ''));
  assert.equal(withoutKeys(text, 't', ['password'], 'p'), text.replace('\tpassword = """two\nlines"""\n', ''));
  assert.equal(withoutKeys(text, 'u', ['password'], 'p'), text);
  assert.equal(withoutKeys(text, 's', ['nothing'], 'p'), text);
  const gone = withoutKeys(text, 's', ['password', 'user'], 'p');
  assert.doesNotMatch(gone, /remote "s"/, 'a section with nothing in it goes too');
  assert.match(gone, /# a note/, 'what people wrote stays');
});

test('keys come, in place of those that were there', () => {
  assert.equal(withKeys('', 's', { user: 'ada' }, 'p'), '[\'remote "s"\']\n    user = ada\n');
  assert.equal(withKeys('[core]\n    x = 1', 's', { a: 'b' }, 'p'), '[core]\n    x = 1\n[\'remote "s"\']\n    a = b\n');
  const changed = withKeys(text, 's', { password: 'new', extra: '1' }, 'p');
  assert.match(changed, /\['remote "s"'\]\n {4}password = new\n {4}extra = 1\n {4}# a note\n {4}user = ada\n\[remote/);
});

test('values come back as they were, or are refused', () => {
  for (const value of ['a#b', 'a, b', ' a ', "it's", 'say "x"', '{"v":1,"secret":"a/b+c="}', '%', 'ä€', '[x]', '=']) {
    assert.ok(withKeys('', 's', { password: value }, 'p'), value);
  }
  for (const value of ['a\nb', 'a\u0000b', `both ' and "`, '%(x)s']) {
    assert.throws(() => withKeys('', 's', { password: value }, 'p'), failsWith('config', /cannot hold/), value);
  }
});
