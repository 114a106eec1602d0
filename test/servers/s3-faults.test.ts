import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Retry, Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { bucket, startWeed, type Weed } from '../kit/weed.ts';
import { adminKeys, freshUrl, openS3 } from './s3-remote.ts';

let weed: Weed;
let proxy: FaultProxy;
before(
  async () => {
    weed = await startWeed();
    proxy = await openFaultProxy(weed);
  },
  { timeout: 90_000 },
);
after(async () => {
  await proxy.close();
  await weed.close();
});
beforeEach(() => {
  proxy.rules = [];
  proxy.seen.length = 0;
});

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const retries: Retry[] = [];

/** Storage behind the proxy, which from now on obeys `rules`. */
async function within(
  rules: Rule[],
  work: (storage: Storage) => Promise<void>,
  options: Record<string, string> = {},
  url: string = freshUrl(),
): Promise<void> {
  retries.length = 0;
  proxy.rules = rules;
  const retry = { shortestMs: 1, firstMs: 2, longestMs: 10, onRetry: (each: Retry) => retries.push(each) };
  const storage = await openS3(`http://127.0.0.1:${proxy.port}`, { ...adminKeys, ...options }, { url, retry });
  try {
    await work(storage);
  } finally {
    proxy.rules = [];
    await storage.close();
  }
}

const xml = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
const slow: Rule = { match: /./, status: 503, times: 3, body: xml('SlowDown'), headers: { 'retry-after': '0' } };
const requests = (method: string): number => proxy.seen.filter((each) => each.method === method).length;

test('503 three times, then well: every verb gets through, content is rewound', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    proxy.rules = [{ ...slow }];
    await storage.write(key, contentOf('hello'), operation);
    assert.equal(retries.length, 3);
    assert.ok(retries.every((each) => each.throttled && each.error.code === 'unavailable'));
    proxy.rules = [{ ...slow }];
    assert.equal(String(await readAll(storage, key)), 'hello');
    proxy.rules = [{ ...slow }];
    assert.deepEqual(await storage.stat(key, operation), { key, size: 5 });
    proxy.rules = [{ ...slow }];
    assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 5 }]);
  });
});

test('503 for ever: five tries and no more', { timeout: 30_000 }, async () => {
  await within([{ match: /PUT/, status: 503, body: xml('SlowDown') }], async (storage) => {
    await assert.rejects(
      storage.write(key, contentOf('x'), operation),
      failsWith('unavailable', /SlowDown.*tried 5 times/),
    );
    assert.equal(requests('PUT'), 5);
  });
});

test('a connection cut in the request, in the answer, and before it', { timeout: 60_000 }, async () => {
  const bytes = noise(3 << 20);
  await within([{ match: /PUT/, times: 2, dropRequestAfter: 1 << 20 }], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 1 << 20 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
    proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 0 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});

test('the cut of one range does not start the object again', { timeout: 60_000 }, async () => {
  const bytes = noise(60 << 20);
  await within([], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    proxy.seen.length = 0;
    proxy.rules = [{ match: /GET/, times: 2, dropResponseAfter: 3 << 20 }];
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(requests('GET'), 4 + 2, '60 MiB in ranges of 16 MiB, one of them three times');
    assert.equal(proxy.seen.filter((each) => each.headers.range === 'bytes=0-16777215').length, 2 + 1);
  });
});

test('one part that fails is sent again, alone', { timeout: 60_000 }, async () => {
  const bytes = noise(40 << 20);
  await within([{ match: /partNumber=2/, times: 2, dropRequestAfter: 1 << 20 }], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    assert.equal(requests('PUT'), 5 + 2, '40 MiB in parts of 8 MiB, one of them three times');
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});

test('a part that fails for good takes the whole upload back', { timeout: 60_000 }, async () => {
  const url = freshUrl();
  const broken = { match: /partNumber=2/, status: 500, body: xml('InternalError') };
  await within(
    [broken],
    async (storage) => {
      const write = storage.write(key, contentOf(noise(70 << 20)), operation);
      await assert.rejects(write, failsWith('unavailable', /InternalError.*tried 5 times/));
      assert.equal(await storage.stat(key, operation), undefined);
      assert.equal(requests('POST'), 1, 'the whole object was tried again on top of its part');
    },
    {},
    url,
  );
  assert.equal(requests('DELETE'), 1);
  const uploads = await weed.request('GET', `/${bucket}`, 'uploads=');
  assert.ok(!uploads.text.includes(url.slice(`s3://${bucket}/`.length)), uploads.text);
});

test('a lost answer to the joining of parts is no failure', { timeout: 60_000 }, async () => {
  const bytes = noise(20 << 20);
  const lost: Rule = { match: /POST .*uploadId/, times: 1, dropResponseAfter: 0 };
  // What Amazon says to the second try; SeaweedFS would simply agree again.
  const gone: Rule = { match: /POST .*uploadId/, times: 1, status: 404, body: xml('NoSuchUpload') };
  await within([lost, gone], async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(proxy.seen.filter((each) => each.url.endsWith('?uploads=')).length, 1, 'the object was sent twice');
  });
  // Without an object to show for it, it is one.
  await within([{ ...gone }], async (storage) => {
    proxy.rules = [{ ...gone, times: 99 }];
    await assert.rejects(storage.write(key, contentOf(bytes), operation), failsWith('unavailable', /NoSuchUpload/));
  });
});

test('an error that comes with status 200 is still an error', { timeout: 60_000 }, async () => {
  await within([{ match: /POST .*uploadId/, times: 1, status: 200, body: xml('InternalError') }], async (storage) => {
    const bytes = noise(20 << 20);
    await storage.write(key, contentOf(bytes), operation);
    assert.equal(retries.length, 1);
    assert.ok(bytes.equals(await readAll(storage, key)));
  });
});

test('a body shorter than the range it claims to be is not taken for the object', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf(noise(100_000)), operation);
    proxy.rules = [{ match: /GET/, times: 2, truncateTo: 50_000 }];
    assert.equal((await readAll(storage, key)).length, 100_000);
    assert.equal(retries.length + requests('GET'), 5);
    proxy.rules = [{ match: /GET/, truncateTo: 50_000 }];
    await assert.rejects(readAll(storage, key), failsWith('unavailable', /other bytes than were asked for/));
  });
});

test('a body that stalls, and a service that never answers, are given up and tried again', {
  timeout: 60_000,
}, async () => {
  await within(
    [],
    async (storage) => {
      await storage.write(key, contentOf(noise(100_000)), operation);
      proxy.rules = [{ match: /GET/, times: 1, stallResponseAfter: 1000 }];
      assert.equal((await readAll(storage, key)).length, 100_000);
      assert.match(retries[0]?.error.message ?? '', /no byte moved for 1 s/);
      proxy.rules = [{ match: /HEAD/, times: 1, hang: true }];
      assert.equal((await storage.stat(key, operation))?.size, 100_000);
    },
    { read_timeout: '1' },
  );
});

test('an object replaced while it is read is no mixture', { timeout: 60_000 }, async () => {
  await within([], async (storage) => {
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
  });
});

test('an aborted read and write let go of their connections at once', { timeout: 30_000 }, async () => {
  await within([], async (storage) => {
    await storage.write(key, contentOf('x'), operation);
    for (const verb of ['GET', 'PUT']) {
      proxy.rules = [{ match: new RegExp(verb), hang: true }];
      const stop = new AbortController();
      const to = { signal: stop.signal };
      const running = verb === 'GET' ? readAll(storage, key, to) : storage.write(key, contentOf('y'), to);
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

test('a closed port says so', { timeout: 30_000 }, async () => {
  const free = await openFaultProxy({ port: 1 });
  await free.close();
  const storage = await openS3(`http://127.0.0.1:${free.port}`);
  await assert.rejects(storage.stat(key, operation), failsWith('unavailable', /connection refused/));
  await storage.close();
});
