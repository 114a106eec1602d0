import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { parseInnerUrl, protocolOf, withoutOwnPrefix } from '../../src/git/inner-url.ts';

/** What `git fetch-pack --diag-url` tells of a URL: Git's own reading of it. */
function askGit(url: string): Record<string, string> | undefined {
  const { stdout, status } = spawnSync('git', ['fetch-pack', '--diag-url', url], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return Object.fromEntries(
    [...stdout.matchAll(/^Diag: (\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
}

const native = [
  '/srv/repo.git',
  './a:b',
  'repo',
  'host:repo',
  'host:/abs/repo',
  'host:/~user/repo',
  'host:~user/repo',
  'user@host:repo',
  '[host]:repo',
  '[host:22]:repo',
  '[user@host:22]:/~x',
  'user@[::1]:repo',
  '[::1]:repo',
  'ssh://host/repo',
  'ssh://user@host/repo',
  'ssh://user@host:22/repo',
  'ssh://host:/repo',
  'ssh://host:x/repo',
  'ssh://[::1]/repo',
  'ssh://[::1]:22/repo',
  'ssh://user@[::1]:22/~x/repo',
  'ssh://host/~user/a%20b',
  'ssh://ho%73t/a%2Fb',
  'git+ssh://host/repo',
  'ssh+git://host/repo',
  'git://host/repo',
  'git://host:9418/~user/repo',
  'git://[::1]:9418/repo',
  'file:///srv/repo',
  'file://host/srv/re%70o',
  'file:///srv/100%',
];

test('a URL is read as Git reads it', () => {
  for (const url of native) {
    const theirs = askGit(url);
    assert.ok(theirs !== undefined, `git reads '${url}'`);
    const ours = parseInnerUrl(url);
    assert.ok(ours.kind !== 'helper', url);
    assert.equal(ours.path, theirs.path, url);
    if (ours.kind === 'ssh') {
      assert.equal(theirs.protocol, 'ssh', url);
      assert.equal(ours.destination, theirs.userandhost, url);
      assert.equal(ours.port ?? 'NONE', theirs.port, url);
    } else if (ours.kind === 'git') {
      assert.equal(theirs.protocol, 'git', url);
      assert.equal(ours.hostAndPort, theirs.hostandport, url);
    } else {
      assert.match(theirs.protocol ?? '', /^(?:file|local)$/, url);
    }
  }
});

test('everything else belongs to a helper', () => {
  const helper = (url: string): unknown => {
    const parsed = parseInnerUrl(url);
    return parsed.kind === 'helper' ? [parsed.helper, parsed.address] : parsed.kind;
  };
  assert.deepEqual(helper('https://host/x'), ['https', 'https://host/x']);
  assert.deepEqual(helper('ext::sh -c x'), ['ext', 'sh -c x']);
  assert.deepEqual(helper('SSH://host/x'), ['SSH', 'SSH://host/x'], 'as Git, which knows its schemes in small letters');
  assert.deepEqual(helper('s3://bucket/x'), ['s3', 's3://bucket/x']);
  assert.deepEqual(helper('foo::ssh://host/x'), ['foo', 'ssh://host/x']);
  assert.equal(protocolOf(parseInnerUrl('./x')), 'file');
  assert.equal(protocolOf(parseInnerUrl('ftp://h/x')), 'ftp');
});

test('a URL without a path is no URL', () => {
  for (const url of ['', 'ssh://host', 'git://host']) assert.throws(() => parseInnerUrl(url), { code: 'config' }, url);
  assert.throws(() => parseInnerUrl('ssh://host/%ff'), { code: 'unsupported' });
});

test('our own prefix comes off however often it was put on', () => {
  assert.equal(withoutOwnPrefix('dvcexp::dvcexp::https://h/x'), 'https://h/x');
  assert.equal(withoutOwnPrefix('x::dvcexp::y'), 'x::dvcexp::y');
});
