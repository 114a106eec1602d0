import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type CacheOptions, openCache } from '../../src/dvc/cache.ts';
import { diskError } from '../../src/dvc/cache-error.ts';
import { readWhole } from '../../src/dvc/cache-reader.ts';
import { digestOf } from '../../src/dvc/hash.ts';
import { HelperError } from '../../src/model/error.ts';
import { type DvcObject, type HashKind, requireObjectId } from '../../src/model/object.ts';

const plain: CacheOptions = { shared: undefined, fsyncObjects: false };
const live = { signal: new AbortController().signal };
const small = Buffer.from('some data\r\n');
const large = randomBytes(3 * 2 ** 20 + 17);

let base: string;
let root: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'dvcexp-cache-'));
  root = join(base, 'deep', 'cache');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function objectOf(bytes: Uint8Array, kind: HashKind = 'md5', suffix = ''): DvcObject {
  return { kind, id: requireObjectId(`${digestOf(kind, bytes)}${suffix}`, 'test') };
}

async function* stream(bytes: Uint8Array, size = 60_000): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* broken(bytes: Uint8Array, error: unknown): AsyncIterable<Uint8Array> {
  yield* stream(bytes);
  throw error;
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** Paths of all files (and links) below the cache, from its root. */
function files(): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

async function failure(work: () => unknown): Promise<HelperError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof HelperError, String(error));
    return error;
  }
  return assert.fail('nothing was thrown');
}

const key = (object: DvcObject): string => openCache('/', plain).path(object).slice(1);

for (const fsyncObjects of [false, true]) {
  for (const [name, bytes] of [
    ['empty', Buffer.alloc(0)],
    ['small', small],
    ['large', large],
  ] as const) {
    for (const form of ['bytes', 'stream'] as const) {
      test(`places a ${name} object given as ${form}${fsyncObjects ? ', synced' : ''}`, async () => {
        const cache = openCache(root, { shared: undefined, fsyncObjects });
        const object = objectOf(bytes);
        assert.equal(cache.size(object), undefined);
        assert.equal(await cache.write(object, form === 'bytes' ? bytes : stream(bytes), live), bytes.length);
        assert.deepEqual(files(), [key(object)]);
        assert.equal(lstatSync(cache.path(object)).mode & 0o7777, 0o444);
        assert.deepEqual(readFileSync(cache.path(object)), Buffer.from(bytes));
        assert.equal(cache.size(object), bytes.length);
        assert.deepEqual(Buffer.from(cache.read(object)), Buffer.from(bytes));
        const content = cache.content(object);
        assert.equal(content.size, bytes.length);
        assert.deepEqual(await gather(content.open()), Buffer.from(bytes));
        assert.deepEqual(await gather(content.open()), Buffer.from(bytes), 'a second time');
      });
    }
  }
}

test('legacy objects live at the root and are named by their text', async () => {
  const cache = openCache(root, plain);
  const object = objectOf(small, 'md5-dos2unix');
  await cache.write(object, small, live);
  assert.deepEqual(files(), [`${object.id.slice(0, 2)}/${object.id.slice(2)}`]);
  assert.deepEqual(Buffer.from(cache.read(object)), small);
  assert.notEqual(object.id, objectOf(small).id);
});

test('listings', async () => {
  const bytes = Buffer.from('[]');
  const object = objectOf(bytes, 'md5', '.dir');
  await openCache(root, plain).write(object, bytes, live);
  assert.deepEqual(files(), ['files/md5/d7/51713988987e9331980363e24189ce.dir']);
});

test('modes do not depend on the umask, but for directories', async (context) => {
  const before = process.umask(0o077);
  context.after(() => process.umask(before));
  const cache = openCache(root, plain);
  const shared = openCache(join(base, 'shared'), { shared: 'group', fsyncObjects: false });
  for (const each of [cache, shared]) await each.write(objectOf(small), stream(small), live);
  const modes = (path: string): number[] => {
    const folder = dirname(path);
    return [path, folder, dirname(folder), dirname(dirname(folder)), dirname(dirname(dirname(folder)))].map(
      (each) => statSync(each).mode & 0o7777,
    );
  };
  assert.deepEqual(modes(cache.path(objectOf(small))), [0o444, 0o700, 0o700, 0o700, 0o700]);
  assert.deepEqual(modes(shared.path(objectOf(small))), [0o444, 0o2775, 0o2775, 0o2775, 0o2775]);
});

test('nobody else can read what is not checked yet', async (context) => {
  const before = process.umask(0);
  context.after(() => process.umask(before));
  let seen: readonly string[] = [];
  let mode = 0;
  async function* watched(): AsyncIterable<Uint8Array> {
    yield* stream(large);
    seen = files();
    mode = lstatSync(join(root, seen[0] ?? '')).mode & 0o7777;
  }
  await openCache(root, plain).write(objectOf(large), watched(), live);
  assert.equal(seen.length, 1);
  assert.match(seen[0] ?? '', /^files\/md5\/..\/\.[\w.-]+\.dvcexp\.tmp$/);
  assert.equal(mode, 0o600);
});

for (const [name, bytes] of [
  ['small', small],
  ['large', large],
] as const) {
  test(`wrong ${name} bytes leave nothing behind`, async () => {
    const cache = openCache(root, plain);
    const wrong = Buffer.from(bytes);
    wrong[0] = 1 + (wrong[0] ?? 0);
    const error = await failure(() => cache.write(objectOf(bytes), stream(wrong), live));
    assert.equal(error.code, 'corrupt');
    assert.match(error.message, /^the bytes received for object 'files\/md5\/[0-9a-f/]+' hash to '[0-9a-f]{32}'$/);
    assert.deepEqual(files(), []);
  });

  test(`a source that breaks after ${name} bytes leaves nothing behind`, async () => {
    const error = new Error('connection reset');
    await assert.rejects(openCache(root, plain).write(objectOf(bytes), broken(bytes, error), live), error);
    assert.deepEqual(files(), []);
  });

  test(`an abort after ${name} bytes of a source that stays silent leaves nothing behind`, async () => {
    const controller = new AbortController();
    async function* silent(): AsyncIterable<Uint8Array> {
      yield* stream(bytes);
      setTimeout(() => controller.abort(), 10);
      await new Promise(() => setTimeout(() => undefined, 50));
    }
    const writing = openCache(root, plain).write(objectOf(bytes), silent(), { signal: controller.signal });
    await assert.rejects(writing, { name: 'AbortError' });
    assert.deepEqual(files(), []);
  });

  test(`damaged ${name} objects are told by name when they are read`, async () => {
    const cache = openCache(root, plain);
    const object = objectOf(bytes);
    await cache.write(object, bytes, live);
    chmodSync(cache.path(object), 0o644);
    writeFileSync(cache.path(object), Buffer.of((bytes[0] ?? 0) ^ 1), { flag: 'r+' });
    chmodSync(cache.path(object), 0o444);
    const got: Uint8Array[] = [];
    const error = await failure(async () => {
      for await (const chunk of cache.content(object).open()) got.push(chunk);
    });
    assert.equal(error.code, 'corrupt');
    assert.match(error.message, /^damaged object 'files\/md5\/[0-9a-f/]+' in '.*': its bytes hash to '[0-9a-f]{32}'$/);
    assert.ok(error.message.includes(cache.path(object)));
    assert.ok(error.hints[0]?.includes(`rm -f ${cache.path(object)}`));
    assert.ok(Buffer.concat(got).length < bytes.length, 'the whole of it got out');
    assert.equal((await failure(() => cache.read(object))).code, 'corrupt');
  });

  test(`a right ${name} object stays, a damaged one is replaced`, async () => {
    const cache = openCache(root, plain);
    const object = objectOf(bytes);
    await cache.write(object, stream(bytes), live);
    const { ino } = lstatSync(cache.path(object));
    await cache.write(object, stream(bytes), live);
    await cache.write(object, bytes, live);
    assert.equal(lstatSync(cache.path(object)).ino, ino);
    for (const damage of [Buffer.alloc(bytes.length, 'x'), bytes.subarray(1)]) {
      for (const again of [bytes, stream(bytes)]) {
        rmSync(cache.path(object));
        writeFileSync(cache.path(object), damage, { mode: 0o444 });
        await cache.write(object, again, live);
        assert.deepEqual(readFileSync(cache.path(object)), Buffer.from(bytes));
      }
    }
    assert.deepEqual(files(), [key(object)]);
  });

  test(`removeDamaged takes only damaged ${name} objects`, async () => {
    const cache = openCache(root, plain);
    const object = objectOf(bytes);
    assert.equal(await cache.removeDamaged(object), false);
    await cache.write(object, bytes, live);
    assert.equal(await cache.removeDamaged(object), false);
    assert.equal(cache.size(object), bytes.length);
    rmSync(cache.path(object));
    writeFileSync(cache.path(object), bytes.subarray(0, bytes.length - 1));
    assert.equal(await cache.removeDamaged(object), true);
    assert.deepEqual(files(), []);
  });
}

test('a damaged object that a hard link shares keeps its bytes there', async () => {
  const cache = openCache(root, plain);
  const object = objectOf(small);
  mkdirSync(dirname(cache.path(object)), { recursive: true });
  const outside = join(base, 'work-tree-file');
  writeFileSync(outside, 'edited in place');
  linkSync(outside, cache.path(object));
  await cache.write(object, small, live);
  assert.equal(readFileSync(outside, 'utf8'), 'edited in place');
  assert.deepEqual(readFileSync(cache.path(object)), small);
});

test('an abort before the start writes nothing', async () => {
  await assert.rejects(openCache(root, plain).write(objectOf(small), small, { signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
  assert.equal(existsSync(root), false);
});

test('an absent object', async () => {
  const cache = openCache(root, plain);
  const object = objectOf(small);
  for (const ask of [() => cache.content(object), () => cache.read(object)]) {
    const error = await failure(ask);
    assert.equal(error.code, 'missing');
    assert.equal(error.message, `object '${key(object)}' is not in the cache '${root}'`);
  }
});

test('the cache itself may be a link, nothing below may', async () => {
  const object = objectOf(small);
  const real = join(base, 'real');
  mkdirSync(real);
  symlinkSync(real, join(base, 'link'));
  await openCache(join(base, 'link'), plain).write(object, small, live);
  assert.ok(existsSync(join(real, key(object))));

  const outside = join(base, 'outside');
  mkdirSync(outside);
  for (const link of ['files', 'files/md5', `files/md5/${object.id.slice(0, 2)}`]) {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(dirname(join(root, link)), { recursive: true });
    symlinkSync(outside, join(root, link));
    const error = await failure(() => openCache(root, plain).write(object, small, live));
    assert.equal(error.code, 'io');
    assert.equal(error.message, `'${join(root, link)}' in the cache is not a directory`);
    assert.deepEqual(readdirSync(outside), []);
  }
});

test('an object that is a link is neither read nor written through', async () => {
  const cache = openCache(root, plain);
  const object = objectOf(small);
  const outside = join(base, 'outside');
  writeFileSync(outside, small);
  mkdirSync(dirname(cache.path(object)), { recursive: true });
  symlinkSync(outside, cache.path(object));
  assert.equal(cache.size(object), undefined);
  assert.equal((await failure(() => cache.read(object))).code, 'missing');
  // One that is put there between the look and the reading.
  assert.equal((await failure(() => readWhole(object, cache.path(object), small.length))).code, 'io');
  await cache.write(object, small, live);
  assert.ok(lstatSync(cache.path(object)).isFile());
  assert.equal(lstatSync(outside).mode & 0o222, 0o200 | (lstatSync(outside).mode & 0o022));
});

test('a directory that vanishes between two objects is made again', async () => {
  const cache = openCache(root, plain);
  await cache.write(objectOf(small), small, live);
  rmSync(root, { recursive: true });
  await cache.write(objectOf(small), small, live);
  assert.deepEqual(files(), [key(objectOf(small))]);
});

test('what the disk refuses is an io error that names the place', async () => {
  writeFileSync(join(base, 'file'), '');
  const blocked = join(base, 'file', 'cache');
  const error = await failure(() => openCache(blocked, plain).write(objectOf(small), small, live));
  assert.equal(error.code, 'io');
  assert.equal(error.message, `cannot write '${join(blocked, key(objectOf(small)))}': not a directory`);
});

test('a full disk is told with what to do', () => {
  const caught = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const error = diskError(caught, "cannot write 'x'", '/c');
  assert.equal(error.code, 'io');
  assert.equal(error.message, "cannot write 'x': no space left on device");
  assert.deepEqual(error.hints, [
    "free some space on the disk of '/c'",
    'or move the cache: dvc cache dir --local <directory on a larger disk>',
  ]);
});

test('only our own temporaries of yesterday are swept', async () => {
  const cache = openCache(root, plain);
  const object = objectOf(small);
  await cache.write(object, small, live);
  const folder = dirname(cache.path(object));
  const legacy = join(root, 'ab');
  mkdirSync(legacy);
  const names = ['.0123456789abcdefghij_-.dvcexp.tmp', '.0123456789abcdefghijkl.tmp', 'x.tmp', '.x.dvcexp.tmp'];
  const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
  for (const directory of [folder, legacy, root]) {
    for (const name of names) {
      writeFileSync(join(directory, name), '');
      utimesSync(join(directory, name), old, old);
    }
    writeFileSync(join(directory, '.young6789abcdefghij_-.dvcexp.tmp'), '');
  }
  utimesSync(cache.path(object), old, old);
  const before = files();
  cache.removeStaleTemporaries();
  const gone = [folder, legacy].map((directory) => join(directory, names[0] ?? '').slice(root.length + 1));
  assert.deepEqual(
    files(),
    before.filter((name) => !gone.includes(name)),
  );
});

test('many writers of the same and of other objects', async () => {
  const cache = openCache(root, plain);
  setMaxListeners(30, live.signal);
  const bodies = Array.from({ length: 8 }, (_, i) => randomBytes(i % 2 === 0 ? 100 : 400_000));
  await Promise.all(
    [...bodies, ...bodies, ...bodies].map((bytes) => cache.write(objectOf(bytes), stream(bytes), live)),
  );
  assert.equal(files().length, bodies.length);
  for (const bytes of bodies)
    assert.equal(
      createHash('md5')
        .update(cache.read(objectOf(bytes)))
        .digest('hex'),
      objectOf(bytes).id,
    );
});
