import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { HelperError } from '../../src/model/error.ts';
import type { Content, Operation } from '../../src/model/operation.ts';
import type { Entry, ReadOperation, Storage } from '../../src/storage/remote.ts';

/** What the suite needs of a backend: fresh storage, and a look behind it. */
export interface Subject {
  /** A storage remote over an empty base of its own; `prefix` becomes part of its URL. */
  open(prefix?: string): Promise<Storage>;
  /** Names of everything the service keeps below the last opened base, half-done uploads included. */
  leftovers(): Promise<readonly string[]>;
  /** False where it has to say that it cannot list. */
  readonly canList?: boolean;
  /** Bytes from which on the backend moves an object in parts. */
  readonly bigBytes: number;
}

export const operation: Operation = { signal: new AbortController().signal };

export function contentOf(bytes: Uint8Array | string, chunkBytes: number = 1 << 20): Content & { opened: number } {
  const whole = Buffer.from(bytes);
  return {
    size: whole.length,
    opened: 0,
    async *open() {
      this.opened += 1;
      for (let at = 0; at < whole.length; at += chunkBytes) yield whole.subarray(at, at + chunkBytes);
    },
  };
}

/** `size` bytes that no compression shortens and no two parts of which are alike. */
export function noise(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = 0x9e3779b9;
  for (let at = 0; at + 4 <= size; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes.fill(7, size - (size % 4));
}

export async function readAll(storage: Storage, key: string, to: ReadOperation = operation): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.read(key, to)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Without the times, which no test can tell beforehand. */
export async function listAll(storage: Storage, prefix: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { key, size } of storage.list(prefix, operation)) entries.push({ key, size });
  return entries.sort((left, right) => (left.key < right.key ? -1 : 1));
}

export const failsWith = (code: string, words: RegExp = /./) => {
  return (error: unknown): boolean => {
    assert.ok(error instanceof HelperError, `not one of ours: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match([error.message, ...error.hints].join('\n'), words);
    return true;
  };
};

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
// No name of DVC's, since that would tell what the bytes have to be.
const key = 'files/md5/ab/cdef0123-any-bytes';

/** Runs `work` with fresh storage and closes it, twice, since closing twice must be safe. */
async function within(subject: Subject, work: (storage: Storage) => Promise<void>, prefix?: string): Promise<void> {
  const storage = await subject.open(prefix);
  try {
    await work(storage);
  } finally {
    await storage.close();
    await storage.close();
  }
}

export function testStorage(name: string, subject: Subject): void {
  describe(`${name}: storage conformance`, { timeout: 300_000 }, () => {
    testObjects(subject);
    if (subject.canList === false) testNoListing(subject);
    else testListing(subject);
    testFailedWrites(subject);
    testBigObjects(subject);
    testStart(subject);
  });
}

function testObjects(subject: Subject): void {
  test('absent is undefined for stat, empty for list, missing for read', () =>
    within(subject, async (storage) => {
      await storage.write('files/md5/00/other', contentOf('x'), operation);
      assert.equal(await storage.stat(key, operation), undefined);
      if (storage.canList) assert.deepEqual(await listAll(storage, 'files/md5/ff'), []);
      await assert.rejects(readAll(storage, key), failsWith('missing', /cdef0123/));
    }));

  test('bytes come back, zero of them too', () =>
    within(subject, async (storage) => {
      for (const [at, size] of [0, 1, 4096, 70_000, 1_500_000].entries()) {
        const bytes = noise(size);
        const each = `files/md5/0${at}/object`;
        await storage.write(each, contentOf(bytes, 40_000), operation);
        assert.deepEqual(await storage.stat(each, operation), { key: each, size });
        assert.equal(md5(await readAll(storage, each)), md5(bytes));
      }
    }));

  test('a write replaces the object', () =>
    within(subject, async (storage) => {
      await storage.write(key, contentOf('the first and longer one'), operation);
      await storage.write(key, contentOf('the second'), operation);
      assert.equal(String(await readAll(storage, key)), 'the second');
      assert.equal((await storage.stat(key, operation))?.size, 10);
    }));

  test('odd characters in the URL and in keys', () =>
    within(
      subject,
      async (storage) => {
        for (const odd of ["a b+c&d=e'(f)!*~", 'ü€😀', 'per%20cent', 'q?x#y;z,:@$', '<tag>"&amp;']) {
          await storage.write(`odd/${odd}`, contentOf(odd), operation);
          assert.equal(String(await readAll(storage, `odd/${odd}`)), odd);
          assert.ok((await storage.stat(`odd/${odd}`, operation)) !== undefined, odd);
        }
        if (!storage.canList) return;
        const keys = (await listAll(storage, 'odd/')).map((entry) => entry.key.slice(4));
        assert.deepEqual(keys.sort(), ['ü€😀', 'per%20cent', 'q?x#y;z,:@$', "a b+c&d=e'(f)!*~", '<tag>"&amp;'].sort());
      },
      "odd prefix/+&=é%20'(x)",
    ));

  test('keys that would leave the base are refused', () =>
    within(subject, async (storage) => {
      for (const bad of ['../x', 'a/../../x', '/x', 'a//b', '', 'a/', 'a\\b', 'a\nb']) {
        await assert.rejects(storage.write(bad, contentOf('x'), operation), failsWith('corrupt'), bad);
        await assert.rejects(async () => storage.stat(bad, operation), failsWith('corrupt'), bad);
        await assert.rejects(async () => readAll(storage, bad), failsWith('corrupt'), bad);
      }
    }));

  test('verbs run side by side', () =>
    within(subject, async (storage) => {
      const numbers = Array.from({ length: 100 }, (_, at) => at);
      await Promise.all(numbers.map((at) => storage.write(`many/${at}`, contentOf(`content ${at}`), operation)));
      await Promise.all([
        ...numbers.map(async (at) => assert.equal(String(await readAll(storage, `many/${at}`)), `content ${at}`)),
        ...numbers.map(async (at) => assert.ok(await storage.stat(`many/${at}`, operation))),
        storage.canList && listAll(storage, 'many/').then((entries) => assert.equal(entries.length, 100)),
      ]);
    }));

  test('an aborted operation does nothing', () =>
    within(subject, async (storage) => {
      const aborted = { signal: AbortSignal.abort() };
      const is = { name: 'AbortError' };
      await assert.rejects(storage.write(key, contentOf('x'), aborted), is);
      await assert.rejects(storage.stat(key, aborted), is);
      await assert.rejects(readAll(storage, key, aborted), is);
      assert.equal(await storage.stat(key, operation).catch(() => undefined), undefined);
    }));
}

function testStart(subject: Subject): void {
  test('a read begins where it is told', () =>
    within(subject, async (storage) => {
      for (const size of [0, 10, 70_000, subject.bigBytes * 2 + 12_345]) {
        const bytes = noise(size);
        await storage.write(key, contentOf(bytes), operation);
        const starts = [0, 1, 9, size >> 1, size - 1, size].filter((start) => start >= 0 && start <= size);
        for (const start of new Set(starts)) {
          const told: number[] = [];
          const to = { ...operation, start, moved: (count: number) => void told.push(count) };
          const rest = await readAll(storage, key, to);
          assert.ok(rest.equals(bytes.subarray(start)), `${size} bytes from ${start}: got ${rest.length}`);
          assert.equal(
            told.reduce((sum, count) => sum + count, 0),
            size - start,
          );
        }
      }
    }));

  test('a read that begins behind the end has nothing, or says so', () =>
    within(subject, async (storage) => {
      for (const size of [0, 10, 70_000]) {
        await storage.write(key, contentOf(noise(size)), operation);
        const read = readAll(storage, key, { ...operation, start: size + 1 });
        const got = await read.catch((error: unknown) => void failsWith('corrupt')(error));
        assert.equal(got?.length ?? 0, 0);
      }
      const absent = readAll(storage, 'files/md5/00/absent', { ...operation, start: 5 });
      await assert.rejects(absent, failsWith('missing'));
    }));
}

function testNoListing(subject: Subject): void {
  test('a listing is refused', () =>
    within(subject, async (storage) => {
      assert.equal(storage.canList, false);
      await assert.rejects(listAll(storage, ''), failsWith('unsupported', /cannot list/));
    }));
}

function testListing(subject: Subject): void {
  test('a listing of more than one page, by whole prefix and by part of a name', () =>
    within(subject, async (storage) => {
      const names = Array.from({ length: 1234 }, (_, at) => `files/md5/${(at % 16).toString(16)}0/${at}`);
      for (let at = 0; at < names.length; at += 64) {
        await Promise.all(
          names.slice(at, at + 64).map((each) => storage.write(each, contentOf(each.slice(-1)), operation)),
        );
      }
      const all = await listAll(storage, 'files/md5/');
      assert.deepEqual(
        all.map((entry) => entry.key),
        [...names].sort(),
      );
      assert.ok(all.every((entry) => entry.size === 1));
      assert.equal((await listAll(storage, 'files/md5/a')).length, names.filter((n) => n.includes('/a0/')).length);
      assert.equal((await listAll(storage, '')).length, names.length);
      assert.equal(
        (await listAll(storage, 'files/md5/a0/10')).length,
        names.filter((n) => n.includes('/a0/10')).length,
      );
    }));

  test('a listing may be left early', () =>
    within(subject, async (storage) => {
      await Promise.all(['a/1', 'a/2', 'a/3'].map((each) => storage.write(each, contentOf('x'), operation)));
      for await (const entry of storage.list('a/', operation)) {
        assert.match(entry.key, /^a\/[123]$/);
        const { modified = Number.NaN } = entry;
        assert.ok(Math.abs(Date.now() - modified) < 24 * 3600 * 1000, `written now, listed as of ${modified}`);
        break;
      }
    }));
}

function testFailedWrites(subject: Subject): void {
  for (const size of [5000, subject.bigBytes]) {
    test(`content of ${size} bytes that throws leaves nothing`, () =>
      within(subject, async (storage) => {
        const broken: Content = {
          size,
          async *open() {
            yield noise(size - 10);
            throw new HelperError('corrupt', 'the cache is damaged');
          },
        };
        await assert.rejects(storage.write(key, broken, operation), failsWith('corrupt', /the cache is damaged/));
        assert.deepEqual(await subject.leftovers(), []);
      }));

    test(`content of ${size} bytes that is shorter or longer than announced leaves nothing`, () =>
      within(subject, async (storage) => {
        for (const wrong of [size - 1, size + 1]) {
          const content: Content = { size, open: () => contentOf(noise(wrong)).open() };
          await assert.rejects(storage.write(key, content, operation), failsWith('corrupt', /announced/));
        }
        assert.deepEqual(await subject.leftovers(), []);
      }));

    test(`a write of ${size} bytes that is aborted leaves nothing`, () =>
      within(subject, async (storage) => {
        const stop = new AbortController();
        const endless: Content = {
          size,
          async *open() {
            const bytes = noise(size);
            yield bytes.subarray(0, size - 10);
            stop.abort();
            yield bytes.subarray(size - 10);
          },
        };
        await assert.rejects(storage.write(key, endless, { signal: stop.signal }), { name: 'AbortError' });
        assert.deepEqual(await subject.leftovers(), []);
      }));
  }

  test('a failed write keeps the object that was there', () =>
    within(subject, async (storage) => {
      await storage.write(key, contentOf('good'), operation);
      const content: Content = { size: 9, open: () => contentOf('bad').open() };
      await assert.rejects(storage.write(key, content, operation));
      assert.equal(String(await readAll(storage, key)), 'good');
    }));
}

function testBigObjects(subject: Subject): void {
  test('a big object goes and comes in parts', () =>
    within(subject, async (storage) => {
      const bytes = noise(subject.bigBytes * 3 + 12_345);
      await storage.write(key, contentOf(bytes, 300_000), operation);
      assert.equal((await storage.stat(key, operation))?.size, bytes.length);
      assert.equal(md5(await readAll(storage, key)), md5(bytes));
    }));

  test('whoever wants to know is told of every byte that moves, and before all have moved', () =>
    within(subject, async (storage) => {
      for (const [size, least] of [
        [70_000, 1],
        [1_500_000, 2],
        [subject.bigBytes * 2 + 12_345, 3],
      ] as const) {
        const told: number[] = [];
        const to = { ...operation, moved: (bytes: number) => void told.push(bytes) };
        const sum = (): number => told.splice(0).reduce((all, bytes) => all + bytes, 0);
        await storage.write(key, contentOf(noise(size), 300_000), to);
        assert.ok(told.length >= least, `told ${told.length} times of ${size} bytes written`);
        assert.equal(sum(), size);
        await readAll(storage, key, to);
        assert.ok(told.length >= least, `told ${told.length} times of ${size} bytes read`);
        assert.equal(sum(), size);
      }
    }));

  test('a read may be left early, time and again', () =>
    within(subject, async (storage) => {
      const bytes = noise(subject.bigBytes * 3);
      await storage.write(key, contentOf(bytes), operation);
      for (let round = 0; round < 5; round++) {
        for await (const chunk of storage.read(key, operation)) {
          assert.ok(bytes.subarray(0, chunk.length).equals(chunk));
          break;
        }
      }
      const stop = new AbortController();
      await assert.rejects(
        async () => {
          for await (const _ of storage.read(key, { signal: stop.signal })) stop.abort();
        },
        { name: 'AbortError' },
      );
      assert.equal(md5(await readAll(storage, key)), md5(bytes));
    }));
}
