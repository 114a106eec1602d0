// Generations of an object, DVC's `version_id` of a cloud-versioned remote.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { contentOf, failsWith, noise, operation, readAll } from '../conformance/storage.ts';
import { bucket, type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { anonymous, freshUrl, openGs } from './gs-remote.ts';

let server: FakeGcs;
before(
  async () => {
    server = await startFakeGcs({ versions: true });
  },
  { timeout: 60_000 },
);
after(() => server?.close());

test('every generation can be read, from the start and from the middle', { timeout: 60_000 }, async () => {
  const url = freshUrl();
  const name = `${url.slice(`gs://${bucket}/`.length)}/data/a b`;
  const storage = await openGs(server.endpoint, anonymous, { url });
  try {
    const contents = [noise(40 << 20), Buffer.from('second'), Buffer.alloc(0)];
    const generations: string[] = [];
    for (const bytes of contents) {
      await storage.write('data/a b', contentOf(bytes), operation);
      const object = await fetch(`${server.endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`);
      generations.push(((await object.json()) as { generation: string }).generation);
    }
    assert.equal(new Set(generations).size, 3);
    for (const [at, version] of generations.entries()) {
      const bytes = contents[at] ?? Buffer.alloc(0);
      assert.ok((await readAll(storage, 'data/a b', { ...operation, version })).equals(bytes));
      const start = bytes.length >> 1;
      assert.ok((await readAll(storage, 'data/a b', { ...operation, version, start })).equals(bytes.subarray(start)));
    }
    assert.equal((await readAll(storage, 'data/a b')).length, 0);
    const read = async (version: string): Promise<Buffer> => readAll(storage, 'data/a b', { ...operation, version });
    for (const none of ['1', '', 'x', '1&alt=json', '-1', '89de1317-7c0b', '9'.repeat(30)]) {
      await assert.rejects(read(none), failsWith('missing', /no object 'data\/a b' in version '/));
    }
  } finally {
    await storage.close();
  }
});
