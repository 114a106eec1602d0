import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HelperError } from '../../../src/model/error.ts';
import { type Budget, openBudget } from '../../../src/storage/parts/budget.ts';
import { downloadObject, type RangeCall, rangeBytes } from '../../../src/storage/parts/download.ts';
import type { Retry } from '../../../src/storage/remote.ts';
import { openClient } from '../../../src/storage/s3/client.ts';
import { readS3Settings } from '../../../src/storage/s3/settings.ts';
import { failsWith } from '../../conformance/storage.ts';
import { anyGuard } from '../../kit/trusting.ts';

const mib = 1 << 20;
const stallMs = 2000;
let server: Server;
let ranges = true;
let size = 0;
let asked: string[] = [];
before(async () => {
  server = createServer((request, response) => {
    const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    asked.push(request.headers.range ?? '');
    const start = ranges ? Number(from) : 0;
    const end = ranges ? Math.min(Number(to), size - 1) : size - 1;
    if (ranges && start >= size) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end('no such bytes');
      return;
    }
    const partly = ranges ? { 'content-range': `bytes ${start}-${end}/${size}` } : {};
    response.writeHead(ranges ? 206 : 200, { 'content-length': end + 1 - start, etag: '"e"', ...partly });
    response.end(Buffer.alloc(end + 1 - start, start / mib));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
});

async function download(
  budget: Budget,
  work: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
  start = 0,
): Promise<Retry[]> {
  asked = [];
  const retries: Retry[] = [];
  const options = {
    endpointurl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    allow_anonymous_login: 'true',
    read_timeout: String(stallMs / 1000),
  };
  const retry = { onRetry: (each: Retry) => void retries.push(each) };
  const context = { env: {}, home: '/nonexistent', guard: anyGuard, retry };
  const config = { name: 'store', scheme: 's3', url: 's3://bucket', options, committed: new Set<string>() };
  const client = openClient(readS3Settings(config, context), context);
  const { signal } = new AbortController();
  const absent = (): HelperError => new HelperError('missing', 'absent');
  const about = { key: 'k', action: 'cannot read' };
  const ask = ({ range, first: _, ...how }: RangeCall): ReturnType<typeof client.request> =>
    client.request({ ...about, method: 'GET', extra: ['range', range], expects: [404, 412, 416], ...how }, signal);
  try {
    await work(downloadObject({ ...about, ask, budget, absent, start, signal }));
  } finally {
    client.close();
  }
  return retries;
}

/** Resolves at once when all of the budget is free again. */
const whole = async (budget: Budget, bytes: number): Promise<void> =>
  (await budget.take(bytes, AbortSignal.timeout(1000)))();

test('waiting for memory, or for the reader, is no stall', { timeout: 60_000 }, async () => {
  ranges = true;
  size = 5 * rangeBytes - mib;
  const budget = openBudget(2 * rangeBytes);
  const held = await budget.take(2 * rangeBytes, AbortSignal.timeout(1000));
  setTimeout(held, stallMs * 1.5);
  const expected = Buffer.alloc(rangeBytes);
  const retries = await download(budget, async (bytes) => {
    let length = 0;
    for await (const chunk of bytes) {
      // Compared at once: a thread that is busy for as long as the limit sees no byte that comes meanwhile.
      expected.fill((Math.floor(length / rangeBytes) * rangeBytes) / mib);
      assert.ok(expected.subarray(0, chunk.length).equals(chunk));
      if (length === 0) await sleep(stallMs * 1.5);
      length += chunk.length;
    }
    assert.equal(length, size);
  });
  assert.deepEqual(retries, []);
  assert.deepEqual(
    asked,
    [0, 1, 2, 3, 4].map((index) => {
      const end = (index + 1) * rangeBytes;
      return `bytes=${index * rangeBytes}-${index === 4 ? size - 1 : end - 1}`;
    }),
  );
  await whole(budget, 2 * rangeBytes);
});

test('a reader who leaves gives the memory back', { timeout: 20_000 }, async () => {
  ranges = true;
  size = 60 * mib;
  const budget = openBudget(48 * mib);
  for (const leaveAfter of [0, 10 * mib, 20 * mib]) {
    await download(budget, async (bytes) => {
      let length = 0;
      for await (const chunk of bytes) {
        length += chunk.length;
        if (length > leaveAfter) break;
      }
    });
    await whole(budget, 48 * mib);
  }
});

test('a service without ranges: small objects come whole, huge ones are refused', { timeout: 20_000 }, async () => {
  ranges = false;
  const budget = openBudget(96 * mib);
  size = 9 * mib;
  await download(budget, async (bytes) => {
    let length = 0;
    for await (const chunk of bytes) length += chunk.length;
    assert.equal(length, size);
  });
  size = 65 * mib;
  await download(budget, async (bytes) => {
    const read = async (): Promise<void> => {
      for await (const _ of bytes);
    };
    await assert.rejects(read(), failsWith('unsupported', /ignores byte ranges/));
  });
  await whole(budget, 96 * mib);
});

test('a read begins where it is told to, and ends with the object', { timeout: 20_000 }, async () => {
  size = 2 * rangeBytes + 5 * mib;
  for (ranges of [true, false]) {
    for (const start of [0, 1, 3 * mib, rangeBytes, size - 1, size]) {
      await download(
        openBudget(96 * mib),
        async (bytes) => {
          let length = 0;
          for await (const chunk of bytes) length += chunk.length;
          assert.equal(length, size - start);
          assert.match(asked[0] ?? '', new RegExp(`^bytes=${start}-`));
        },
        start,
      );
    }
  }
});

test('a service that has fewer bytes than we had, or tells of other ones, is not believed', {
  timeout: 20_000,
}, async () => {
  ranges = true;
  size = 9;
  const read = (start: number): Promise<unknown> =>
    download(
      openBudget(mib),
      async (bytes) => {
        for await (const _ of bytes);
      },
      start,
    );
  await assert.rejects(read(10), failsWith('corrupt', /ends before byte 10/));
});
