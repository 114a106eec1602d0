import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll, testStorage } from '../conformance/storage.ts';
import { trusting } from '../kit/trusting.ts';

const top = fs.mkdtempSync(join(tmpdir(), 'dvcexp-local-'));
after(() => fs.rmSync(top, { recursive: true, force: true }));

const openAt = (url: string, createBase = false): Promise<Storage> =>
  openStorage(
    { name: 'store', scheme: 'local', url, options: {}, committed: new Set() },
    { env: {}, home: top, createBase, judge: trusting },
  );
const fresh = (): string => fs.mkdtempSync(join(top, 'base-'));

let base = '';
testStorage('local', {
  open(prefix = 'store') {
    base = join(fresh(), prefix);
    return openAt(base, true);
  },
  async leftovers() {
    if (!fs.existsSync(base)) return [];
    return fs
      .readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name);
  },
  bigBytes: 2 << 20,
});

test('objects have mode 0444 under any umask, entries of the run cache 0644', async () => {
  const storage = await openAt(join(fresh(), 'store'));
  const before = process.umask(0o077);
  try {
    await storage.write('ab/small', contentOf('x'), operation);
    await storage.write('ab/large', contentOf(noise(3 << 20)), operation);
    await storage.write('runs/ab/entry', contentOf('x'), operation);
  } finally {
    process.umask(before);
  }
  for (const [key, mode] of [
    ['ab/small', 0o444],
    ['ab/large', 0o444],
    ['runs/ab/entry', 0o644],
  ] as const) {
    assert.equal(fs.statSync(join(storage.displayUrl, key)).mode & 0o7777, mode, key);
  }
});

test('a base directory that is not there: broken for reading, empty before the first write', async () => {
  const url = join(fresh(), 'not', 'mounted');
  const reading = await openAt(url);
  const broken = failsWith('unavailable', /mount it, or create it with: mkdir -p/);
  await assert.rejects(reading.stat('a', operation), broken);
  await assert.rejects(listAll(reading, ''), broken);
  await assert.rejects(readAll(reading, 'a'), broken);
  const writing = await openAt(url, true);
  assert.equal(await writing.stat('a', operation), undefined);
  assert.deepEqual(await listAll(writing, ''), []);
  assert.equal(fs.existsSync(url), false);
  await writing.write('a', contentOf('x'), operation);
  assert.equal(String(await readAll(reading, 'a')), 'x');
});

test('a base that is a file is a mistake in the configuration', async () => {
  const url = join(fresh(), 'file');
  fs.writeFileSync(url, 'x');
  const storage = await openAt(url, true);
  await assert.rejects(storage.stat('a', operation), failsWith('config', /is not a directory/));
  await assert.rejects(storage.write('a', contentOf('x'), operation), failsWith('io'));
});

test('writing follows no symlink below the base', async () => {
  const url = fresh();
  const elsewhere = fresh();
  fs.symlinkSync(elsewhere, join(url, 'ab'));
  const storage = await openAt(url);
  await assert.rejects(storage.write('ab/cd', contentOf('x'), operation), failsWith('config', /link or a file/));
  assert.deepEqual(fs.readdirSync(elsewhere), []);
  // The object's own name being a link: the link goes, what it points at stays as it is.
  const victim = join(elsewhere, 'victim');
  fs.writeFileSync(victim, 'keep me');
  fs.symlinkSync(victim, join(url, 'object'));
  await storage.write('object', contentOf('new'), operation);
  assert.equal(fs.readFileSync(victim, 'utf8'), 'keep me');
  assert.ok(fs.lstatSync(join(url, 'object')).isFile());
});

test('only regular files of a proper name are objects', { timeout: 5000 }, async () => {
  const url = fresh();
  fs.mkdirSync(join(url, 'ab', 'sub'), { recursive: true });
  fs.writeFileSync(join(url, 'ab', 'good'), 'x');
  fs.writeFileSync(join(url, 'ab', '.Zm9v.tmp'), 'half');
  fs.writeFileSync(join(url, 'ab', 'new\nline'), 'x');
  fs.symlinkSync('.', join(url, 'ab', 'loop'));
  fs.symlinkSync('nowhere', join(url, 'ab', 'dangling'));
  const storage = await openAt(url);
  assert.deepEqual(await listAll(storage, ''), [{ key: 'ab/good', size: 1 }]);
  assert.equal(await storage.stat('ab/sub', operation), undefined);
  assert.equal(await storage.stat('ab/good/below', operation), undefined);
  await assert.rejects(readAll(storage, 'ab/sub'), failsWith('missing'));
});

test('directories removed while the storage is open are made again', async () => {
  const url = fresh();
  const storage = await openAt(url);
  await storage.write('ab/1', contentOf('x'), operation);
  fs.rmSync(join(url, 'ab'), { recursive: true });
  await storage.write('ab/2', contentOf('x'), operation);
  assert.deepEqual(await listAll(storage, 'ab/'), [{ key: 'ab/2', size: 1 }]);
});

test('a push sweeps what killed runs left a day ago, and nothing else', async () => {
  const url = fresh();
  const folder = join(url, 'files', 'md5', 'ab');
  fs.mkdirSync(folder, { recursive: true });
  const [old, young, linked, foreign] = ['A', 'B', 'C', 'D'].map((letter) => `.${letter.repeat(22)}`);
  const time = Date.now() / 1000 - 2 * 24 * 3600;
  for (const name of [`${old}.dvcexp.tmp`, `${young}.dvcexp.tmp`, `${foreign}.tmp`, 'cdef']) {
    fs.writeFileSync(join(folder, name), 'x');
    if (!name.startsWith(`${young}`)) fs.utimesSync(join(folder, name), time, time);
  }
  fs.symlinkSync('cdef', join(folder, `${linked}.dvcexp.tmp`));
  fs.lutimesSync(join(folder, `${linked}.dvcexp.tmp`), time, time);
  assert.deepEqual(await listAll(await openAt(url), ''), [{ key: 'files/md5/ab/cdef', size: 1 }]);
  assert.equal(fs.readdirSync(folder).length, 5, 'whoever only looks changes nothing');
  const uploads = { recall: () => undefined, note: () => {}, forget: () => {}, expired: () => [] };
  const pushing = await openStorage(
    { name: 'storage', scheme: 'local', url, options: {}, committed: new Set() },
    { env: {}, home: '/nonexistent', judge: trusting, uploads },
  );
  assert.equal((await listAll(pushing, '')).length, 1);
  const left = [`${young}.dvcexp.tmp`, `${linked}.dvcexp.tmp`, `${foreign}.tmp`, 'cdef'];
  assert.deepEqual(fs.readdirSync(folder).sort(), left.sort());
});
