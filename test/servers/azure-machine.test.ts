// In a process of its own: Microsoft's library looks once at what a machine has, and keeps its tokens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { contentOf, failsWith, operation, readAll } from '../conformance/storage.ts';
import { type Azurite, account, startAzurite } from '../kit/azurite.ts';
import { type Entra, identityHeader, startEntra } from '../kit/entra.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { openAzureBy } from './azure-remote.ts';

let azurite: Azurite;
let entra: Entra;
let proxy: FaultProxy;
before(
  async () => {
    azurite = await startAzurite({ tls: true });
    assert.ok(azurite.certificate);
    entra = await startEntra(azurite.certificate);
    proxy = await openFaultProxy(azurite);
  },
  { timeout: 90_000 },
);
after(async () => {
  await proxy?.close();
  await entra?.close();
  await azurite?.close();
});

test('a machine of Azure gives out tokens, past every proxy; unless it is left out', { timeout: 60_000 }, async () => {
  Object.assign(process.env, {
    IDENTITY_ENDPOINT: entra.machineUrl,
    IDENTITY_HEADER: identityHeader,
    PATH: '/nonexistent',
  });
  const behind = `http://127.0.0.1:${proxy.port}`;
  const env = { https_proxy: behind, http_proxy: behind, GIT_SSL_CAINFO: azurite.certificate?.ca ?? '' };
  const storage = await openAzureBy({ account_name: account }, { env });
  await storage.write('a/b', contentOf('hello'), operation);
  assert.equal(String(await readAll(storage, 'a/b')), 'hello');
  await storage.close();
  assert.deepEqual(entra.asked, ['managed https://storage.azure.com']);
  assert.ok(proxy.seen.every(({ method }) => method === 'CONNECT'));

  const other = await openAzureBy({ account_name: account, exclude_managed_identity_credential: 'true' }, { env });
  await assert.rejects(other.stat('a/b', operation), failsWith('auth', /no credentials/));
  await other.close();
  assert.equal(entra.asked.length, 1);
});
