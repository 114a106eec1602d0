import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Content } from '../../src/model/operation.ts';
import type { Retry, Storage, StorageContext, UploadMemory } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type Azurite, account, connectionString, container, sharedAccess, startAzurite } from '../kit/azurite.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { freshUrl, openAzure, openAzureBy } from './azure-remote.ts';

let azurite: Azurite;
let proxy: FaultProxy;
before(
  async () => {
    azurite = await startAzurite();
    proxy = await openFaultProxy(azurite);
  },
  { timeout: 90_000 },
);
after(async () => {
  await proxy?.close();
  await azurite?.close();
});
beforeEach(() => {
  proxy.rules = [];
  proxy.seen.length = 0;
});

const mib = 1 << 20;
const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const retries: Retry[] = [];
const behindProxy = (): string => `http://127.0.0.1:${proxy.port}/${account}`;

/** Storage behind the proxy, which from now on obeys `rules`. */
async function within(
  rules: Rule[],
  work: (storage: Storage) => Promise<void>,
  options: Readonly<Record<string, string>> = {},
  context: Partial<StorageContext> & { readonly url?: string } = {},
): Promise<void> {
  retries.length = 0;
  proxy.rules = rules;
  const retry = { shortestMs: 1, firstMs: 2, longestMs: 10, onRetry: (each: Retry) => retries.push(each) };
  const storage = await openAzureBy(
    { connection_string: connectionString(behindProxy()), ...options },
    { retry, ...context },
  );
  try {
    await work(storage);
  } finally {
    proxy.rules = [];
    await storage.close();
  }
}

const refusing = (status: number, code: string, more: Readonly<Record<string, string>> = {}): Omit<Rule, 'match'> => ({
  status,
  headers: { 'x-ms-error-code': code, ...more },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no\nRequestId:1</Message></Error>`,
});
const busy: Rule = { match: /./, times: 3, ...refusing(503, 'ServerBusy', { 'retry-after': '0' }) };
const sent = (what: RegExp): number => proxy.seen.filter(({ method, url }) => what.test(`${method} ${url}`)).length;
const block = /PUT .*comp=block&|PUT .*comp=block$|PUT .*blockid=/;

test('503 three times, then well: every verb gets through, content is rewound', { timeout: 30_000 }, () =>
  within([], async (storage) => {
    proxy.rules = [{ ...busy }];
    await storage.write(key, contentOf('hello'), operation);
    assert.equal(retries.length, 3);
    assert.ok(retries.every((each) => each.throttled && each.error.code === 'unavailable'));
    proxy.rules = [{ ...busy }];
    assert.equal(String(await readAll(storage, key)), 'hello');
    proxy.rules = [{ ...busy }];
    assert.deepEqual(await storage.stat(key, operation), { key, size: 5 });
    proxy.rules = [{ ...busy }];
    assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 5 }]);
  }),
);

test('a service that asks for patience is given it; five tries and no more', { timeout: 30_000 }, async () => {
  await within(
    [{ match: /PUT/, times: 1, ...refusing(429, 'TooManyRequests', { 'retry-after': '1' }) }],
    async (storage) => {
      const since = Date.now();
      await storage.write(key, contentOf('x'), operation);
      assert.ok(Date.now() - since >= 1000, 'the wish to wait was not heeded');
    },
  );
  await within([{ match: /PUT/, ...refusing(503, 'ServerBusy') }], async (storage) => {
    proxy.seen.length = 0;
    const writing = storage.write(key, contentOf('x'), operation);
    await assert.rejects(writing, failsWith('unavailable', /ServerBusy: no \(tried 5 times/));
    assert.equal(sent(/PUT/), 5);
  });
});

test('a connection cut in the request, in the answer, and before it', { timeout: 60_000 }, async () => {
  const bytes = noise(3 * mib);
  await within([{ match: /PUT/, times: 2, dropRequestAfter: mib }], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: mib }];
    assert.ok(bytes.equals(await readAll(storage, key)));
    proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 0 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});

test('the cut of one range does not start the object again', { timeout: 60_000 }, () =>
  within([], async (storage) => {
    const bytes = noise(60 * mib);
    await storage.write(key, contentOf(bytes), operation);
    proxy.seen.length = 0;
    proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 3 * mib }];
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(sent(/GET/), 4 + 2, '60 MiB in ranges of 16 MiB, one of them three times');
    const first = proxy.seen.filter(({ headers }) => headers['x-ms-range'] === 'bytes=0-16777215');
    assert.equal(first.length, 1 + 2);
  }),
);

test('one block that fails, or arrives damaged, is sent again, alone', { timeout: 60_000 }, async () => {
  const bytes = noise(20 * mib);
  for (const fault of [{ dropRequestAfter: mib }, { corruptRequestAt: 4 * mib }]) {
    await within([{ match: block, times: 2, ...fault }], async (storage) => {
      proxy.seen.length = 0;
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

test('a block that fails for good leaves nothing to be seen', { timeout: 60_000 }, () =>
  within([{ match: block, ...refusing(500, 'InternalError') }], async (storage) => {
    const write = storage.write(key, contentOf(noise(30 * mib)), operation);
    await assert.rejects(write, failsWith('unavailable', /InternalError.*tried 5 times/));
    assert.equal(await storage.stat(key, operation), undefined);
    assert.deepEqual(await listAll(storage, ''), []);
    assert.equal(sent(/comp=blocklist/), 0);
    assert.ok(sent(block) <= 5 * 4, 'the whole object was tried again on top of its blocks');
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

test('a body shorter than the range it claims to be is not taken for the object', { timeout: 30_000 }, () =>
  within([], async (storage) => {
    await storage.write(key, contentOf(noise(100_000)), operation);
    proxy.rules = [{ match: /GET/, times: 2, truncateTo: 50_000 }];
    assert.equal((await readAll(storage, key)).length, 100_000);
    proxy.rules = [{ match: /GET/, truncateTo: 50_000 }];
    await assert.rejects(readAll(storage, key), failsWith('unavailable', /other bytes than were asked for/));
  }),
);

test('half a listing is not taken for a whole one', { timeout: 30_000 }, () =>
  within([], async (storage) => {
    await Promise.all(['a/1', 'a/2', 'a/3'].map((each) => storage.write(each, contentOf('x'), operation)));
    proxy.seen.length = 0;
    proxy.rules = [{ match: /comp=list/, times: 2, truncateTo: 900 }];
    assert.equal((await listAll(storage, '')).length, 3);
    assert.equal(retries.length, 2);
  }),
);

test('a body that stalls, and a service that never answers, are given up and tried again', { timeout: 60_000 }, () =>
  within(
    [],
    async (storage) => {
      await storage.write(key, contentOf(noise(100_000)), operation);
      proxy.rules = [{ match: /GET/, times: 1, stallResponseAfter: 1000 }];
      assert.equal((await readAll(storage, key)).length, 100_000);
      assert.match(retries[0]?.error.message ?? '', /no byte moved for 1 s/);
      proxy.rules = [{ match: /HEAD/, times: 1, hang: true }];
      assert.equal((await storage.stat(key, operation))?.size, 100_000);
      proxy.rules = [{ match: /PUT/, times: 1, hang: true }];
      await storage.write(key, contentOf(noise(20 * mib)), operation);
    },
    { read_timeout: '1' },
  ),
);

test('an object replaced while it is read is no mixture', { timeout: 60_000 }, () =>
  within([], async (storage) => {
    await storage.write(key, contentOf(noise(70 * mib)), operation);
    await assert.rejects(
      async () => {
        let replaced = false;
        for await (const _ of storage.read(key, operation)) {
          if (!replaced) await storage.write(key, contentOf(noise(70 * mib - 4).fill(9, 0, 99)), operation);
          replaced = true;
        }
      },
      failsWith('corrupt', /changed meanwhile/),
    );
  }),
);

test('an aborted read and write let go of their connections at once', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf('x'), operation);
    for (const [verb, size] of [
      ['GET', 1],
      ['PUT', 1],
      ['PUT', 20 * mib],
    ] as const) {
      proxy.rules = [{ match: new RegExp(verb), hang: true }];
      const stop = new AbortController();
      const to = { signal: stop.signal };
      const running = verb === 'GET' ? readAll(storage, key, to) : storage.write(key, contentOf(noise(size)), to);
      setTimeout(() => stop.abort(), 100);
      const since = Date.now();
      await assert.rejects(running, { name: 'AbortError' });
      assert.ok(Date.now() - since < 2000);
    }
  });
  for (let wait = 0; proxy.counts.inFlight > 0 && wait < 50; wait++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(proxy.counts.inFlight, 0);
});

test('a closed port, and a storage account that does not exist, say so', { timeout: 30_000 }, async () => {
  const free = await openFaultProxy({ port: 1 });
  await free.close();
  const closed = await openAzure(`http://127.0.0.1:${free.port}/${account}`);
  await assert.rejects(closed.stat(key, operation), failsWith('unavailable', /connection refused/));
  await closed.close();
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
  proxy.seen.length = 0;
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
  proxy.seen.length = 0;
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
          while (sent(block) < 2 || proxy.counts.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 10));
          // Somebody else commits his blocks, which drops those that wait.
          if (!interfered)
            await (await openAzure(azurite.endpoint, { url: here })).write(key, contentOf(noise(9 * mib)), operation);
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
  const staged = await azurite.request('PUT', `${blob}?comp=block&blockid=${id}`, {}, Buffer.from('foreign'));
  assert.equal(staged.status, 201);
  await within(
    [],
    async (storage) => {
      const bytes = noise(20 * mib);
      await storage.write(key, contentOf(bytes), operation);
      assert.ok(bytes.equals(await readAll(storage, key)));
      const broken: Content = { size: bytes.length, open: () => contentOf(bytes.subarray(0, 15 * mib)).open() };
      await azurite.request('PUT', `${blob}?comp=block&blockid=${id}`, {}, Buffer.from('foreign'));
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
  proxy.seen.length = 0;
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
