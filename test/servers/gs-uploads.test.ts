// Uploads of big objects that do not go through at once: continued in the same run and in the next, and never with bytes
// that are not the content.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Content } from '../../src/model/operation.ts';
import type { Storage, StorageContext, UploadMemory } from '../../src/storage/remote.ts';
import { contentOf, failsWith, noise, operation, readAll } from '../conformance/storage.ts';
import { anonymous, freshUrl, openGs, openStage } from './gs-remote.ts';

const stage = openStage();

const mib = 1 << 20;
const bytes = noise(40 * mib);
const key = 'files/md5/ab/cdef0123456789abcdef0123456789';

interface Notes extends UploadMemory {
  readonly notes: Map<string, string>;
}

function openNotes(): Notes {
  const notes = new Map<string, string>();
  return {
    notes,
    recall: (each) => notes.get(each),
    note: (each, text) => void notes.set(each, text),
    forget: (each) => void notes.delete(each),
    expired: () => [],
  };
}

async function within(
  context: Partial<StorageContext> & { readonly url?: string },
  work: (storage: Storage) => Promise<void>,
): Promise<void> {
  const storage = await openGs(`http://127.0.0.1:${stage.proxy.port}`, anonymous, context);
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

/** `bytes 0-16777215/41943040` of every chunk, `?` for every question, in order. */
const ranges = (): string[] =>
  stage.proxy.seen.flatMap(({ method, headers }) => {
    const [, range] = /^bytes (\S+)\//.exec(headers['content-range'] ?? '') ?? [];
    return method === 'PUT' && range !== undefined ? [range.replace('*', '?')] : [];
  });
const chunk = (first: number, end: number): string => `${first}-${end - 1}`;
const begun = (): number => stage.proxy.seen.filter(({ method }) => method === 'POST').length;

test('a chunk whose connection broke goes on where the service says', { timeout: 60_000 }, async () => {
  await within({}, async (storage) => {
    stage.proxy.rules = [{ match: /PUT/, times: 1, dropRequestAfter: 5 * mib }];
    await storage.write(key, contentOf(bytes, 300_000), operation);
    assert.ok(bytes.equals(await readAll(storage, key)));
    const [first, question, second] = ranges();
    assert.deepEqual([first, question, ranges().length], [chunk(0, 16 * mib), '?', 5]);
    const from = Number(second?.split('-')[0]);
    assert.ok(from <= 5 * mib && from % (256 * 1024) === 0, second);
    assert.equal(begun(), 1);
  });
});

test('an answer that was lost, of a chunk and of the last', { timeout: 60_000 }, async () => {
  await within({}, async (storage) => {
    for (const before of [1, 2]) {
      stage.proxy.seen.length = 0;
      const through = Array.from({ length: before }, () => ({ match: /PUT/, times: 1 }));
      stage.proxy.rules = [...through, { match: /PUT/, times: 1, dropResponseAfter: 0 }];
      await storage.write(key, contentOf(bytes), operation);
      assert.ok(bytes.equals(await readAll(storage, key)));
      assert.deepEqual([ranges().length, ranges()[before + 1], begun()], [4, '?', 1]);
    }
  });
});

test('a service that takes less than it was sent gets the rest', { timeout: 60_000 }, async () => {
  const small = bytes.subarray(0, 20 * mib);
  stage.front.appetite = 9 * mib;
  await within({}, async (storage) => {
    await storage.write(key, contentOf(small), operation);
    assert.ok(small.equals(await readAll(storage, key)));
    assert.deepEqual(ranges(), [chunk(0, 16 * mib), chunk(9 * mib, 16 * mib), chunk(16 * mib, 20 * mib)]);
  });
  stage.front.appetite = 0;
  await within({}, async (storage) => {
    const write = storage.write(key, contentOf(small), operation);
    await assert.rejects(write, failsWith('unavailable', /does not go on with the upload.*tried 5 times/));
    assert.equal(stage.front.sessions.size, 1, 'nothing is left but what was finished before');
  });
});

test('a session that is lost is begun anew, three times and no more', { timeout: 60_000 }, async () => {
  await within({}, async (storage) => {
    stage.proxy.rules = [{ match: /PUT/, times: 2, status: 410 }];
    await storage.write(key, contentOf(bytes), operation);
    assert.ok(bytes.equals(await readAll(storage, key)));
    assert.equal(begun(), 3);
    stage.proxy.rules = [{ match: /PUT/, status: 404 }];
    const write = storage.write(key, contentOf(bytes), operation);
    await assert.rejects(write, failsWith('unavailable', /the service has forgotten the upload/));
  });
});

/** Writes, and breaks off for good when the service has `whole` chunks and some of the next. */
async function breakOff(url: string, uploads: UploadMemory, content: Content, whole = 1): Promise<void> {
  await within({ url, uploads, retry: { tries: 1 } }, async (storage) => {
    stage.proxy.rules = Array.from({ length: whole }, () => ({ match: /PUT/, times: 1 }));
    stage.proxy.rules.push({ match: /PUT/, times: 1, dropRequestAfter: 3 * mib }, { match: /PUT/, status: 500 });
    await assert.rejects(storage.write(key, content, operation), failsWith('unavailable'));
    stage.proxy.rules = [];
    assert.equal(await storage.stat(key, operation), undefined, 'something of it is visible');
  });
  // The service need not have noticed at once what became of the connection.
  const arrived = (): number => [...stage.front.sessions.values()].at(-1)?.bytes.length ?? 0;
  for (let wait = 0; arrived() <= whole * 16 * mib && wait < 100; wait++) await sleep(20);
  stage.proxy.seen.length = 0;
}

for (const whole of [0, 1, 2]) {
  test(`the next run goes on after ${whole} chunks and a part of one`, { timeout: 60_000 }, async () => {
    const [url, uploads] = [freshUrl(), openNotes()];
    await breakOff(url, uploads, contentOf(bytes), whole);
    const session = [...stage.front.sessions.values()].at(-1);
    const at = session?.bytes.length ?? 0;
    assert.ok(at > whole * 16 * mib && at <= whole * 16 * mib + 3 * mib, String(at));
    await within({ url, uploads }, async (storage) => {
      const told: number[] = [];
      const to = { ...operation, moved: (count: number) => void told.push(count) };
      await storage.write(key, contentOf(bytes, 300_000), to);
      assert.equal(begun(), 0);
      assert.deepEqual(ranges().slice(0, 2), ['?', chunk(at, Math.min(40, (whole + 1) * 16) * mib)]);
      assert.equal(
        told.reduce((sum, count) => sum + count),
        40 * mib - at,
      );
      assert.ok(bytes.equals(await readAll(storage, key)));
    });
    assert.equal(uploads.notes.size, 0);
  });
}

test('other content under the same name is never mixed with what was begun', { timeout: 60_000 }, async () => {
  const [url, uploads] = [freshUrl(), openNotes()];
  // Different where it has been sent, where it was about to be, and in size.
  for (const other of [
    Buffer.from(bytes).fill(1, 0, 9),
    Buffer.from(bytes).fill(1, 31 * mib, 31 * mib + 9),
    bytes.subarray(1),
  ]) {
    await breakOff(url, uploads, contentOf(bytes));
    await within({ url, uploads }, async (storage) => {
      await storage.write(key, contentOf(other), operation);
      assert.ok(other.equals(await readAll(storage, key)));
      assert.equal(begun(), 1);
      assert.equal(
        ranges().find((range) => range !== '?'),
        chunk(0, 16 * mib),
        'it was gone on with',
      );
      await fetch(`${stage.server.endpoint}/storage/v1/b/data/o/${encodeURIComponent(`${url.slice(10)}/${key}`)}`, {
        method: 'DELETE',
      });
    });
  }
});

test('notes that are none, or of a session that is no more, are let go', { timeout: 60_000 }, async () => {
  const [url, uploads] = [freshUrl(), openNotes()];
  const small = bytes.subarray(0, 20 * mib);
  await within({ url, uploads }, async (storage) => {
    const note = { path: '/upload/storage/v1/b/data/o?uploadType=resumable&upload_id=gone', size: 20 * mib, end: mib };
    for (const text of [
      ...['', 'x', '{}', '[]', 'null'],
      JSON.stringify({ ...note, md5: 'x' }),
      JSON.stringify({ ...note, md5: 'x', path: 'http://evil.example/upload/' }),
      JSON.stringify({ ...note, md5: 'x', end: 21 * mib }),
    ]) {
      uploads.note(key, text);
      await storage.write(key, contentOf(small), operation);
      assert.equal(uploads.notes.size, 0, text);
    }
    assert.ok(small.equals(await readAll(storage, key)));
  });
});

test('what is left when a write fails: by the content nothing, by the service or an abort what the next run needs', {
  timeout: 60_000,
}, async () => {
  const uploads = openNotes();
  const url = freshUrl();
  const failing = (fault: () => void): Content => ({
    size: bytes.length,
    async *open() {
      yield bytes.subarray(0, 35 * mib);
      fault();
      yield bytes.subarray(35 * mib);
    },
  });
  await within({ url, uploads }, async (storage) => {
    const broken = failing(() => {
      throw new Error('the file changed');
    });
    await assert.rejects(storage.write(key, broken, operation), /the file changed/);
    assert.deepEqual([uploads.notes.size, stage.front.sessions.size], [0, 0]);
    const stop = new AbortController();
    const aborted = failing(() => stop.abort());
    await assert.rejects(storage.write(key, aborted, { signal: stop.signal }), { name: 'AbortError' });
    assert.deepEqual([uploads.notes.size, stage.front.sessions.size], [1, 1]);
    stage.proxy.seen.length = 0;
    await storage.write(key, contentOf(bytes), operation);
    assert.equal(begun(), 0);
  });
  await within({ url }, async (storage) => {
    stage.front.forget();
    const stop = new AbortController();
    const aborted = failing(() => stop.abort());
    await assert.rejects(storage.write(key, aborted, { signal: stop.signal }), { name: 'AbortError' });
    assert.equal(stage.front.sessions.size, 0, 'without a memory nobody could go on with it');
  });
});
