// Access tokens of Microsoft Entra ID, and the account by its own name over TLS: Azurite and the authority stand in for
// Microsoft's hosts, behind a forward proxy that leads there whatever is asked for.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Content } from '../../src/model/operation.ts';
import type { Storage, StorageContext } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { account, accountHost, accountKey, sharedAccess } from '../kit/azurite.ts';
import { client, clientSecret, type Entra, federated, makeToken, tenant } from '../kit/entra.ts';
import type { FaultProxy } from '../kit/fault-proxy.ts';
import { type Microsoft, openAzureBy, startMicrosoft, using } from './azure-remote.ts';

let microsoft: Microsoft;
let entra: Entra;
let proxy: FaultProxy;
let folder: string;
before(
  async () => {
    microsoft = await startMicrosoft();
    ({ entra, proxy } = microsoft);
    folder = mkdtempSync(join(tmpdir(), 'dvcexp-entra-'));
  },
  { timeout: 90_000 },
);
after(async () => {
  await microsoft?.close();
  rmSync(folder, { recursive: true, force: true });
});

// The library looks at the process itself for what a machine of Azure has, and for programs.
const kept = { ...process.env };
beforeEach(() => {
  Object.assign(entra, { lifetimes: [], refusals: 0 });
  entra.asked.length = 0;
  proxy.seen.length = 0;
  // Nobody outside this machine is asked: a closed port stands in for what a cloud has beside its machines.
  process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = 'http://127.0.0.1:1';
  process.env.PATH = join(folder, 'empty');
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
  Object.assign(process.env, kept);
});

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const principal = { tenant_id: tenant, client_id: client, client_secret: clientSecret };

type Env = Readonly<Record<string, string>>;

function open(options: Env, env: Env = {}, more: Partial<StorageContext> = {}): Promise<Storage> {
  const here = {
    https_proxy: `http://127.0.0.1:${proxy.port}`,
    no_proxy: '127.0.0.1',
    GIT_SSL_CAINFO: microsoft.caFile,
    AZURE_AUTHORITY_HOST: entra.url,
  };
  return openAzureBy({ account_name: account, ...options }, { env: { ...here, ...env }, ...more });
}

/** Every verb. */
async function works(storage: Storage): Promise<void> {
  const bytes = noise(9 << 20);
  await storage.write(key, contentOf(bytes), operation);
  assert.equal((await storage.stat(key, operation))?.size, bytes.length);
  assert.equal((await listAll(storage, 'files/')).length, 1);
  assert.ok(bytes.equals(await readAll(storage, key)));
}

test('the account by its own name, over TLS: with its key, with a signature', async () => {
  await using(open({ account_key: accountKey }), works);
  await using(open({ sas_token: sharedAccess('rlcw') }), works);
  assert.ok(proxy.seen.every(({ method, url }) => method === 'CONNECT' && url === `${accountHost}:443`));
  assert.ok(proxy.seen.length > 0);
  assert.deepEqual(entra.asked, []);
});

test('a certificate that nobody vouches for is not spoken to', () =>
  using(open({ account_key: accountKey }, { GIT_SSL_CAINFO: '' }), async (storage) => {
    const words = /cannot trust the server[\s\S]*http\.sslCAInfo/;
    await assert.rejects(storage.stat(key, operation), failsWith('config', words));
    await assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('config', words));
  }));

test('the service principal of the options, asked once', async () => {
  await using(open(principal), works);
  assert.deepEqual(entra.asked, ['secret https://storage.azure.com/.default']);
});

test('a secret that is wrong is told in one line, and not shown', () =>
  using(open({ ...principal, client_secret: 'wrong~secret' }), async (storage) => {
    await assert.rejects(storage.stat(key, operation), (error) => {
      const words =
        /no access token for the service principal of storage remote 'store': AADSTS7000215: Invalid client secret provided\n.*'client_secret' of 'store'/;
      return failsWith('auth', words)(error) && !String(error).includes('wrong~secret');
    });
    assert.equal(entra.asked.length, 1);
  }));

test('an authority that is busy is asked again; one that is away says so', async () => {
  entra.refusals = 2;
  await using(open(principal), works);
  assert.equal(entra.asked.length, 3);
  await using(open(principal, { AZURE_AUTHORITY_HOST: 'https://127.0.0.1:1' }), async (storage) => {
    const words = /cannot get an access token from 'https:\/\/127\.0\.0\.1:1': connection refused \(tried 5 times/;
    await assert.rejects(storage.stat(key, operation), failsWith('unavailable', words));
  });
});

test('a token that ends in the middle of a transfer is renewed', { timeout: 60_000 }, async () => {
  entra.lifetimes = [1];
  await using(open(principal), async (storage) => {
    const bytes = noise(30 << 20);
    const slow: Content = {
      size: bytes.length,
      async *open() {
        yield bytes.subarray(0, 10 << 20);
        await new Promise((resolve) => setTimeout(resolve, 2500));
        yield bytes.subarray(10 << 20);
      },
    };
    await storage.write(key, slow, operation);
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
  assert.equal(entra.asked.length, 2);
});

test('a service that takes no token at all is asked twice and no more', async () => {
  entra.lifetimes = [-1, -1];
  await using(open(principal), async (storage) => {
    const words = /AuthenticationFailed[\s\S]*come from the service principal of storage remote 'store'/;
    await assert.rejects(storage.stat(key, operation), failsWith('auth', words));
  });
  assert.equal(entra.asked.length, 2);
});

test('the environment: a secret, and the assertion of a workload', async () => {
  const who = { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client };
  await using(open({}, { ...who, AZURE_CLIENT_SECRET: clientSecret }), works);
  const file = join(folder, 'assertion');
  writeFileSync(file, federated);
  await using(open({}, { ...who, AZURE_FEDERATED_TOKEN_FILE: file }), works);
  assert.deepEqual(
    entra.asked.map((each) => each.split(' ')[0]),
    ['secret', 'assertion'],
  );
});

test('whoever is signed in with the Azure CLI', { timeout: 60_000 }, async () => {
  const program = join(folder, 'az');
  const answer = { accessToken: makeToken(3600), expires_on: Math.floor(Date.now() / 1000) + 3600 };
  writeFileSync(program, `#!/bin/sh\necho "$*" >>'${folder}/asked'\necho '${JSON.stringify(answer)}'\n`);
  chmodSync(program, 0o755);
  process.env.PATH = [folder, kept.PATH].join(delimiter);
  await using(open({}), works);
  rmSync(program);
});

test('nobody who could give out a token: what to type, and nothing is asked of the service', {
  timeout: 60_000,
}, async () => {
  await using(open({}), async (storage) => {
    const words =
      /no credentials for storage remote 'store' \(azure:\/\/data\/[\s\S]*az login[\s\S]*AZURE_STORAGE_KEY[\s\S]*allow_anonymous_login/;
    await assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('auth', words));
  });
  assert.deepEqual(proxy.seen, []);
});
