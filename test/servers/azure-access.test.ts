import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import {
  type Azurite,
  account,
  accountKey,
  connectionString,
  container,
  sharedAccess,
  startAzurite,
} from '../kit/azurite.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { freshUrl, openAzure, openAzureBy, using } from './azure-remote.ts';

let azurite: Azurite;
let proxy: FaultProxy;
let home: string;
before(
  async () => {
    azurite = await startAzurite();
    proxy = await openFaultProxy(azurite);
    home = mkdtempSync(join(tmpdir(), 'dvcexp-azure-'));
  },
  { timeout: 90_000 },
);
after(async () => {
  await proxy?.close();
  await azurite?.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  proxy.rules = [];
  proxy.seen.length = 0;
});

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const behindProxy = (): string => `http://127.0.0.1:${proxy.port}/${account}`;
const bySas = (query: string, endpoint: string = behindProxy()): Readonly<Record<string, string>> => ({
  connection_string: `BlobEndpoint=${endpoint};SharedAccessSignature=${query}`,
});

/** Every verb must fail alike: none may take a refusal for absence. */
async function refuses(storage: Storage, code: string, words: RegExp): Promise<void> {
  await assert.rejects(storage.write(key, contentOf('x'), operation), failsWith(code, words));
  await assert.rejects(storage.write(key, contentOf(noise(9 << 20)), operation), failsWith(code, words));
  await assert.rejects(readAll(storage, key), failsWith(code, words));
  await assert.rejects(storage.stat(key, operation), failsWith(code, words));
  await assert.rejects(listAll(storage, 'files/'), failsWith(code, words));
}

/** Writes one object, as the account's owner. */
const place = (url: string): Promise<void> =>
  using(openAzure(azurite.endpoint, { url }), (storage) => storage.write(key, contentOf('hello'), operation));

test('a wrong key', () =>
  using(
    openAzureBy({ connection_string: connectionString(behindProxy()).replace(accountKey, 'd3Jvbmc=') }),
    (storage) =>
      refuses(
        storage,
        'auth',
        /access denied \((?:AuthenticationFailed|AuthorizationFailure)[\s\S]*come from the connection string of the option 'connection_string' of storage remote 'store'\n.*--local store connection_string/,
      ),
  ));

test('an absent container is a mistake, not an absent object', () =>
  using(openAzure(azurite.endpoint, { url: 'azure://nowhere/store' }), (storage) =>
    refuses(storage, 'config', /there is no container 'nowhere'\n.*az storage container create --name nowhere/),
  ));

test('a signature that may read and list, and no more', async () => {
  const url = freshUrl();
  await place(url);
  await using(openAzureBy(bySas(sharedAccess('rl')), { url }), async (storage) => {
    assert.equal(String(await readAll(storage, key)), 'hello');
    assert.deepEqual(await storage.stat(key, operation), { key, size: 5 });
    assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 5 }]);
    for (const size of [1, 9 << 20]) {
      const words = /AuthorizationPermissionMismatch[\s\S]*it allows 'rl' and needs r, l and, to push, c and w/;
      await assert.rejects(storage.write(key, contentOf(noise(size)), operation), failsWith('auth', words));
    }
    assert.equal(String(await readAll(storage, key)), 'hello');
  });
  assert.ok(proxy.seen.every(({ headers, url: asked }) => headers.authorization === undefined && /sig=/.test(asked)));
});

test('a signature that may write is enough to push', () =>
  using(openAzureBy(bySas(`?${sharedAccess('rlcw')}`)), async (storage) => {
    for (const size of [1, 9 << 20]) {
      await storage.write(key, contentOf(noise(size)), operation);
      assert.equal((await storage.stat(key, operation))?.size, size);
    }
  }));

test('a signature that has expired says when', () =>
  using(openAzureBy(bySas(sharedAccess('rlcw', new Date('2024-05-06T07:08:09Z')))), (storage) =>
    refuses(storage, 'auth', /the shared access signature expired at 2024-05-06T07:08:09\.000Z\n.*come from/),
  ));

test('no signature is in a message', () =>
  using(openAzureBy(bySas(`${sharedAccess('rl')}tampered`)), async (storage) => {
    await assert.rejects(storage.stat(key, operation), (error) => {
      assert.ok(failsWith('auth')(error));
      return !/sig=|tampered/.test(`${String(error)}${JSON.stringify(error)}`);
    });
  }));

test('anonymous: nothing is proven, and a private container is no absent object', () =>
  using(openAzureBy({ connection_string: `BlobEndpoint=${behindProxy()}` }), async (storage) => {
    await refuses(storage, 'auth', /access denied[\s\S]*come from nowhere \(anonymous\)/);
    assert.ok(proxy.seen.every(({ headers, url }) => headers.authorization === undefined && !/sig=/.test(url)));
  }));

test('anonymous: what is public can be read', async () => {
  await azurite.request('PUT', '/public?restype=container', { 'x-ms-blob-public-access': 'container' });
  const url = `azure://public/${freshUrl().split('/').at(-1)}`;
  await place(url);
  await using(openAzureBy({ connection_string: `BlobEndpoint=${behindProxy()}` }, { url }), async (storage) => {
    assert.equal(String(await readAll(storage, key)), 'hello');
    assert.equal(await storage.stat('files/md5/00/none', operation), undefined);
    assert.equal((await listAll(storage, 'files/')).length, 1);
    await assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('auth', /anonymous/));
  });
});

test('the environment, and the file of the Azure CLI, name the connection and the container', async () => {
  const text = connectionString(azurite.endpoint);
  const ambient = { AZURE_STORAGE_CONNECTION_STRING: text, AZURE_STORAGE_CONTAINER_NAME: container };
  await using(openAzureBy({}, { url: 'azure://', env: ambient }), (storage) =>
    storage.write('test/environment', contentOf('x'), operation),
  );
  mkdirSync(join(home, '.azure'));
  writeFileSync(
    join(home, '.azure', 'config'),
    `[storage]\nconnection_string = ${text}\ncontainer_name=${container}\n`,
  );
  for (const where of [{ home }, { env: { AZURE_CONFIG_DIR: join(home, '.azure') } }]) {
    await using(openAzureBy({}, { url: 'azure://', ...where }), async (storage) => {
      assert.equal((await storage.stat('test/environment', operation))?.size, 1);
    });
  }
});

test('a clock that is wrong is corrected for', { timeout: 20_000 }, () =>
  using(openAzure(behindProxy()), async (storage) => {
    const late = new Date(Date.now() + 3_600_000).toUTCString();
    const old = { match: /./, status: 403, headers: { date: late, 'x-ms-error-code': 'AuthenticationFailed' } };
    proxy.rules = [{ ...old, times: 1 }];
    assert.equal(await storage.stat(key, operation), undefined);
    const [wrong, corrected] = proxy.seen.map(({ headers }) => Date.parse(String(headers['x-ms-date'])));
    assert.ok(Math.abs((corrected ?? 0) - (wrong ?? 0) - 3_600_000) < 5000);
    proxy.rules = [old];
    await assert.rejects(storage.stat(key, operation), failsWith('auth', /clock differs by 3\d{3} s/));
  }),
);

test('the time that the service may take is sent and signed', () =>
  using(openAzureBy({ connection_string: connectionString(behindProxy()), timeout: '7' }), async (storage) => {
    await storage.write(key, contentOf('x'), operation);
    assert.equal((await listAll(storage, '')).length, 1);
    assert.ok(proxy.seen.every(({ url }) => /[?&]timeout=7(?:&|$)/.test(url)));
  }));
