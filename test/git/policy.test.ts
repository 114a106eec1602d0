import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../../src/git/configuration.ts';
import { checkDepth, checkPassword, resolveAddress, rewriteUrl } from '../../src/git/policy.ts';

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

test('a password behind the prefix is for transfer.credentialsInUrl to judge, and refused where that is silent', () => {
  const judge = (url: string, values: Record<string, string> = {}): string | undefined =>
    checkPassword({ remoteName: 'origin', url }, configured(values));
  const url = 'https://ada:s3cret@h:8/x';
  const redacted = "URL 'https://ada:<redacted>@h:8/x' uses plaintext credentials";
  assert.throws(() => judge(url), {
    message: "Git would print the password in 'dvcexp::https://ada:<redacted>@h:8/x'",
  });
  assert.throws(() => judge(url, { 'transfer.credentialsinurl': 'die' }), { message: redacted });
  assert.throws(() => judge(url, { 'transfer.credentialsinurl': 'perhaps' }), { message: /unrecognized value/ });
  assert.equal(judge(url, { 'transfer.credentialsinurl': 'warn' }), redacted);
  assert.equal(judge(url, { 'transfer.credentialsinurl': 'allow' }), undefined);
  assert.equal(judge(url, { 'remote.origin.vcs': 'dvcexp' }), undefined, 'Git has judged');
  for (const other of ['https://ada@h/x', 'ssh://h:22/x@y', 'h:a:b@c', '/a:b@c']) assert.equal(judge(other), undefined);
});

test('what Git took for the name of a helper belongs to the address again', () => {
  const vcs = { 'remote.origin.vcs': 'dvcexp' };
  for (const url of ['[::1]:/srv/x', 'ada@[fe80::1]:x', '/srv/a::b']) {
    const cut = url.slice(url.indexOf(':') + 2);
    assert.equal(resolve(cut, { ...vcs, 'remote.origin.url': url }), url);
    assert.equal(resolve(cut, { ...vcs, 'remote.origin.url': 's:y', [`url.${url}.insteadof`]: 's:y' }), url);
    assert.equal(resolve(cut, { ...vcs, 'remote.origin.url': '/z', 'remote.origin.pushurl': url }, {}, 'push'), url);
  }
  assert.equal(resolve('/srv/x', { ...vcs, 'remote.origin.url': '/y' }), '/srv/x');
});
