import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { parseProxy } from '../../../src/storage/wire/proxy.ts';
import { readTrust, type Trust } from '../../../src/storage/wire/trust.ts';

test("Git's proxy comes before that of the environment, one for an origin before all, no_proxy before both", () => {
  const env = { https_proxy: 'http://env:1', no_proxy: 'direct' };
  const settings: Record<string, string> = { 'http.proxy': 'git:2', 'http.https://one:8443.proxy': 'http://own:3' };
  const configured = (key: string): string | undefined => settings[key];
  assert.equal(parseProxy(true, 'host', env)?.host, 'env:1');
  assert.equal(parseProxy(true, 'host', env, configured)?.host, 'git:2');
  assert.equal(parseProxy(true, 'one:8443', env, configured)?.host, 'own:3');
  assert.equal(parseProxy(false, 'one:8443', env, configured)?.host, 'git:2');
  assert.equal(parseProxy(true, 'direct', env, configured), undefined);
  settings['http.proxy'] = '';
  assert.equal(parseProxy(true, 'host', env, configured), undefined);
});

test('authorities: those of the storage remote alone, those of Git beside the known ones', () => {
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-trust-'));
  const file = (name: string): string => {
    writeFileSync(join(top, name), `PEM of ${name}`);
    return join(top, name);
  };
  const read = (options: Record<string, string>, env: Record<string, string> = {}, git?: string): Trust => {
    const config = { name: 'store', scheme: 'https', url: 'https://h', options, committed: new Set<string>() };
    const configuration = (key: string): string | undefined => (key === 'http.sslCAInfo' ? git : undefined);
    return readTrust(config, { env, home: top, configuration });
  };
  try {
    const [own, git, cert, more] = ['own', 'git', 'cert', 'more'].map(file) as [string, string, string, string];
    assert.deepEqual(read({}), { ca: undefined, verifyTls: true });
    assert.deepEqual(read({ ssl_verify: 'False' }, {}, git), { ca: undefined, verifyTls: false });
    assert.deepEqual(read({ ssl_verify: own }, { SSL_CERT_FILE: cert }, git), { ca: 'PEM of own', verifyTls: true });
    for (const [trust, last] of [
      [read({}, { SSL_CERT_FILE: cert }, git), 'PEM of git'],
      [read({}, { SSL_CERT_FILE: cert }, '~/git'), 'PEM of git'],
      [read({ ssl_verify: 'true' }, { SSL_CERT_FILE: cert }), 'PEM of cert'],
      [read({}, { GIT_SSL_CAINFO: own }, git), 'PEM of own'],
      [read({}, { NODE_EXTRA_CA_CERTS: more }, git), 'PEM of git\nPEM of more'],
    ] as const) {
      assert.ok(trust.verifyTls && trust.ca?.startsWith(rootCertificates[0] ?? '') && trust.ca.endsWith(`\n${last}`));
    }
    assert.throws(
      () => read({}, {}, '/nonexistent'),
      /cannot read the certificates in '\/nonexistent' \(http\.sslCAInfo\)/,
    );
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
});
