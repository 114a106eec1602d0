import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Content } from '../../src/model/operation.ts';
import type { UploadMemory } from '../../src/storage/remote.ts';
import { key, mib, openFaultGround, testFaults } from '../conformance/faults.ts';
import { contentOf, failsWith, noise, operation, readAll } from '../conformance/storage.ts';
import { account, connectionString, container, sharedAccess, startAzurite } from '../kit/azurite.ts';
import { behindFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { freshUrl, openAzure, openAzureBy } from './azure-remote.ts';

const ground = openFaultGround({
  start: () => behindFaultProxy(startAzurite()),
  open: (port, options, extras) => openAzureBy({ connection_string: connectionString(at(port)), ...options }, extras),
});
const { within, sent, retries } = ground;

const at = (port: number): string => `http://127.0.0.1:${port}/${account}`;
const behindProxy = (): string => at(ground.service.proxy.port);
const refusing = (status: number, code: string, more: Readonly<Record<string, string>> = {}): Omit<Rule, 'match'> => ({
  status,
  headers: { 'x-ms-error-code': code, ...more },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no\nRequestId:1</Message></Error>`,
});
const block = /PUT .*comp=block&|PUT .*comp=block$|PUT .*blockid=/;

testFaults(ground, {
  busy: [
    [503, 'ServerBusy'],
    [429, 'TooManyRequests'],
  ],
  full: [
    [409, 'AccountQuotaExceeded'],
    [403, 'StorageAccountQuotaExceeded'],
    [507, 'InsufficientStorage'],
  ],
  fullHint: /make room in the storage account of 'store'/,
  refusing,
  whole: /PUT/,
  piece: block,
  listing: /GET .*comp=list&/,
  published: /comp=blocklist/,
  nowhere: { url: 'azure://no-such-container/store', says: /there is no container 'no-such-container'/ },
});

test('one block that fails, or arrives damaged, is sent again, alone', { timeout: 60_000 }, async () => {
  const bytes = noise(20 * mib);
  for (const fault of [{ dropRequestAfter: mib }, { corruptRequestAt: 4 * mib }]) {
    await within([{ match: block, times: 2, ...fault }], async (storage) => {
      ground.service.proxy.seen.length = 0;
      await storage.write(key, contentOf(bytes), operation);
      assert.equal(sent(block), 3 + 2, '20 MiB in blocks of 8 MiB, two sent twice or one three times');
      assert.ok(bytes.equals(await readAll(storage, key)));
    });
  }
});

test('a small object that arrives damaged is not stored', { timeout: 30_000 }, () =>
  within([{ match: /PUT/, times: 2, corruptRequestAt: 70_000 }], async (storage) => {
    const bytes = noise(100_000);
    await storage.write(key, contentOf(bytes), operation);
    assert.deepEqual(
      retries.map(({ error }) => /MD5/i.test(error.message)),
      [true, true],
    );
    assert.ok(bytes.equals(await readAll(storage, key)));
  }),
);

test('a lost answer to the list of blocks is no failure', { timeout: 60_000 }, () =>
  within([{ match: /comp=blocklist/, times: 1, dropResponseAfter: 0 }], async (storage) => {
    const bytes = noise(20 * mib);
    await storage.write(key, contentOf(bytes), operation);
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(sent(block), 3, 'the object was sent twice');
    assert.equal(sent(/comp=blocklist/), 2);
  }),
);

test('a storage account that does not exist is told', { timeout: 30_000 }, async () => {
  // A name that resolves nowhere, asked of nobody outside.
  const nowhere = await openAzureBy(
    { connection_string: 'BlobEndpoint=https://team.invalid' },
    { retry: { tries: 1 } },
  );
  const words =
    /name of the host cannot be resolved[\s\S]*'https:\/\/team\.invalid', and is that the storage account of 'store'/;
  await assert.rejects(nowhere.stat(key, operation), failsWith('unavailable', words));
  await nowhere.close();
});

/** Kept from one storage to the next, as a clone does. */
function openMemory(): UploadMemory & { readonly notes: Map<string, string> } {
  const notes = new Map<string, string>();
  return {
    notes,
    recall: (each) => notes.get(each),
    note: (each, text) => void notes.set(each, text),
    forget: (each) => void notes.delete(each),
    expired: () => [],
  };
}

test('an upload that broke off goes on with the blocks that are there', { timeout: 60_000 }, async () => {
  const [url, uploads, bytes] = [freshUrl(), openMemory(), noise(50 * mib)];
  const sixth = encodeURIComponent(Buffer.from('dvcexp-00000006').toString('base64').slice(0, 20));
  // Late, so that those sent beside it have arrived.
  const broken = { match: new RegExp(`blockid=${sixth}`), delayMs: 1000, ...refusing(500, 'InternalError') };
  await within(
    [broken],
    async (storage) => {
      await assert.rejects(storage.write(key, contentOf(bytes), operation), failsWith('unavailable'));
      assert.equal(uploads.notes.size, 1);
      assert.equal(await storage.stat(key, operation), undefined);
    },
    {},
    { url, uploads },
  );
  ground.service.proxy.seen.length = 0;
  const moved: number[] = [];
  await within(
    [],
    async (storage) => {
      await storage.write(key, contentOf(bytes), { ...operation, moved: (count) => moved.push(count) });
      assert.ok(bytes.equals(await readAll(storage, key)));
    },
    {},
    { url, uploads },
  );
  assert.ok(sent(block) >= 1 && sent(block) <= 4, `${sent(block)} of 7 blocks sent again`);
  assert.equal(
    moved.reduce((all, count) => all + count, 0),
    bytes.length,
  );
  assert.equal(uploads.notes.size, 0);
});

test('blocks of other content than it is now are not taken', { timeout: 60_000 }, async () => {
  const [url, uploads, bytes] = [freshUrl(), openMemory(), noise(30 * mib)];
  const list = { match: /PUT .*comp=blocklist/, ...refusing(500, 'InternalError') };
  await within(
    [list],
    (storage) => assert.rejects(storage.write(key, contentOf(bytes), operation)),
    {},
    { url, uploads },
  );
  const other = Buffer.from(bytes).fill(7, 9 * mib, 9 * mib + 1);
  ground.service.proxy.seen.length = 0;
  await within(
    [],
    async (storage) => {
      await storage.write(key, contentOf(other), operation);
      assert.ok(other.equals(await readAll(storage, key)));
    },
    {},
    { url, uploads },
  );
  assert.equal(sent(block), 1);
});

test('content that turns out to be wrong is not gone on with, and an abort is', { timeout: 60_000 }, async () => {
  const [url, uploads, bytes] = [freshUrl(), openMemory(), noise(30 * mib)];
  await within(
    [],
    async (storage) => {
      const wrong: Content = { size: bytes.length, open: () => contentOf(bytes.subarray(0, 20 * mib)).open() };
      await assert.rejects(storage.write(key, wrong, operation), failsWith('corrupt', /announced/));
      assert.equal(uploads.notes.size, 0);
      const stop = new AbortController();
      const halting: Content = {
        size: bytes.length,
        async *open() {
          yield bytes.subarray(0, 20 * mib);
          stop.abort();
          yield bytes.subarray(20 * mib);
        },
      };
      await assert.rejects(storage.write(key, halting, { signal: stop.signal }), { name: 'AbortError' });
      assert.equal(uploads.notes.size, 1);
    },
    {},
    { url, uploads },
  );
});

test('two writers of one blob: the same content twice, and different content', { timeout: 120_000 }, async () => {
  const url = freshUrl();
  const [one, other] = [noise(40 * mib), noise(40 * mib).fill(3, 0, 20 * mib)];
  await within(
    [{ match: /PUT/, delayMs: 50 }],
    async (first) => {
      const second = await openAzure(behindProxy(), { url });
      try {
        await Promise.all([first, second].map((each) => each.write(key, contentOf(one), operation)));
        assert.ok(one.equals(await readAll(first, key)));
        await Promise.all([
          first.write(key, contentOf(one), operation),
          second.write(key, contentOf(other), operation),
        ]);
        const stored = await readAll(second, key);
        assert.ok(one.equals(stored) || other.equals(stored), 'a mixture of both');
      } finally {
        await second.close();
      }
    },
    {},
    { url },
  );
});

test('a list whose blocks another writer has thrown away is sent again, with its blocks', { timeout: 60_000 }, () =>
  within(
    [],
    async (storage) => {
      const bytes = noise(20 * mib);
      let interfered = false;
      const content: Content = {
        size: bytes.length,
        async *open() {
          yield bytes.subarray(0, 18 * mib);
          while (sent(block) < 2 || ground.service.proxy.counts.inFlight > 0)
            await new Promise((resolve) => setTimeout(resolve, 10));
          // Somebody else commits his blocks, which drops those that wait.
          if (!interfered)
            await (await openAzure(ground.service.server.endpoint, { url: here })).write(
              key,
              contentOf(noise(9 * mib)),
              operation,
            );
          interfered = true;
          yield bytes.subarray(18 * mib);
        },
      };
      await storage.write(key, content, operation);
      assert.match(retries.map(({ error }) => error.message).join('\n'), /somebody else wrote .*InvalidBlockList/);
      assert.ok(bytes.equals(await readAll(storage, key)));
    },
    {},
    { url: here },
  ),
);
const here = freshUrl();

test('blocks of another program, with names of another length, are no obstacle', { timeout: 60_000 }, async () => {
  const url = freshUrl();
  const blob = `/${container}/${url.split('/').at(-1)}/${key}`;
  const id = encodeURIComponent(Buffer.from('0001').toString('base64'));
  const staged = await ground.service.server.request(
    'PUT',
    `${blob}?comp=block&blockid=${id}`,
    {},
    Buffer.from('foreign'),
  );
  assert.equal(staged.status, 201);
  await within(
    [],
    async (storage) => {
      const bytes = noise(20 * mib);
      await storage.write(key, contentOf(bytes), operation);
      assert.ok(bytes.equals(await readAll(storage, key)));
      const broken: Content = { size: bytes.length, open: () => contentOf(bytes.subarray(0, 15 * mib)).open() };
      await ground.service.server.request('PUT', `${blob}?comp=block&blockid=${id}`, {}, Buffer.from('foreign'));
      await assert.rejects(storage.write(key, broken, operation), failsWith('corrupt', /announced/));
      assert.ok(bytes.equals(await readAll(storage, key)));
    },
    {},
    { url },
  );
});

test('a signature that expires in the middle: nothing is published, and the next push goes on', {
  timeout: 60_000,
}, async () => {
  const [url, uploads, bytes] = [freshUrl(), openMemory(), noise(50 * mib)];
  const expiring = new Date(Date.now() + 2000);
  const by = (query: string): Readonly<Record<string, string>> => ({
    connection_string: `BlobEndpoint=${behindProxy()};SharedAccessSignature=${query}`,
  });
  await within(
    [],
    async (storage) => {
      const slow: Content = {
        size: bytes.length,
        async *open() {
          yield bytes.subarray(0, 30 * mib);
          await new Promise((resolve) => setTimeout(resolve, 3200));
          yield bytes.subarray(30 * mib);
        },
      };
      const words = /the shared access signature expired at/;
      await assert.rejects(storage.write(key, slow, operation), failsWith('auth', words));
    },
    by(sharedAccess('rlcw', expiring)),
    { url, uploads },
  );
  ground.service.proxy.seen.length = 0;
  await within(
    [],
    async (storage) => {
      assert.equal(await storage.stat(key, operation), undefined);
      await storage.write(key, contentOf(bytes), operation);
      assert.ok(bytes.equals(await readAll(storage, key)));
    },
    by(sharedAccess('rlcw')),
    { url, uploads },
  );
  assert.ok(sent(block) <= 4, `${sent(block)} of 7 blocks sent again`);
});
