import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../../src/git/configuration.ts';
import { checkDepth, resolveAddress, rewriteUrl } from '../../src/git/policy.ts';

const configured = (values: Record<string, string>) =>
  parseConfiguration(
    Object.entries(values)
      .map(([key, value]) => `${key}\n${value}\0`)
      .join(''),
  );
const resolve = (
  url: string,
  values: Record<string, string> = {},
  env: Record<string, string> = {},
  direction: 'fetch' | 'push' = 'fetch',
): string => resolveAddress({ remoteName: 'origin', url, direction }, configured(values), env).text;
const refused = (name: string) => ({ code: 'config', message: `transport '${name}' not allowed` });

test('what Git does not allow by default is refused in its words', () => {
  assert.throws(() => resolve('ext::sh -c "touch x"'), refused('ext'));
  assert.throws(() => resolve('dvcexp::dvcexp::ext::sh -c x'), refused('ext'));
  for (const url of ['https://h/x', 'http://h/x', 'ssh://h/x', 'h:x', 'git://h/x', '/x', 'file:///x', 'foo::x'])
    resolve(url);
});

test('what is not from the user is refused where Git wants one', () => {
  const automatic = { GIT_PROTOCOL_FROM_USER: '0' };
  assert.throws(() => resolve('/srv/x', {}, automatic), refused('file'));
  assert.throws(() => resolve('foo::x', {}, automatic), refused('foo'));
  assert.throws(
    () => resolve('/srv/x', { 'protocol.file.allow': 'user' }, { GIT_PROTOCOL_FROM_USER: 'false' }),
    refused('file'),
  );
  resolve('/srv/x', { 'protocol.file.allow': 'always' }, automatic);
  resolve('https://h/x', {}, automatic);
});

test('configuration and GIT_ALLOW_PROTOCOL decide, the latter alone', () => {
  assert.throws(() => resolve('https://h/x', { 'protocol.https.allow': 'never' }), refused('https'));
  assert.throws(() => resolve('https://h/x', { 'protocol.allow': 'Never' }), refused('https'));
  resolve('https://h/x', { 'protocol.allow': 'never', 'protocol.https.allow': 'always' });
  resolve('ext::x', { 'protocol.ext.allow': 'always' });
  assert.throws(
    () => resolve('https://h/x', { 'protocol.https.allow': 'always' }, { GIT_ALLOW_PROTOCOL: 'ssh:file' }),
    refused('https'),
  );
  resolve('ext::x', { 'protocol.ext.allow': 'never' }, { GIT_ALLOW_PROTOCOL: 'ext' });
  assert.throws(() => resolve('https://h/x', {}, { GIT_ALLOW_PROTOCOL: '' }), refused('https'));
  assert.throws(() => resolve('https://h/x', { 'protocol.https.allow': 'perhaps' }), {
    code: 'config',
    message: /unknown value/,
  });
  assert.throws(() => resolve('toString://h/x', {}, { GIT_PROTOCOL_FROM_USER: '0' }), refused('toString'));
});

test('nothing that a program would take for an option goes through', () => {
  for (const url of [
    'ssh://-oProxyCommand=x/y',
    '-oProxyCommand=x:y',
    'host:-x',
    '-x',
    'ssh://[-x]/y',
    'git://-x/y',
    'foo::-x',
  ]) {
    assert.throws(() => resolve(url), { code: 'config', message: /blocked$/ }, url);
  }
  assert.throws(() => resolve('git://h/a%0ab'), { code: 'config', message: /newline is forbidden/ });
});

test('URLs are rewritten behind our prefix, once, and never where Git has done it', () => {
  const values = { 'url.https://real/.insteadof': 'short:', 'url.dvcexp::https://real/.insteadof': 'loop:' };
  assert.equal(resolve('short:x', values), 'https://real/x');
  assert.equal(resolve('loop:x', values), 'https://real/x');
  assert.equal(resolve('short:x', { ...values, 'remote.origin.vcs': 'dvcexp' }), 'short:x');
  assert.equal(
    rewriteUrl('ab/c', [
      { base: 'one', prefix: 'a' },
      { base: 'two', prefix: 'ab' },
    ]),
    'two/c',
  );
  assert.equal(rewriteUrl('x', [{ base: 'one', prefix: 'a' }]), undefined);
});

test('pushing has rewriting of its own', () => {
  const values = { 'url.git@real:.pushinsteadof': 'https://real/', 'url.https://mirror/.insteadof': 'https://real/' };
  assert.equal(resolve('https://real/x', values, {}, 'fetch'), 'https://mirror/x');
  assert.equal(resolve('https://real/x', values, {}, 'push'), 'git@real:x');
  assert.equal(
    resolve('https://real/x', { ...values, 'remote.origin.pushurl': 'https://real/x' }, {}, 'push'),
    'https://mirror/x',
  );
});

test('a helper below three others is a loop', () => {
  checkDepth({ DVCEXP_DEPTH: '3' });
  assert.throws(() => checkDepth({ DVCEXP_DEPTH: '4' }), { code: 'config' });
});
