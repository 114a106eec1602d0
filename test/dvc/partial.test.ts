// What came of a big object before a run broke off is gone on from, by one process at a time.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Cache, openCache } from '../../src/dvc/cache.ts';
import { digestOf } from '../../src/dvc/hash.ts';
import { HelperError } from '../../src/model/error.ts';
import { type DvcObject, type HashKind, requireObjectId } from '../../src/model/object.ts';
import { noise } from '../conformance/storage.ts';

const mib = 2 ** 20;
const live = { signal: new AbortController().signal };
const big = noise(20 * mib + 5);
const huge = noise(40 * mib + 5);

let root: string;
let children: ChildProcess[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dvcexp-partial-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const open = (): Cache => openCache(root, { shared: undefined, fsyncObjects: false });
const objectOf = (bytes: Uint8Array, kind: HashKind = 'md5'): DvcObject => ({
  kind,
  id: requireObjectId(digestOf(kind, bytes), 'test'),
});

/** Names of all files in the object's folder. */
function beside(object: DvcObject): string[] {
  const folder = dirname(open().path(object));
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** The bytes from where they are asked for to `end`, and there `error`. */
function source(bytes: Uint8Array, end = bytes.length, error?: unknown): { read: Read; readonly starts: number[] } {
  const starts: number[] = [];
  const read: Read = async function* (start) {
    starts.push(start);
    for (let at = start; at < end; at += 60_000) yield bytes.subarray(at, Math.min(end, at + 60_000));
    if (error !== undefined) throw error;
  };
  return { read, starts };
}
type Read = (start: number) => AsyncIterable<Uint8Array>;

const down = (code: 'unavailable' | 'auth' | 'io' | 'corrupt' | 'missing' = 'unavailable'): HelperError =>
  new HelperError(code, 'it is down');

/** Leaves what came of the object in the cache, as a run that broke off in this process. */
async function breakOff(object: DvcObject, bytes: Uint8Array, end: number, cache = open()): Promise<string> {
  await assert.rejects(cache.receive(object, source(bytes, end, down()).read, live), { code: 'unavailable' });
  const [name = ''] = beside(object);
  return name;
}

/** Brings the object in and answers from where it was asked for. */
async function arrives(object: DvcObject, bytes: Uint8Array, cache = open()): Promise<number | undefined> {
  const from = source(bytes);
  assert.equal(await cache.receive(object, from.read, live), bytes.length);
  assert.ok(readFileSync(cache.path(object)).equals(bytes));
  assert.equal(lstatSync(cache.path(object)).mode & 0o7777, 0o444);
  assert.equal(from.starts.length, 1);
  return from.starts[0];
}

for (const [name, bytes, kind] of [
  ['big', big, 'md5'],
  ['hashed by a thread', huge, 'md5'],
  ['legacy', big, 'md5-dos2unix'],
] as const) {
  test(`what came is gone on from: ${name}`, async () => {
    const object = objectOf(bytes, kind);
    const end = bytes.length - mib;
    const partial = await breakOff(object, bytes, end);
    assert.match(partial, /^\..*\.tmp$/);
    const { mode, size } = statSync(join(dirname(open().path(object)), partial));
    assert.equal(mode & 0o7777, 0o600);
    assert.ok(size > end - mib && size <= end, `${size} of ${end}`);
    assert.equal(open().size(object), undefined);
    assert.equal(await arrives(object, bytes), size);
    assert.deepEqual(beside(object), [object.id.slice(2)]);
  });
}

test('in the same run too, and as often as it breaks', async () => {
  const object = objectOf(huge);
  const cache = open();
  let last = 0;
  for (let end = 10 * mib; end < huge.length; end += 10 * mib) {
    const from = source(huge, end, end === 20 * mib ? new DOMException('stop', 'AbortError') : down());
    await assert.rejects(cache.receive(object, from.read, live));
    assert.ok((from.starts[0] ?? -1) >= last, String(from.starts));
    last = end - mib;
  }
  assert.ok(((await arrives(object, huge, cache)) ?? 0) > 39 * mib);
  assert.deepEqual(beside(object), [object.id.slice(2)]);
});

test('all of it is there and only its name is missing', async () => {
  const object = objectOf(big);
  const partial = await breakOff(object, big, big.length);
  appendFileSync(
    join(dirname(open().path(object)), partial),
    big.subarray(statSync(join(dirname(open().path(object)), partial)).size),
  );
  assert.equal(await arrives(object, big), big.length);
});

test('nothing stays of little, of wrong bytes, and of a disk that refuses', async () => {
  const object = objectOf(big);
  for (const [end, error] of [
    [4 * mib, down()],
    [12 * mib, down('io')],
    [12 * mib, down('corrupt')],
    [12 * mib, down('missing')],
    [12 * mib, new TypeError('a mistake of ours')],
  ] as const) {
    await assert.rejects(open().receive(object, source(big, end, error).read, live));
    assert.deepEqual(beside(object), [], String(error));
  }
  await assert.rejects(open().write(object, source(big, 12 * mib, down()).read(0), live));
  assert.deepEqual(beside(object), []);
});

test('bytes that turn out wrong at the end are dropped, and all are asked for then', async () => {
  for (const bytes of [big, huge]) {
    const object = objectOf(bytes);
    const path = join(dirname(open().path(object)), await breakOff(object, bytes, 12 * mib));
    truncateSync(path, statSync(path).size - 1);
    appendFileSync(path, 'x');
    await assert.rejects(open().receive(object, source(bytes).read, live), { code: 'corrupt' });
    assert.deepEqual(beside(object), []);
    assert.equal(await arrives(object, bytes), 0);
  }
});

/** Another process that receives the object as far as `end` and then waits. */
async function elsewhere(object: DvcObject, end: number): Promise<ChildProcess> {
  const program = `
    import { openCache } from './src/dvc/cache.ts';
    import { noise } from './test/conformance/storage.ts';
    const bytes = noise(${big.length});
    const cache = openCache(${JSON.stringify(root)}, { shared: undefined, fsyncObjects: false });
    async function* read(start) {
      for (let at = start; at < ${end}; at += 60_000) yield bytes.subarray(at, at + 60_000);
      console.log('there');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      for (let at = start + Math.ceil((${end} - start) / 60_000) * 60_000; at < bytes.length; at += 60_000)
        yield bytes.subarray(at, at + 60_000);
    }
    await cache.receive(${JSON.stringify(object)}, read, { signal: new AbortController().signal });
    process.exit(0);
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

test('a process that was killed leaves what it had to the next', async () => {
  const object = objectOf(big);
  const child = await elsewhere(object, 16 * mib);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(((await arrives(object, big)) ?? 0) > 15 * mib);
  assert.deepEqual(beside(object), [object.id.slice(2)]);
});

test('so does one whose number another process has by now', async () => {
  const object = objectOf(big);
  const folder = dirname(open().path(object));
  const name = await breakOff(object, big, 16 * mib);
  const reused = name.replace(/-\d+-\d+\./, `-${process.ppid}-1.`);
  assert.notEqual(reused, name);
  renameSync(join(folder, name), join(folder, reused));
  assert.ok(((await arrives(object, big)) ?? 0) > 15 * mib);
  assert.deepEqual(beside(object), [object.id.slice(2)]);
});

test('two processes at once have each a file of its own', async () => {
  const object = objectOf(big);
  const child = await elsewhere(object, 16 * mib);
  assert.equal(await arrives(object, big), 0);
  child.stdin?.end('go on\n');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.ok(readFileSync(open().path(object)).equals(big));
  assert.deepEqual(beside(object), [object.id.slice(2)]);
});

test('of a process of another machine a copy is gone on from, once it has been silent', async () => {
  const object = objectOf(big);
  const folder = dirname(open().path(object));
  const name = await breakOff(object, big, 16 * mib);
  const foreign = name.replace(/\.[0-9a-f]{12}-/, '.00112233aabb-');
  renameSync(join(folder, name), join(folder, foreign));
  const ago = (minutes: number): void => {
    const time = Date.now() / 1000 - minutes * 60;
    utimesSync(join(folder, foreign), time, time);
  };
  assert.equal(await arrives(object, big), 0);
  rmSync(open().path(object));
  ago(5);
  assert.ok(((await arrives(object, big)) ?? 0) > 15 * mib);
  rmSync(open().path(object));
  assert.deepEqual(beside(object), [foreign]);
  ago(100);
  assert.ok(((await arrives(object, big)) ?? 0) > 15 * mib);
  assert.deepEqual(beside(object), [object.id.slice(2)]);
});

test('what nobody goes on with is swept after three days, and at once when the object has come', async () => {
  const object = objectOf(big);
  const folder = dirname(open().path(object));
  const name = await breakOff(object, big, 16 * mib);
  const daysAgo = (days: number): void => {
    const time = Date.now() / 1000 - days * 24 * 3600;
    utimesSync(join(folder, name), time, time);
  };
  daysAgo(2);
  open().removeStaleTemporaries();
  assert.deepEqual(beside(object), [name]);
  daysAgo(4);
  open().removeStaleTemporaries();
  assert.deepEqual(beside(object), []);
  await breakOff(object, big, 16 * mib);
  await open().write(object, big, live);
  open().removeStaleTemporaries();
  assert.deepEqual(beside(object), [object.id.slice(2)]);
});
