import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseSections } from '../../../src/storage/s3/profile.ts';
import { readS3Settings, type S3Settings } from '../../../src/storage/s3/settings.ts';
import { failsWith } from '../../conformance/storage.ts';

const home = mkdtempSync(join(tmpdir(), 'dvcexp-settings-'));
after(() => rmSync(home, { recursive: true, force: true }));

function read(
  options: Record<string, string> = {},
  env: Record<string, string> = {},
  url = 's3://bucket/a/prefix/',
  committed: string[] = [],
): S3Settings {
  return readS3Settings({ name: 'store', scheme: 's3', url, options, committed: new Set(committed) }, { env, home });
}
const file = (name: string, text: string): string => {
  writeFileSync(join(home, name), text);
  return join(home, name);
};

test('bucket and prefix are those of DVC', () => {
  const parts = (url: string): string[] => [read({}, {}, url).bucket, read({}, {}, url).prefix];
  assert.deepEqual(parts('s3://bucket'), ['bucket', '']);
  assert.deepEqual(parts('s3://bucket/'), ['bucket', '']);
  assert.deepEqual(parts('s3://bucket/a/b%20c/'), ['bucket', 'a/b%20c/']);
  assert.deepEqual(parts('S3://bucket/ä'), ['bucket', 'ä/']);
});

test('Amazon is addressed by host, others by path, and dots by path', () => {
  assert.equal(read().virtualHost, true);
  assert.equal(read({}, {}, 's3://with.dots/x').virtualHost, false);
  assert.equal(read({ endpointurl: 'https://minio:9000' }).virtualHost, false);
  const styles = file(
    'styles',
    '[default]\ns3 =\n  addressing_style = path\n[profile v]\ns3=\n  addressing_style=virtual\n',
  );
  assert.equal(read({}, { AWS_CONFIG_FILE: styles }).virtualHost, false);
  assert.equal(read({ profile: 'v', endpointurl: 'http://h' }, { AWS_CONFIG_FILE: styles }).virtualHost, true);
});

test('the endpoint: option, then environment, then profile', () => {
  const config = file(
    'config',
    '[default]\nendpoint_url = http://fromprofile/base/\nservices = s\n[services s]\ns3 =\n  endpoint_url = http://fromservice\n',
  );
  const env = {
    AWS_ENDPOINT_URL: 'http://general',
    AWS_ENDPOINT_URL_S3: 'http://special:9000',
    AWS_CONFIG_FILE: config,
  };
  assert.equal(read({ endpointurl: 'https://option' }, env).endpoint?.host, 'option');
  assert.equal(read({}, env).endpoint?.host, 'special:9000');
  assert.equal(read({}, { ...env, AWS_ENDPOINT_URL_S3: '' }).endpoint?.host, 'general');
  assert.equal(read({}, { AWS_CONFIG_FILE: config }).endpoint?.host, 'fromservice');
  assert.equal(read({}, { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }).endpoint, undefined);
  assert.deepEqual(read({ endpointurl: 'http://h:1/base/' }).endpoint, { secure: false, host: 'h:1', path: '/base' });
  for (const bad of ['h:9000', 'ftp://h', 'http://', 'http://u:p@h', 'http://h?x']) {
    assert.throws(() => read({ endpointurl: bad }), failsWith('config', /is no endpoint URL/), bad);
  }
});

test('TLS unless told otherwise', () => {
  assert.equal(read().secure, true);
  assert.equal(read({ use_ssl: 'False' }).secure, false);
  assert.equal(read({ use_ssl: 'false', endpointurl: 'https://h' }).secure, true);
  assert.equal(read({ ssl_verify: 'false' }).verifyTls, false);
  const ca = file('ca.pem', 'PEM');
  assert.equal(read({ ssl_verify: ca }).ca, 'PEM');
  assert.equal(read({ ssl_verify: 'true' }, { AWS_CA_BUNDLE: ca }).ca, 'PEM');
  assert.throws(() => read({ ssl_verify: join(home, 'absent') }), failsWith('config', /cannot read the certificates/));
});

test('a region becomes part of a host name, so it must look like one', () => {
  assert.equal(read({ region: 'eu-west-1' }, { AWS_REGION: 'x' }).region, 'eu-west-1');
  assert.equal(read({}, { AWS_REGION: 'us-east-2', AWS_DEFAULT_REGION: 'x' }).region, 'us-east-2');
  assert.equal(read().region, undefined);
  for (const bad of ['evil.example/', 'a@b', 'x y', '-a', '']) {
    assert.throws(() => read({ region: bad }), failsWith('config', /is not a region/), bad);
  }
});

test('headers of encryption and access', () => {
  assert.deepEqual(read({ sse: 'aws:kms', sse_kms_key_id: 'k', acl: 'private' }).createHeaders, [
    ['x-amz-server-side-encryption', 'aws:kms'],
    ['x-amz-server-side-encryption-aws-kms-key-id', 'k'],
    ['x-amz-acl', 'private'],
  ]);
  const key = Buffer.alloc(32, 1).toString('base64');
  assert.deepEqual(
    read({ sse_customer_key: key }).objectHeaders.map(([, value]) => value),
    ['AES256', key, '4Funlf7OsLF0HL+vKU+fkg=='],
  );
  assert.throws(() => read({ acl: 'private', grant_read: 'id=1' }), failsWith('config', /exclude each other/));
  assert.throws(() => read({ sse_customer_key: key, sse_kms_key_id: 'k' }), failsWith('config', /exclude each other/));
  assert.throws(() => read({ acl: 'a\r\nx-evil: 1' }), failsWith('config', /cannot be sent/));
});

test('times are kept within reason', () => {
  assert.deepEqual([read().connectMs, read().stallMs], [20_000, 60_000]);
  assert.equal(read({ read_timeout: '0' }).stallMs, 1000);
  assert.equal(read({ read_timeout: '9999999' }).stallMs, 600_000);
  assert.equal(read({ connect_timeout: 'soon' }).connectMs, 20_000);
});

test('a secret key without its ID is a mistake, an ID without a secret a wish', () => {
  assert.throws(() => read({ secret_access_key: 'x' }), failsWith('config', /'access_key_id' is not/));
  assert.deepEqual(
    [read({ access_key_id: 'x' }).keys.explicit, read({ access_key_id: 'x' }).keys.idHint],
    [undefined, 'x'],
  );
});

test('files named by the repository are not opened', () => {
  const planted = file('planted', '[default]\naws_access_key_id = a\n');
  assert.equal(read({ configpath: planted, credentialpath: planted }).keys.credentialsFile, planted);
  const own = read({ configpath: planted, credentialpath: planted }, {}, 's3://b/x', ['configpath', 'credentialpath']);
  assert.equal(own.keys.credentialsFile, join(home, '.aws', 'credentials'));
  assert.equal(own.keys.configFile, join(home, '.aws', 'config'));
});

test('the dialect of the AWS files', () => {
  const sections = parseSections(
    '# comment\nstray = 1\n[default]\r\nRegion = eu-west-1 # why\r\naws_secret_access_key = a#b=c;d\n; x = 1\n' +
      's3 =\n    addressing_style = path\n    max_concurrent_requests=3\noutput = json\n[profile "a  b"]\nx=1\n[profile c]\nbroken line\ny=2\n',
  );
  assert.deepEqual(sections.get('default'), {
    region: 'eu-west-1',
    aws_secret_access_key: 'a#b=c;d',
    s3: '',
    's3.addressing_style': 'path',
    's3.max_concurrent_requests': '3',
    output: 'json',
  });
  assert.deepEqual(sections.get('profile a b'), { x: '1' });
  assert.deepEqual(sections.get('profile c'), { y: '2' });
});
