import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HttpSettings, readHttpSettings } from '../../../src/storage/http/settings.ts';
import { failsWith } from '../../conformance/storage.ts';

function read(url: string, options: Record<string, string> = {}): HttpSettings {
  const scheme = url.slice(0, url.indexOf(':'));
  return readHttpSettings(
    { name: 'store', scheme, url, options, committed: new Set() },
    { env: {}, home: '/nonexistent' },
  );
}

test('the URL: origin, path, what is shown of it', () => {
  const { secure, host, base, displayUrl } = read('webdavs://u%40x:s3cret@Host.example:443/a b/%20é/');
  assert.deepEqual([secure, host, base], [true, 'host.example', '/a%20b/%20%C3%A9']);
  assert.equal(displayUrl, 'webdavs://Host.example:443/a b/%20é/');
  assert.deepEqual([read('http://[::1]:80').host, read('http://[::1]:80').base], ['[::1]', '']);
  for (const url of ['webdav:///x', 'http://', 'http://h/p?token=s3cret', 'https://h/#s3cret']) {
    assert.throws(
      () => read(url),
      (error) => failsWith('config')(error) && !String(error).includes('s3cret'),
    );
  }
});

test("WebDAV: token before user before a header of one's own", () => {
  const all = { token: 't', user: 'u', password: 'p', custom_auth_header: 'X-Key' };
  assert.deepEqual(read('webdav://h', all).login, { kind: 'header', name: 'authorization', value: 'Bearer t' });
  const { token: _, ...two } = all;
  assert.deepEqual(read('webdav://h', two).login, { kind: 'either', user: 'u', password: 'p' });
  assert.deepEqual(read('webdav://h', { custom_auth_header: 'X-Key', password: 'p' }).login, {
    kind: 'header',
    name: 'X-Key',
    value: 'p',
  });
  assert.deepEqual(read('webdav://u@h', { password: '' }).login, { kind: 'either', user: 'u', password: '' });
  assert.deepEqual(read('webdav://h').login, { kind: 'none' });
});

test("HTTP: nothing is sent unless auth says how; DVC's method is POST", () => {
  assert.deepEqual(read('http://h', { user: 'u', password: 'p' }).login, { kind: 'none' });
  assert.equal(read('http://h').method, 'POST');
  assert.equal(read('http://h', { method: 'put' }).method, 'PUT');
  assert.deepEqual(read('http://u:p%3A@h').login, { kind: 'basic', user: 'u', password: 'p:' });
  assert.equal(read('http://h', { auth: 'digest', user: 'u', password: 'p' }).login.kind, 'digest');
  // What is missing may be Git's to know.
  const half = { kind: 'basic', user: 'u', password: undefined };
  assert.deepEqual(read('http://h', { auth: 'basic', user: 'u', ask_password: 'true' }).login, half);
});

test('options that cannot be are told with what to type, and without the secret', () => {
  const cases: readonly (readonly [string, Record<string, string>, string, RegExp])[] = [
    ['http://h', { auth: 'custom', password: 's3cret' }, 'config', /needs the option 'custom_auth_header'/],
    ['http://h', { auth: 'ntlm' }, 'config', /basic, digest or custom/],
    ['http://h', { method: 'DELETE' }, 'config', /POST, PUT or PATCH/],
    ['webdav://h', { bearer_token_command: 'x' }, 'config', /'bearer_token_command' is not supported\n.*token/],
    ['webdav://h', { token: 's3cret\r\nX: y' }, 'config', /cannot carry/],
    ['webdav://h', { custom_auth_header: 'Host', password: 's3cret' }, 'config', /name of a header/],
    ['webdavs://h', { cert_path: '/nonexistent' }, 'config', /no certificate and key/],
    ['webdavs://h', { ssl_verify: '/nonexistent' }, 'config', /cannot read the certificates/],
  ];
  for (const [url, options, code, words] of cases) {
    assert.throws(
      () => read(url, options),
      (error) => failsWith(code, words)(error) && !String(error).includes('s3cret'),
    );
  }
});
