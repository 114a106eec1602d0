import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StorageConfig } from '../../../src/model/storage-config.ts';
import { readSshSettings } from '../../../src/storage/ssh/settings.ts';
import { failsWith } from '../../conformance/storage.ts';

const config = (url: string, options: Record<string, string> = {}): StorageConfig => ({
  name: 'store',
  scheme: 'ssh',
  url,
  options,
  committed: new Set(),
});

test('the parts of a URL, and options over them', () => {
  const plain = readSshSettings(config('ssh://host/srv/data/'));
  assert.deepEqual([plain.host, plain.user, plain.port, plain.path], ['host', undefined, undefined, '/srv/data']);
  const full = readSshSettings(config('ssh://me:pw@[fe80::1%eth0]:2222/a b/é%20'));
  assert.deepEqual([full.host, full.port, full.path], ['fe80::1%eth0', 2222, '/a b/é%20']);
  assert.deepEqual([full.user, full.password], ['me', 'pw']);
  assert.equal(full.displayUrl.includes('pw'), false);
  const over = readSshSettings(
    config('ssh://a@host:1/', { user: 'b', port: '22', timeout: '1800', max_sessions: '99' }),
  );
  assert.deepEqual([over.user, over.port, over.path, over.stallMs, over.sessions], ['b', 22, '', 600_000, 16]);
});

test('what would reach a command line as more than a name is refused', () => {
  for (const url of [
    'ssh://-oProxyCommand=x/y',
    'ssh://a;b/y',
    'ssh://$(x)/y',
    'ssh:///y',
    'ssh://a b/y',
    'ssh://h:0/y',
    'ssh://h:x/y',
    'ssh://-l@h/y',
    'ssh://a`b@h/y',
  ]) {
    assert.throws(() => readSshSettings(config(url)), failsWith('config'), url);
  }
  assert.throws(() => readSshSettings(config('ssh://h/y', { user: 'a|b' })), failsWith('config', /name of a user/));
  assert.throws(() => readSshSettings(config('ssh://h/y', { gss_auth: 'true' })), failsWith('unsupported', /gss_auth/));
});
