// In a process of its own: Microsoft's library looks once at what a machine has, and keeps its tokens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { contentOf, failsWith, operation, readAll } from '../conformance/storage.ts';
import { account } from '../kit/azurite.ts';
import { identityHeader } from '../kit/entra.ts';
import { type Microsoft, openAzureBy, startMicrosoft } from './azure-remote.ts';

let microsoft: Microsoft;
before(
  async () => {
    microsoft = await startMicrosoft();
  },
  { timeout: 90_000 },
);
after(() => microsoft?.close());

test('a machine of Azure gives out tokens, past every proxy; unless it is left out', { timeout: 60_000 }, async () => {
  const { entra, proxy, caFile } = microsoft;
  Object.assign(process.env, {
    IDENTITY_ENDPOINT: entra.machineUrl,
    IDENTITY_HEADER: identityHeader,
    PATH: '/nonexistent',
  });
  const behind = `http://127.0.0.1:${proxy.port}`;
  const env = { https_proxy: behind, http_proxy: behind, GIT_SSL_CAINFO: caFile };
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
