// What goes wrong between us and a service of HTTP with ranges and parts (S3, Google Cloud Storage, Azure): the same tests
// for each, behind a proxy that spoils requests.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenContext } from '../../src/storage/open.ts';
import type { Retry, Storage } from '../../src/storage/remote.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from './storage.ts';

export type Options = Readonly<Record<string, string>>;
export type Extras = Partial<OpenContext> & { readonly url?: string };

/** A service that runs, and who spoils what goes to it. */
interface Service {
  readonly proxy: FaultProxy;
  close(): Promise<void>;
}

interface Backend<Running extends Service> {
  start(): Promise<Running>;
  /** Storage of which nobody knows anything yet, behind that port of this machine: the proxy's, or nobody's. */
  open(port: number, options: Options, extras: Extras): Promise<Storage>;
}

/** For the tests of one file: there once they run, and as new for each. */
export interface FaultGround<Running extends Service = Service> {
  readonly service: Running;
  /** Of the storage that was opened last. */
  readonly retries: readonly Retry[];
  /** Opens storage behind the proxy, which from now on obeys `rules`. */
  within(rules: Rule[], work: (storage: Storage) => Promise<void>, options?: Options, extras?: Extras): Promise<void>;
  /** Requests since the test began, or since this was last told to forget them. */
  sent(what: RegExp): number;
  open: Backend<Running>['open'];
}

export const mib: number = 1 << 20;
export const key = 'files/md5/ab/cdef0123456789abcdef0123456789';

export function openFaultGround<Running extends Service>(backend: Backend<Running>): FaultGround<Running> {
  let running: Running | undefined;
  const retries: Retry[] = [];
  const service = (): Running => {
    if (running === undefined) throw new Error('the service does not run yet');
    return running;
  };
  before(
    async () => {
      running = await backend.start();
    },
    { timeout: 90_000 },
  );
  after(async () => running?.close());
  beforeEach(() => {
    const { proxy } = service();
    proxy.rules = [];
    proxy.seen.length = 0;
  });
  return {
    get service() {
      return service();
    },
    retries,
    open: backend.open,
    async within(rules, work, options = {}, extras = {}) {
      const { proxy } = service();
      retries.length = 0;
      proxy.rules = rules;
      const retry = { shortestMs: 1, firstMs: 2, longestMs: 10, onRetry: (each: Retry) => void retries.push(each) };
      const storage = await backend.open(proxy.port, options, { retry, ...extras });
      try {
        await work(storage);
      } finally {
        proxy.rules = [];
        await storage.close();
      }
    },
    sent: (what) => service().proxy.seen.filter(({ method, url }) => what.test(`${method} ${url}`)).length,
  };
}

/** How a service says things, and how it is spoken to. */
export interface Dialect {
  /** Answers of a service that asks for patience: status and word. */
  readonly busy: readonly (readonly [status: number, code: string])[];
  /** Answers of one that has no room, and what the message must say beside. */
  readonly full: readonly (readonly [status: number, code: string])[];
  readonly fullHint: RegExp;
  refusing(status: number, code: string, headers?: Readonly<Record<string, string>>): Omit<Rule, 'match'>;
  /** Requests that bring the content of a small object, and pieces of a big one. */
  readonly whole: RegExp;
  readonly piece: RegExp;
  readonly listing: RegExp;
  /** Requests that make a big object of its pieces visible. */
  readonly published: RegExp;
  readonly nowhere: {
    /** Without a bucket, or container. */
    readonly url: string;
    readonly says: RegExp;
    /** For a server that makes one when something is written. */
    readonly rules?: readonly Rule[];
  };
}

export function testFaults(ground: FaultGround, dialect: Dialect): void {
  const { within, sent, retries } = ground;
  const { refusing, whole, piece, listing } = dialect;
  const obey = (...rules: Rule[]): void => {
    ground.service.proxy.rules = rules;
  };

  for (const [status, code] of dialect.busy) {
    test(
      `${status} ${code} three times, then well: every verb gets through, content is rewound`,
      {
        timeout: 30_000,
      },
      () =>
        within([], async (storage) => {
          const verbs: readonly (() => Promise<void>)[] = [
            () => storage.write(key, contentOf('hello'), operation),
            async () => assert.equal(String(await readAll(storage, key)), 'hello'),
            async () => assert.deepEqual(await storage.stat(key, operation), { key, size: 5 }),
            async () => assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 5 }]),
          ];
          for (const verb of verbs) {
            const before = retries.length;
            obey({ match: /./, times: 3, ...refusing(status, code, { 'retry-after': '0' }) });
            await verb();
            assert.equal(retries.length, before + 3);
          }
          assert.ok(retries.every((each) => each.throttled && each.error.code === 'unavailable'));
        }),
    );
  }

  test('a service that asks for patience is given it; five tries and no more', { timeout: 30_000 }, async () => {
    const [[status, code] = [503, '']] = dialect.busy;
    await within([{ match: whole, times: 1, ...refusing(status, code, { 'retry-after': '1' }) }], async (storage) => {
      const since = Date.now();
      await storage.write(key, contentOf('x'), operation);
      assert.ok(Date.now() - since >= 1000, 'the wish to wait was not heeded');
    });
    await within([{ match: whole, ...refusing(status, code) }], async (storage) => {
      const before = sent(whole);
      const writing = storage.write(key, contentOf('x'), operation);
      await assert.rejects(writing, failsWith('unavailable', new RegExp(`${code}.*tried 5 times`)));
      assert.equal(sent(whole), before + 5);
    });
  });

  test('a piece that fails for good: tried five times, and nothing is to be seen', { timeout: 60_000 }, async () => {
    const [[status, code] = [503, '']] = dialect.busy;
    await within([{ match: piece, ...refusing(status, code) }], async (storage) => {
      const [pieces, published] = [sent(piece), sent(dialect.published)];
      const writing = storage.write(key, contentOf(noise(30 * mib)), operation);
      await assert.rejects(writing, failsWith('unavailable', new RegExp(`${code}.*tried 5 times`)));
      assert.ok(sent(piece) - pieces <= 5 * 4, 'the whole object was tried again on top of its pieces');
      assert.equal(sent(dialect.published), published);
      assert.equal(await storage.stat(key, operation), undefined);
      assert.deepEqual(await listAll(storage, ''), []);
    });
  });

  test('a connection cut in the request, in the answer, and before it', { timeout: 60_000 }, async () => {
    const bytes = noise(3 * mib);
    await within([{ match: whole, times: 2, dropRequestAfter: mib }], async (storage) => {
      await storage.write(key, contentOf(bytes), operation);
      for (const dropResponseAfter of [mib, 0]) {
        obey({ match: /GET/, times: 2, dropResponseAfter });
        assert.ok(bytes.equals(await readAll(storage, key)));
      }
    });
  });

  test('the cut of one range does not start the object again', { timeout: 60_000 }, () =>
    within([], async (storage) => {
      const bytes = noise(60 * mib);
      await storage.write(key, contentOf(bytes), operation);
      ground.service.proxy.seen.length = 0;
      obey({ match: /GET/, times: 2, dropResponseAfter: 3 * mib });
      assert.ok(bytes.equals(await readAll(storage, key)));
      assert.equal(sent(/GET/), 4 + 2, '60 MiB in ranges of 16 MiB, one of them three times, or two twice');
    }),
  );

  test('a body shorter than the range it claims to be is not taken for the object', { timeout: 30_000 }, () =>
    within([], async (storage) => {
      await storage.write(key, contentOf(noise(100_000)), operation);
      obey({ match: /GET/, times: 2, truncateTo: 50_000 });
      assert.equal((await readAll(storage, key)).length, 100_000);
      obey({ match: /GET/, truncateTo: 50_000 });
      await assert.rejects(readAll(storage, key), failsWith('unavailable', /other bytes than were asked for/));
    }),
  );

  test('half a listing is not taken for a whole one', { timeout: 30_000 }, () =>
    within([], async (storage) => {
      await Promise.all(['a/1', 'a/2', 'a/3'].map((each) => storage.write(each, contentOf('x'), operation)));
      for (const truncateTo of [300, 700]) {
        const before = retries.length;
        obey({ match: listing, times: 2, truncateTo });
        assert.equal((await listAll(storage, '')).length, 3);
        assert.equal(retries.length, before + 2);
      }
    }),
  );

  test('a body that stalls, and a service that never answers, are given up and tried again', { timeout: 90_000 }, () =>
    within(
      [],
      async (storage) => {
        await storage.write(key, contentOf(noise(100_000)), operation);
        obey({ match: /GET/, times: 1, stallResponseAfter: 1000 });
        assert.equal((await readAll(storage, key)).length, 100_000);
        assert.match(retries[0]?.error.message ?? '', /no byte moved for 4 s/);
        obey({ match: /GET|HEAD/, times: 1, hang: true });
        assert.equal((await storage.stat(key, operation))?.size, 100_000);
        obey({ match: piece, times: 1, hang: true });
        await storage.write(key, contentOf(noise(20 * mib)), operation);
        assert.equal((await storage.stat(key, operation))?.size, 20 * mib);
      },
      // As long as a server on a busy machine may itself be silent over 8 MiB.
      { read_timeout: '4' },
    ),
  );

  test('an object replaced while it is read is no mixture', { timeout: 60_000 }, () =>
    within([], async (storage) => {
      await assert.rejects(replaceWhileReading(storage), failsWith('corrupt', /changed meanwhile/));
    }),
  );

  test('an aborted read and write let go of their connections at once', { timeout: 30_000 }, async () => {
    await within([], async (storage) => {
      await storage.write(key, contentOf('x'), operation);
      for (const [what, size] of [
        [/GET/, 0],
        [whole, 1],
        [piece, 20 * mib],
      ] as const) {
        obey({ match: what, hang: true });
        const before = sent(what);
        const stop = new AbortController();
        const to = { signal: stop.signal };
        const running = size === 0 ? readAll(storage, key, to) : storage.write(key, contentOf(noise(size)), to);
        const ended = assert.rejects(running, { name: 'AbortError' });
        await until(() => sent(what) > before);
        const since = Date.now();
        stop.abort();
        await ended;
        assert.ok(Date.now() - since < 2000);
      }
    });
    const { counts } = ground.service.proxy;
    await until(() => counts.inFlight === 0);
    assert.equal(counts.inFlight, 0);
  });

  for (const [status, code] of dialect.full) {
    test(
      `no room, said by ${status} ${code}: told with what to do, not tried again, and nothing half is left`,
      {
        timeout: 60_000,
      },
      () =>
        within([], async (storage) => {
          for (const [what, size] of [
            [whole, 1000],
            [piece, 30 * mib],
          ] as const) {
            const [requests, published] = [sent(what), sent(dialect.published)];
            obey({ match: what, ...refusing(status, code) });
            const writing = storage.write(key, contentOf(noise(size)), operation);
            const said = failsWith('full', /full|a quota of/);
            await assert.rejects(writing, (error) => said(error) && failsWith('full', dialect.fullHint)(error));
            // Those beside the first had been sent by then.
            assert.ok(sent(what) - requests <= (size > mib ? 4 : 1), `${sent(what) - requests} requests`);
            if (size > mib) assert.equal(sent(dialect.published), published);
            assert.deepEqual(retries, []);
            obey();
            assert.equal(await storage.stat(key, operation), undefined);
            assert.deepEqual(await listAll(storage, ''), []);
          }
          await storage.write(key, contentOf('there is room now'), operation);
          assert.equal(String(await readAll(storage, key)), 'there is room now');
        }),
    );
  }

  test('a bucket that is not there is a mistake, not an absent object', { timeout: 30_000 }, () =>
    within(
      [],
      async (storage) => {
        const broken = failsWith('config', dialect.nowhere.says);
        await assert.rejects(readAll(storage, key), broken);
        await assert.rejects(storage.stat(key, operation), broken);
        await assert.rejects(listAll(storage, 'files/'), broken);
        obey(...(dialect.nowhere.rules ?? []));
        for (const size of [1, 20 * mib])
          await assert.rejects(storage.write(key, contentOf(noise(size)), operation), broken);
      },
      {},
      { url: dialect.nowhere.url },
    ),
  );

  test('a closed port says so', { timeout: 30_000 }, async () => {
    const free = await openFaultProxy({ port: 1 });
    await free.close();
    const closed = await ground.open(free.port, {}, { retry: { shortestMs: 1, firstMs: 2, longestMs: 10 } });
    await assert.rejects(closed.stat(key, operation), failsWith('unavailable', /connection refused/));
    await closed.close();
  });
}

/** Waits 10 seconds at most; whoever calls checks. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !holds(); turn++) await sleep(20);
}

/** Reads an object of several ranges while somebody writes another one over it. */
export async function replaceWhileReading(storage: Storage): Promise<void> {
  await storage.write(key, contentOf(noise(70 * mib)), operation);
  let replaced = false;
  for await (const _ of storage.read(key, operation)) {
    if (!replaced) await storage.write(key, contentOf(noise(70 * mib - 4).fill(9, 0, 99)), operation);
    replaced = true;
  }
}
