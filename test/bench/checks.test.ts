import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkArrived, checkStored, md5OfPath } from '../../scripts/bench/checks.ts';
import { openObjectWriter } from '../../scripts/bench/objects.ts';
import type { Store, Stored } from '../../scripts/bench/service.ts';
import { type Content, workloads } from '../../scripts/bench/workloads.ts';

function makeContent(context: TestContext): { content: Content; cache: string; path: string } {
  const cache = mkdtempSync(join(tmpdir(), 'dvcexp-bench-test-'));
  context.after(() => rmSync(cache, { recursive: true }));
  const workload = workloads(true).find(({ name }) => name === 'experiments');
  assert.ok(workload);
  const content = workload.make(openObjectWriter(cache, 'seed'));
  const [path = ''] = content.required.keys();
  chmodSync(join(cache, path), 0o644);
  return { content, cache, path };
}

function storeOf(stored: ReadonlyMap<string, Stored>, md5 = ''): Pick<Store, 'list' | 'md5'> {
  return { list: async () => stored, md5: async () => md5 };
}

const arrived = (content: Content): Map<string, Stored> =>
  new Map([...content.required].map(([path, sizeBytes]) => [path, { sizeBytes, etag: md5OfPath(path) }]));

test('the generated project has as many objects as its title says', (context) => {
  const { content } = makeContent(context);
  assert.equal(content.required.size, 100 + 10 + 10);
  assert.equal(content.optional.size, 1);
});

test('a cache with all objects is right, with or without the listing of the baseline', (context) => {
  const { content, cache } = makeContent(context);
  checkArrived(content, cache);
  for (const path of content.optional.keys()) rmSync(join(cache, path));
  checkArrived(content, cache);
});

test('a cache with one byte too many, one byte wrong, or one object lost or left behind is found out', (context) => {
  const { content, cache, path } = makeContent(context);
  writeFileSync(join(cache, path), Buffer.alloc(content.required.get(path) ?? 0));
  assert.throws(() => checkArrived(content, cache), /1 objects .*\n {2}files\/md5\/.*: its bytes have the MD5/);
  appendFileSync(join(cache, path), '.');
  assert.throws(() => checkArrived(content, cache), /: 4097 bytes instead of 4096/);
  rmSync(join(cache, path));
  assert.throws(() => checkArrived(content, cache), /: absent/);
  writeFileSync(join(cache, 'files/md5/new.tmp'), '');
  assert.throws(() => checkArrived(content, cache), /new\.tmp: not expected/);
});

test('storage is judged by size and tag, and by its bytes where the tag is none of them', async (context) => {
  const { content, path } = makeContent(context);
  const md5 = md5OfPath(path);
  const sizeBytes = content.required.get(path) ?? 0;
  await checkStored(content, storeOf(arrived(content)), 'bucket', 'dvc');
  const changed = (stored: Stored): Map<string, Stored> => arrived(content).set(path, stored);
  const check = (stored: Stored, bytes?: string): Promise<void> =>
    checkStored(content, storeOf(changed(stored), bytes), 'bucket', 'dvc');
  await assert.rejects(check({ sizeBytes, etag: 'f'.repeat(32) }), /have the MD5 f+/);
  await assert.rejects(check({ sizeBytes: 1, etag: md5 }), /1 bytes instead of/);
  await assert.rejects(check({ sizeBytes, etag: 'aa-2' }, 'bb'), /have the MD5 bb/);
  await check({ sizeBytes, etag: 'aa-2' }, md5);
  const lost = arrived(content);
  lost.delete(path);
  await assert.rejects(checkStored(content, storeOf(lost), 'bucket', 'dvc'), /: absent/);
});
