import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Retry, Storage, StorageContext } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { bucket } from '../kit/fake-gcs.ts';
import { openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { anonymous, freshUrl, openGs, openStage } from './gs-remote.ts';

const stage = openStage();

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const retries: Retry[] = [];

/** Storage behind the proxy, which from now on obeys `rules`. */
async function within(
  rules: Rule[],
  work: (storage: Storage) => Promise<void>,
  options: Record<string, string> = {},
  context: Partial<StorageContext> & { readonly url?: string } = {},
): Promise<void> {
  retries.length = 0;
  stage.proxy.rules = rules;
  const retry = { shortestMs: 1, firstMs: 2, longestMs: 10, onRetry: (each: Retry) => retries.push(each) };
  const storage = await openGs(
    `http://127.0.0.1:${stage.proxy.port}`,
    { ...anonymous, ...options },
    { retry, ...context },
  );
  try {
    await work(storage);
  } finally {
    stage.proxy.rules = [];
    await storage.close();
  }
}

const json = (code: number, reason: string): string =>
  JSON.stringify({ error: { code, message: `told ${reason}`, errors: [{ reason, message: `told ${reason}` }] } });
const requests = (method: string, part = ''): number =>
  stage.proxy.seen.filter((each) => each.method === method && each.url.includes(part)).length;

for (const [status, reason] of [
  [503, 'backendError'],
  [429, 'rateLimitExceeded'],
  [403, 'userRateLimitExceeded'],
] as const) {
  test(`${status} ${reason} three times, then well: every verb gets through, content is rewound`, {
    timeout: 30_000,
  }, async () => {
    const busy: Rule = { match: /./, status, times: 3, body: json(status, reason), headers: { 'retry-after': '0' } };
    await within([], async (storage) => {
      const verbs: readonly (() => Promise<void>)[] = [
        () => storage.write(key, contentOf('hello'), operation),
        async () => assert.equal(String(await readAll(storage, key)), 'hello'),
        async () => assert.deepEqual(await storage.stat(key, operation), { key, size: 5 }),
        async () => assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 5 }]),
      ];
      for (const verb of verbs) {
        retries.length = 0;
        stage.proxy.rules = [{ ...busy }];
        await verb();
        assert.equal(retries.length, 3);
        assert.ok(retries.every((each) => each.throttled && each.error.code === 'unavailable'));
      }
    });
  });
}

test('503 for ever: five tries and no more', { timeout: 30_000 }, async () => {
  const down = { match: /upload/, status: 503, body: json(503, 'backendError') };
  await within([down], async (storage) => {
    for (const size of [1, 20 << 20]) {
      stage.proxy.seen.length = 0;
      const write = storage.write(key, contentOf(noise(size)), operation);
      await assert.rejects(write, failsWith('unavailable', /told backendError.*tried 5 times/));
      assert.equal(requests('POST'), 5);
    }
  });
});

test('a connection cut in the request, in the answer, and before it', { timeout: 60_000 }, async () => {
  const bytes = noise(3 << 20);
  await within([{ match: /POST/, times: 2, dropRequestAfter: 1 << 20 }], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    stage.proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 1 << 20 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
    stage.proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 0 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});

test('the cut of one range does not start the object again', { timeout: 60_000 }, async () => {
  const bytes = noise(60 << 20);
  await within([], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    stage.proxy.seen.length = 0;
    stage.proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 3 << 20 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(requests('GET'), 4 + 2, '60 MiB in ranges of 16 MiB, two of them twice');
  });
});

test('bytes that were damaged on their way are refused, and sent again', { timeout: 60_000 }, async () => {
  for (const [size, damaged] of [
    [1000, { match: /POST/, times: 1, corruptRequestAt: 600 }],
    [40 << 20, { match: /PUT/, times: 1, corruptRequestAt: 600 }],
  ] as const) {
    stage.proxy.seen.length = 0;
    await within([damaged], async (storage) => {
      const bytes = noise(size);
      await storage.write(key, contentOf(bytes), operation);
      assert.ok(bytes.equals(await readAll(storage, key)));
      assert.equal(requests('POST'), 2);
      // Nothing wrong was ever visible.
      assert.ok(!stage.proxy.seen.some(({ method, url }) => method === 'DELETE' && url.startsWith('/storage/')));
    });
  }
});

test('a service that checks nothing is caught, and what it stored is removed', { timeout: 60_000 }, async () => {
  const straight = await openFaultProxy(stage.server);
  const url = freshUrl();
  const damaged: Rule = { match: /PUT/, corruptRequestAt: 600 };
  straight.rules = [damaged];
  const storage = await openGs(`http://127.0.0.1:${straight.port}`, anonymous, { url });
  try {
    const write = storage.write(key, contentOf(noise(9 << 20)), operation);
    await assert.rejects(write, failsWith('unavailable', /stored other bytes than were sent/));
    straight.rules = [];
    assert.equal(await storage.stat(key, operation), undefined);
    // fake-gcs-server takes a question about an upload for its end: half an object would stay.
    straight.rules = [{ match: /PUT/, times: 2, dropRequestAfter: 1 << 20 }];
    await storage.write(key, contentOf(noise(40 << 20)), operation);
    assert.ok(noise(40 << 20).equals(await readAll(storage, key)));
  } finally {
    await storage.close();
    await straight.close();
  }
});

test('a body shorter than the range it claims to be is not taken for the object', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf(noise(100_000)), operation);
    stage.proxy.rules = [{ match: /GET/, times: 2, truncateTo: 50_000 }];
    assert.equal((await readAll(storage, key)).length, 100_000);
    stage.proxy.rules = [{ match: /GET/, truncateTo: 50_000 }];
    await assert.rejects(readAll(storage, key), failsWith('unavailable', /other bytes than were asked for/));
  });
});

test('half a listing is none', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf('x'), operation);
    const page = '"kind": "storage#objects"';
    for (const body of [
      ...['', '[]', 'null', '{}', '<html>'],
      ...['"items": [{"name": "x"}]', '"items": {}', '"nextPageToken": 1'].map((more) => `{${page}, ${more}}`),
    ]) {
      stage.proxy.rules = [{ match: /GET/, status: 200, body, times: 1 }];
      assert.equal((await listAll(storage, 'files/')).length, 1, body);
      assert.match(retries.pop()?.error.message ?? '', /the answer is no listing/);
    }
  });
});

test('a body that stalls, and a service that never answers, are given up and tried again', {
  timeout: 60_000,
}, async () => {
  await within(
    [],
    async (storage) => {
      await storage.write(key, contentOf(noise(100_000)), operation);
      stage.proxy.rules = [{ match: /GET/, times: 1, stallResponseAfter: 1000 }];
      assert.equal((await readAll(storage, key)).length, 100_000);
      assert.match(retries[0]?.error.message ?? '', /no byte moved for 1 s/);
      stage.proxy.rules = [{ match: /GET/, times: 1, hang: true }];
      assert.equal((await storage.stat(key, operation))?.size, 100_000);
    },
    { read_timeout: '1' },
  );
});

test('an object replaced while it is read is no mixture', { timeout: 60_000 }, async () => {
  const replace = async (storage: Storage): Promise<void> => {
    await storage.write(key, contentOf(noise(70 << 20)), operation);
    await assert.rejects(
      async () => {
        let replaced = false;
        for await (const _ of storage.read(key, operation)) {
          if (!replaced) await storage.write(key, contentOf(noise((70 << 20) - 4).fill(9, 0, 99)), operation);
          replaced = true;
        }
      },
      failsWith('corrupt', /changed meanwhile/),
    );
  };
  await within([], replace);
  assert.ok(requests('GET', 'ifGenerationMatch') > 2);
  const careless = await openGs(stage.server.endpoint);
  await replace(careless);
  await careless.close();
});

test('an aborted read and write let go of their connections at once', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf('x'), operation);
    for (const verb of ['GET', 'POST', 'PUT']) {
      stage.proxy.rules = [{ match: new RegExp(verb), hang: true }];
      const stop = new AbortController();
      const to = { signal: stop.signal };
      const size = verb === 'PUT' ? 20 << 20 : 1;
      const running = verb === 'GET' ? readAll(storage, key, to) : storage.write(key, contentOf(noise(size)), to);
      setTimeout(() => stop.abort(), 200);
      const since = Date.now();
      await assert.rejects(running, { name: 'AbortError' });
      assert.ok(Date.now() - since < 2000);
    }
  });
  for (let wait = 0; stage.proxy.counts.inFlight > 0 && wait < 50; wait++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(stage.proxy.counts.inFlight, 0);
});

test('a closed port, and one that speaks something else, say so', { timeout: 30_000 }, async () => {
  const free = await openFaultProxy({ port: 1 });
  await free.close();
  const closed = await openGs(`http://127.0.0.1:${free.port}`);
  await assert.rejects(closed.stat(key, operation), failsWith('unavailable', /connection refused/));
  await closed.close();
  const plain = await openGs(stage.server.endpoint.replace('http:', 'https:'));
  await assert.rejects(plain.stat(key, operation), failsWith('config', /does not speak TLS[\s\S]*endpointurl http/));
  await plain.close();
});

test('a bucket that is not there is a mistake, not an absent object', { timeout: 30_000 }, async () => {
  await within(
    [],
    async (storage) => {
      const broken = failsWith('config', /there is no bucket 'no-such-bucket'/);
      await assert.rejects(readAll(storage, key), broken);
      await assert.rejects(storage.stat(key, operation), broken);
      await assert.rejects(listAll(storage, 'files/'), broken);
      for (const size of [1, 20 << 20])
        await assert.rejects(storage.write(key, contentOf(noise(size)), operation), broken);
    },
    {},
    { url: 'gs://no-such-bucket/store' },
  );
  await within([], async (storage) => {
    assert.equal(await storage.stat(key, operation), undefined);
    assert.equal(await storage.stat(key, operation), undefined);
    assert.equal(requests('GET', `b/${bucket}/o?`), 1, 'the bucket was looked for more than once');
  });
});
