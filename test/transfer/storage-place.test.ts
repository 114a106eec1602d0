import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { placeOf } from '../../src/transfer/storage-place.ts';

type Said = readonly [
  url: string,
  options?: Readonly<Record<string, string>>,
  env?: Readonly<Record<string, string>>,
  name?: string,
];

const directory = mkdtempSync(join(tmpdir(), 'dvcexp-place-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function place([url, options = {}, env = {}, name = 'store']: Said): ReturnType<typeof placeOf> {
  const scheme = /^[a-z0-9]+(?=:)/.exec(url)?.[0] ?? 'local';
  return placeOf({ name, scheme, url, options, committed: new Set() }, { env, home: '/nonexistent' });
}

async function nameOf(said: Said): Promise<string> {
  const found = await place(said);
  assert.equal(found?.shared, true, JSON.stringify(said));
  return found?.name ?? '';
}

const profiles = join(directory, 'profiles');
writeFileSync(
  profiles,
  '[profile a]\nendpoint_url = https://a.corp\n[profile b]\nendpoint_url = https://b.corp\naws_access_key_id = B\n',
);
const profile = (name: string): Said => ['s3://data/x', { profile: name }, { AWS_CONFIG_FILE: profiles }];
const connection = (text: string): Said => ['azure://data/x', {}, { AZURE_STORAGE_CONNECTION_STRING: text }];

const apart: Readonly<Record<string, readonly Said[]>> = {
  'S3, whoever names the endpoint': [
    ['s3://data/x'],
    ['s3://data/y'],
    ['s3://other/x'],
    ['s3://data/x', { endpointurl: 'https://1.corp' }],
    ['s3://data/x', {}, { AWS_ENDPOINT_URL: 'https://2.corp' }],
    ['s3://data/x', {}, { AWS_ENDPOINT_URL: 'https://2.corp', AWS_ENDPOINT_URL_S3: 'https://3.corp' }],
    profile('a'),
    profile('b'),
  ],
  'partitions of Amazon, whose buckets have names of their own': [
    ['s3://data/x', { region: 'eu-central-1' }],
    ['s3://data/x', { region: 'cn-north-1' }],
    ['s3://data/x', {}, { AWS_REGION: 'us-gov-west-1' }],
  ],
  'accounts of other services of the kind, whose buckets may be their own': [
    ['s3://data/x', { endpointurl: 'https://swift.corp' }, { AWS_ACCESS_KEY_ID: 'A' }],
    ['s3://data/x', { endpointurl: 'https://swift.corp' }, { AWS_ACCESS_KEY_ID: 'B' }],
    ['s3://data/x', { endpointurl: 'https://swift.corp', access_key_id: 'C' }, { AWS_ACCESS_KEY_ID: 'A' }],
  ],
  'the emulator of Google Cloud Storage': [
    ['gs://data/x'],
    ['gs://data/x', {}, { STORAGE_EMULATOR_HOST: 'http://127.0.0.1:1' }],
    ['gs://data/x', {}, { STORAGE_EMULATOR_HOST: 'http://127.0.0.1:2' }],
  ],
  'accounts and containers of Azure': [
    ['azure://data/x', { account_name: 'one' }],
    ['azure://data/x', {}, { AZURE_STORAGE_ACCOUNT: 'two' }],
    ['azure://', {}, { AZURE_STORAGE_ACCOUNT: 'two', AZURE_STORAGE_CONTAINER_NAME: 'data' }],
    ['azure://', {}, { AZURE_STORAGE_ACCOUNT: 'two', AZURE_STORAGE_CONTAINER_NAME: 'more' }],
    connection('AccountName=three;AccountKey=aaaa'),
    connection('BlobEndpoint=http://127.0.0.1:1/one;AccountName=one;AccountKey=aaaa'),
    connection('BlobEndpoint=http://127.0.0.1:2/one;AccountName=one;AccountKey=aaaa'),
  ],
  'homes of users': [
    ['ssh://host/x', { user: 'ada' }],
    ['ssh://bob@host/x'],
    ['webdavs://host/x', { user: 'ada' }],
    ['webdavs://host/x', { user: 'bob' }],
  ],
};
for (const [what, all] of Object.entries(apart)) {
  test(`places apart: ${what}`, async () => {
    const names = await Promise.all(all.map(nameOf));
    assert.equal(new Set(names).size, all.length, JSON.stringify(names));
    for (const name of names) assert.match(name, /^[0-9a-f]{32}$/);
  });
}

const same: Readonly<Record<string, readonly Said[]>> = {
  'another name, another secret': [
    ['s3://data/x', { secret_access_key: 'one', access_key_id: 'A' }],
    ['s3://data/x', { secret_access_key: 'two', access_key_id: 'A' }, {}, 'renamed'],
  ],
  'a region of Amazon, and its keys': [
    ['s3://data/x', { region: 'eu-central-1' }, { AWS_ACCESS_KEY_ID: 'A' }],
    ['s3://data/x', { region: 'us-east-1' }, { AWS_ACCESS_KEY_ID: 'B', AWS_SESSION_TOKEN: 'today' }],
  ],
  'an endpoint, from wherever': [
    ['s3://data/x', { endpointurl: 'https://1.corp' }],
    ['s3://data/x', {}, { AWS_ENDPOINT_URL: 'https://1.corp:443/' }],
  ],
  'a key of Azure that was rotated, and an account named in another way': [
    connection('AccountName=one;AccountKey=aaaa'),
    connection('AccountKey=bbbb;AccountName=one'),
    ['azure://data/x', {}, { AZURE_STORAGE_ACCOUNT: 'one' }],
  ],
};
for (const [what, all] of Object.entries(same)) {
  test(`the same place: ${what}`, async () => {
    assert.equal(new Set(await Promise.all(all.map(nameOf))).size, 1);
  });
}

test("everybody's own My Drive is shared by nobody, a folder by its ID is", async () => {
  for (const root of ['root', 'appDataFolder']) assert.equal((await place([`gdrive://${root}/x`]))?.shared, false);
  assert.equal((await place(['gdrive://1-aBc/x']))?.shared, true);
});

test('what cannot be told is no place', async () => {
  for (const said of [['s3://'], ['hdfs://host/x'], ['azure://data/x'], profile('nobody')] as const) {
    assert.equal(await place(said), undefined);
  }
});
