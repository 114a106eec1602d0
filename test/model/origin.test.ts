import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createOrigin,
  isCleartext,
  isLoopback,
  isMetadataService,
  isPossibleHost,
  originUrl,
} from '../../src/model/origin.ts';

const more = { provider: false, namedBy: 'repository' } as const;
const urlOf = (protocol: string, address: string, path = ''): string =>
  originUrl(createOrigin(protocol, address, path, more));

test('one spelling for one place', () => {
  assert.equal(urlOf('https', 'MinIO.Corp.:443', '/bucket//a/'), 'https://minio.corp/bucket/a');
  assert.equal(urlOf('http', 'host:443'), 'http://host:443');
  assert.equal(urlOf('http', 'host:0080'), 'http://host:80');
  assert.equal(urlOf('ssh', 'host:22', '/srv'), 'ssh://host/srv');
  assert.equal(urlOf('https', 'Bücher.example'), 'https://xn--bcher-kva.example');
  assert.equal(urlOf('https', '[FE80::1]:9000', 'b'), 'https://[fe80::1]:9000/b');
  assert.equal(urlOf('https', 'my_minio:9000', 'b_1'), 'https://my_minio:9000/b_1');
  assert.equal(urlOf('file', '', '/srv/a b/é'), 'file:///srv/a%20b/%C3%A9');
  assert.equal(urlOf('file', '', '/'), 'file:///');
});

test('nothing that is more than a word for Git, a shell or a terminal', () => {
  for (const evil of ["a'b", 'a"b', 'a\nb', 'a\u001bb', 'a\u202eb', 'a b', 'a=b', 'a\\b', 'a$(x)b', 'a\ud800b']) {
    for (const url of [urlOf('https', 'host', evil), urlOf('ssh', evil), urlOf('file', '', `/${evil}`)]) {
      assert.match(url, /^(?:https|ssh|file):\/\/[\w.~%-]*(?:\/[\w.~%-]*)*$/, JSON.stringify(evil));
    }
  }
});

test('a port that is not said is the own one, and what can be no host is told apart', () => {
  assert.equal(createOrigin('https', 'host:', '', more).host, 'host');
  assert.equal(createOrigin('https', '[::1]:', '', more).host, '[::1]');
  for (const host of ['host', 'my_host:9000', '[::1]:22', '[fe80::1%eth0]', 'bücher.example'])
    assert.ok(isPossibleHost(createOrigin('ssh', host, '', more)), host);
  for (const host of [
    '',
    'a\\b',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'a%2eb',
    '.',
    'a..',
    'a..b',
    '"s.example',
    'a b',
    '[x:y]',
    'a:b:c',
    '\ufffd',
  ])
    assert.ok(!isPossibleHost(createOrigin('ssh', host, '', more)), host);
});

test('this machine, by whatever name', () => {
  const names = '127.0.0.1 127.1.2.3 localhost a.localhost [::1] [::ffff:127.0.0.1] 0x7f.1 2130706433'.split(' ');
  for (const name of names) {
    const origin = createOrigin('http', `${name}:9000`, '', more);
    assert.ok(isLoopback(origin), name);
    assert.ok(!isCleartext(origin), name);
  }
  for (const name of ['localhost.example', '128.0.0.1', 'notlocalhost', '127.0.0.1.example', '[::2]']) {
    const origin = createOrigin('http', `${name}:9000`, '', more);
    assert.ok(!isLoopback(origin), name);
    assert.ok(isCleartext(origin), name);
    assert.ok(!isCleartext({ ...origin, protocol: 'https' }));
  }
});

test('where clouds tell the secrets of the machine', () => {
  const names =
    '169.254.169.254 169.254.170.2 [fe80::1] [fd00:ec2::254] [::ffff:169.254.169.254] 2852039166 metadata.google.internal metadata 100.100.100.200';
  for (const name of names.split(' ')) assert.ok(isMetadataService(createOrigin('http', name, '', more)), name);
  for (const name of ['metadata.corp.example', '169.255.0.1', 'example.com', '[fd00::1]']) {
    assert.ok(!isMetadataService(createOrigin('http', name, '', more)), name);
  }
});
