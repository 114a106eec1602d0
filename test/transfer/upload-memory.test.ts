import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openUploadMemory } from '../../src/transfer/upload-memory.ts';

const place = { name: 'a'.repeat(32), shared: false };
const key = 'files/md5/ab/cdef';
const day = 24 * 3600 * 1000;
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-uploads-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const files = (): string[] =>
  readdirSync(join(directory, 'uploads'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('a note is there for the next run, of this place only, and for nobody else to read', () => {
  openUploadMemory(directory, place).note(key, 'upload 1');
  openUploadMemory(directory, place).note(key, 'upload 2');
  const memory = openUploadMemory(directory, place);
  assert.equal(memory.recall(key), 'upload 2');
  assert.equal(memory.recall('files/md5/ab/other'), undefined);
  assert.equal(openUploadMemory(directory, { ...place, name: 'b'.repeat(32) }).recall(key), undefined);
  assert.deepEqual(
    files().map((file) => statSync(file).mode & 0o777),
    [0o600],
  );
  memory.forget(key);
  memory.forget(key);
  assert.equal(memory.recall(key), undefined);
  assert.deepEqual(files(), []);
});

test('after some days it is no longer recalled but told as expired, and later dropped', () => {
  openUploadMemory(directory, place).note(key, 'upload 1');
  const after = (days: number) => openUploadMemory(directory, place, () => Date.now() + days * day);
  assert.equal(after(2).recall(key), 'upload 1');
  assert.deepEqual(after(2).expired(), []);
  assert.equal(after(4).recall(key), undefined);
  assert.deepEqual(after(4).expired(), [[key, 'upload 1']]);
  assert.deepEqual(after(4).expired(), [[key, 'upload 1']], 'until it is forgotten');
  after(20).note('another', 'x');
  assert.deepEqual(files().length, 1);
});

test('notes are bounded in number and length, the oldest go', () => {
  const memory = openUploadMemory(directory, place);
  for (let at = 0; at < 300; at++) memory.note(`key ${at}`, 'x');
  assert.ok(files().length <= 256, String(files().length));
  assert.equal(memory.recall('key 299'), 'x');
  memory.note('long', 'x'.repeat(100_000));
  assert.equal(memory.recall('long'), undefined);
});

test('what cannot be read or written is only not remembered', () => {
  const memory = openUploadMemory(directory, place);
  memory.note(key, 'upload 1');
  for (const text of ['', '{', '[]', 'null', '{"key":1,"text":2}', JSON.stringify({ key: 'other', text: 'x' })]) {
    writeFileSync(files()[0] ?? '', text);
    assert.equal(memory.recall(key), undefined, text);
  }
  writeFileSync(join(directory, 'file'), '');
  const nowhere = openUploadMemory(join(directory, 'file'), place);
  nowhere.note(key, 'x');
  assert.equal(nowhere.recall(key), undefined);
  assert.deepEqual(nowhere.expired(), []);
  nowhere.forget(key);
  chmodSync(directory, 0o700);
});
