import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follow } from '../../../src/storage/http/redirect.ts';

const leads = (from: string, location: string | undefined, status = 302): string | undefined => {
  const { protocol, host, pathname } = new URL(from);
  const headers = location === undefined ? {} : { location };
  const target = follow({ status, headers }, { secure: protocol === 'https:', host }, pathname);
  return target && `http${target.place.secure ? 's' : ''}://${target.place.host}${target.path}`;
};

test('where a redirect may lead', () => {
  assert.equal(leads('https://a/x/y', '../z?q'), 'https://a/z?q');
  assert.equal(leads('http://a/x', 'https://a/x', 308), 'https://a/x');
  assert.equal(leads('https://a/x', '//cdn.example:8443/y'), 'https://cdn.example:8443/y');
  assert.equal(leads('http://127.0.0.1:1/x', 'http://10.0.0.1/y'), 'http://10.0.0.1/y');
});

test('where it may not', () => {
  for (const location of [
    'http://a/x',
    'file:///etc/passwd',
    'https://169.254.169.254/latest',
    'https://localhost/x',
    'https://127.1/x',
    'https://[::1]/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://192.168.1.1:8443/',
    'https://x.localhost/',
    'https://',
    undefined,
  ]) {
    assert.equal(leads('https://a/x', location), undefined, location);
  }
  assert.equal(leads('https://a/x', 'https://b/x', 300), undefined);
});

test("to a cloud's metadata service nobody is sent on, not even from inside", () => {
  for (const host of ['169.254.169.254', '[fd00:ec2::254]', '100.100.100.200', 'metadata.google.internal']) {
    for (const from of ['http://127.0.0.1:1/x', 'http://10.0.0.1/x', 'http://[::1]/x'])
      assert.equal(leads(from, `http://${host}/latest`), undefined, `${from} to ${host}`);
  }
  // A disk on the cable beside has such an address as well, and may say where on itself something is.
  assert.equal(leads('http://169.254.7.7/x', '/y'), 'http://169.254.7.7/y');
});
