import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { partBytesOf } from '../../../src/storage/s3/multipart.ts';
import { isHere } from '../../../src/storage/s3/unfinished.ts';
import { failsWith, operation } from '../../conformance/storage.ts';
import { openS3 } from '../../servers/s3-remote.ts';

const mib = 2 ** 20;
const gib = 2 ** 30;
const tib = 2 ** 40;

test('any object up to the limit is cut into parts that S3 takes', () => {
  const sizes = [8 * mib + 1, 5 * gib, 5 * gib + 1, 50 * gib, 5 * tib - 1, 5 * tib, 39 * tib];
  // Around every size at which a part grows.
  for (let part = 8; part <= 4096; part = part * 2 - 1) sizes.push(part * mib * 10_000, part * mib * 10_000 + 1);
  for (const size of sizes.filter((each) => each <= 39 * tib)) {
    const part = partBytesOf(size, 'cannot write');
    const count = Math.ceil(size / part);
    const last = size - (count - 1) * part;
    assert.ok(count <= 10_000, `${size}: ${count} parts`);
    assert.ok(part >= 5 * mib && part <= 5 * gib, `${size}: parts of ${part}`);
    assert.ok(last >= 1 && last <= part, `${size}: a last part of ${last}`);
    assert.equal((count - 1) * part + last, size);
  }
  assert.equal(partBytesOf(50 * gib, ''), 8 * mib);
  assert.equal(partBytesOf(5 * tib, ''), 525 * mib);
});

test('an object that no parts can carry is refused before anything is asked', async () => {
  assert.throws(() => partBytesOf(40 * tib, 'cannot write'), failsWith('unsupported', /more than 39 TiB/));
  // Nobody listens there.
  const storage = await openS3('http://127.0.0.1:1');
  const content = { size: 50 * tib, open: (): AsyncIterable<Uint8Array> => assert.fail('it was read') };
  await assert.rejects(
    storage.write('files/md5/ab/cdef', content, operation),
    failsWith('unsupported', /cannot write to 's3:.*': an object of more than 39 TiB does not fit into S3/),
  );
  await storage.close();
});

test('a part counts as there when size and MD5 are those of the content', () => {
  const body = Buffer.from('some bytes');
  const md5 = createHash('md5').update(body).digest('hex');
  assert.ok(isHere({ tag: `"${md5}"`, size: 10 }, body));
  assert.ok(isHere({ tag: md5.toUpperCase(), size: 10 }, body));
  assert.ok(!isHere({ tag: `"${md5}"`, size: 11 }, body));
  assert.ok(!isHere({ tag: `"${md5.replace(/^./, 'g')}"`, size: 10 }, body));
  assert.ok(!isHere({ tag: '', size: 10 }, body));
});
