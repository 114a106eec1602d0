import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type AzureSettings, readAzureSettings } from '../../../src/storage/azure/settings.ts';
import type { StorageContext } from '../../../src/storage/remote.ts';
import { failsWith } from '../../conformance/storage.ts';

type Options = Readonly<Record<string, string>>;
const key = Buffer.from('secret').toString('base64');

function read(options: Options, context: Partial<StorageContext> = {}, url = 'azure://data/store'): AzureSettings {
  const config = { name: 'team', scheme: 'azure', url, options, committed: new Set<string>() };
  return readAzureSettings(config, { env: {}, home: '/nonexistent', ...context });
}

let home: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), 'dvcexp-azure-'));
  mkdirSync(join(home, '.azure'));
});
after(() => rmSync(home, { recursive: true, force: true }));

test('container and prefix are those of DVC', () => {
  const places: Record<string, readonly [string, string]> = {
    'azure://data': ['data', ''],
    'azure://data/': ['data', ''],
    'azure://data/a b/ü//': ['data', 'a b/ü/'],
    'AZURE://$web/x': ['$web', 'x/'],
  };
  for (const [url, [container, prefix]] of Object.entries(places)) {
    const settings = read({ account_name: 'teamdata', account_key: key }, {}, url);
    assert.deepEqual([settings.container, settings.prefix], [container, prefix], url);
  }
  for (const url of [
    'azure:///x',
    'azure://',
    'azure://Data/x',
    'azure://a--b/x',
    'azure://ab/x',
    'azure://user@data/x',
  ]) {
    assert.throws(() => read({ account_name: 'teamdata', account_key: key }, {}, url), failsWith('config'), url);
  }
});

test('the account is spoken to by its own name, and must look like one', () => {
  const settings = read({ account_name: 'teamdata', account_key: key });
  assert.deepEqual([settings.secure, settings.host, settings.base], [true, 'teamdata.blob.core.windows.net', '']);
  for (const name of ['evil.example/', 'a@evil.example', 'ab', 'Team', 'x'.repeat(25), '-ab-']) {
    const bad = (): AzureSettings => read({ account_name: name, account_key: key });
    assert.throws(bad, failsWith('config', /cannot be the name of a storage account/), name);
  }
  assert.throws(() => read({ account_key: key }), failsWith('config', /no storage account is named\n.*account_name/));
});

test('connection strings name the place', () => {
  const places: Record<string, readonly [boolean, string, string]> = {
    [`DefaultEndpointsProtocol=https;AccountName=teamdata;AccountKey=${key};EndpointSuffix=core.chinacloudapi.cn`]: [
      true,
      'teamdata.blob.core.chinacloudapi.cn',
      '',
    ],
    [`AccountName=teamdata;AccountKey=${key}`]: [true, 'teamdata.blob.core.windows.net', ''],
    [`accountname=x;accountkey=${key};BlobEndpoint=http://127.0.0.1:7/x/;`]: [false, '127.0.0.1:7', '/x'],
    'UseDevelopmentStorage=true': [false, '127.0.0.1:10000', '/devstoreaccount1'],
  };
  for (const [text, [secure, host, base]] of Object.entries(places)) {
    const settings = read({ connection_string: text });
    assert.deepEqual([settings.secure, settings.host, settings.base], [secure, host, base], text);
    assert.equal(settings.account.identity?.proof.kind, 'key');
  }
  const sas = { 'BlobEndpoint=https://x.example;SharedAccessSignature=?sv=1&sig=a%2Bb': 'sas' };
  const query = { 'BlobEndpoint=https://x.example/?sv=1&sig=a%2Bb': 'sas', 'BlobEndpoint=https://x.example': 'none' };
  for (const [text, kind] of Object.entries({ ...sas, ...query })) {
    const proof = read({ connection_string: text }).account.identity?.proof;
    assert.equal(proof?.kind, kind);
    if (proof?.kind === 'sas') assert.equal(proof.query, 'sv=1&sig=a%2Bb');
  }
  for (const bad of ['', 'x', 'AccountKey=abc', 'BlobEndpoint=ftp://x', 'BlobEndpoint=https://u:p@x']) {
    if (bad === '') assert.throws(() => read({ connection_string: bad }), failsWith('config', /no storage account/));
    else assert.throws(() => read({ connection_string: bad }), failsWith('config'), bad);
  }
});

test('the order of DVC: connection string, key, signature; option, environment, file', () => {
  const env = {
    AZURE_STORAGE_ACCOUNT: 'ambient',
    AZURE_STORAGE_KEY: Buffer.from('ambient').toString('base64'),
    AZURE_STORAGE_SAS_TOKEN: '?sv=1&sig=ambient',
  };
  const proofOf = (options: Options, context: Partial<StorageContext> = { env }): string => {
    const { host, account } = read(options, context);
    assert.ok(account.identity);
    const { proof, source } = account.identity;
    const shown = proof.kind === 'key' ? Buffer.from(proof.key).toString() : proof.kind === 'sas' ? proof.query : '';
    return `${host.split('.')[0]} ${proof.kind} ${shown} ${source}`;
  };
  assert.equal(proofOf({}), 'ambient key ambient the environment');
  assert.equal(proofOf({ account_name: 'named' }), 'named key ambient the environment');
  const ofOption = "the option 'account_key' of storage remote 'team'";
  assert.equal(proofOf({ account_name: 'named', account_key: key }), `named key secret ${ofOption}`);
  const sas = { account_name: 'named', sas_token: '?sv=1&sig=own' };
  assert.equal(
    proofOf(sas, { env: { ...env, AZURE_STORAGE_KEY: '' } }),
    "named sas sv=1&sig=own the option 'sas_token' of storage remote 'team'",
  );
  const connected = { connection_string: 'BlobEndpoint=https://other.example', account_key: key };
  assert.match(proofOf(connected), /^other none {2}nowhere/);
  writeFileSync(
    join(home, '.azure', 'config'),
    `[core]\naccount = wrong\n# [storage]\n[storage]\naccount = filed\nkey: ${key}\n; key = x\nbroken\n[other]\nkey = wrong\n`,
  );
  assert.equal(proofOf({}, { home }), "filed key secret the Azure CLI's file");
  assert.equal(proofOf({}, { home, env }), 'ambient key ambient the environment');
});

test('what cannot be sent is told without showing it', () => {
  const bad: readonly Options[] = [
    { account_key: 'no base64!' },
    { sas_token: 'nothing' },
    { sas_token: 'sv=1&sig=a b' },
  ];
  for (const options of [...bad, { sas_token: 'sig=a#b' }, { sas_token: 'sig=a\nHost: evil' }]) {
    assert.throws(
      () => read({ account_name: 'teamdata', ...options }),
      (error) => failsWith('config')(error) && !/base64!|sig=a/.test(`${String(error)}`),
    );
  }
});

test('a service principal goes before a key, and tokens come last', () => {
  const who = { account_name: 'teamdata', tenant_id: 'team.example', client_id: 'c' };
  const { principal, identity } = read({ ...who, client_secret: 's', account_key: key }).account;
  assert.deepEqual(
    [principal?.tenant, principal?.client, principal?.secret, identity],
    ['team.example', 'c', 's', undefined],
  );
  // Without the secret it is somebody else's.
  assert.equal(read({ ...who, account_key: key }).account.identity?.proof.kind, 'key');
  const missing = (): AzureSettings => read({ account_name: 'teamdata', client_id: 'c', client_secret: 's' });
  assert.throws(missing, failsWith('config', /go together and 'tenant_id' is missing/));
  const bad = (): AzureSettings => read({ ...who, tenant_id: 'evil/../x', client_secret: 's' });
  assert.throws(bad, failsWith('config', /cannot be a tenant/));
  const { account } = read({ account_name: 'teamdata', exclude_environment_credential: 'true' });
  assert.deepEqual(
    [account.identity, account.principal, [...account.excluded]],
    [undefined, undefined, ['environment']],
  );
});

test('nobody, when that is wanted', () => {
  const { identity } = read({ account_name: 'teamdata', allow_anonymous_login: 'True' }).account;
  assert.equal(identity?.proof.kind, 'none');
});

test('times are kept within reason', () => {
  const { connectMs, stallMs, timeout } = read({ account_name: 'teamdata', account_key: key });
  assert.deepEqual([connectMs, stallMs, timeout], [20_000, 60_000, undefined]);
  const own = { connection_timeout: '5', read_timeout: '0', timeout: '86400' };
  const settings = read({ account_name: 'teamdata', account_key: key, ...own });
  assert.deepEqual([settings.connectMs, settings.stallMs, settings.timeout], [5000, 1000, '600']);
});
