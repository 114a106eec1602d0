// Plain HTTP: servers that refuse writing or HEAD, that keep nothing of what they take, and that break off.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Content } from '../../src/model/operation.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, noise, operation, readAll } from '../conformance/storage.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { filesIn, startNginx, type WebServer } from '../kit/web-servers.ts';
import { freshFolder, login, openWeb } from './web-remote.ts';

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
let server: WebServer;
let proxy: FaultProxy;
before(async () => {
  server = await startNginx({ dav: true });
  proxy = await openFaultProxy(server);
});
after(async () => {
  await proxy?.close();
  await server?.close();
});
afterEach(() => {
  proxy.rules = [];
});

async function using(options: Record<string, string>, work: (storage: Storage, folder: string) => Promise<unknown>) {
  const folder = freshFolder();
  const storage = await openWeb(`http://127.0.0.1:${proxy.port}/${folder}`, options);
  try {
    await work(storage, join(server.directory, folder));
  } finally {
    await storage.close();
  }
}

test('a server that refuses writing, whatever the method', async () => {
  await using({}, (storage) =>
    assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('config', /404.*POST[\s\S]*method PUT\n/)),
  );
  proxy.rules = [{ match: /^PUT/, status: 405 }];
  await using({ method: 'PUT' }, (storage) =>
    assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('config', /method POST\n.*fetched from/)),
  );
  proxy.rules = [{ match: /^PUT/, status: 507 }];
  await using({ method: 'PUT' }, (storage) =>
    assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('full', /no room left/)),
  );
});

test('a server that takes the object and does not keep it', async () => {
  proxy.rules = [{ match: /^POST/, status: 200 }];
  await using({}, (storage) =>
    assert.rejects(storage.write(key, contentOf('x'), operation), failsWith('config', /by POST and has not got it/)),
  );
  await using({ method: 'POST' }, async (storage, folder) => {
    mkdirSync(dirname(join(folder, key)), { recursive: true });
    writeFileSync(join(folder, key), 'short');
    await assert.rejects(storage.write(key, contentOf('longer'), operation), failsWith('config', /has 5 bytes of 6/));
  });
});

test('a server that takes no HEAD is asked for the first byte', async () => {
  for (const status of [405, 403, 501]) {
    proxy.rules = [{ match: /^HEAD/, status }];
    await using({ method: 'PUT' }, async (storage) => {
      assert.equal(await storage.stat(key, operation), undefined);
      for (const size of [0, 1, 70_000]) {
        await storage.write(key, contentOf(noise(size)), operation);
        assert.deepEqual(await storage.stat(key, operation), { key, size });
      }
    });
  }
});

test('reads that break, and writes that do', async () => {
  const bytes = noise(3_000_000);
  await using({ method: 'PUT', read_timeout: '1' }, async (storage, folder) => {
    proxy.rules = [{ match: /^PUT/, times: 1, dropRequestAfter: 1_000_000 }];
    await storage.write(key, contentOf(bytes), operation);
    proxy.rules = [{ match: /^GET/, times: 3, dropResponseAfter: 700_000 }];
    assert.ok((await readAll(storage, key)).equals(bytes));
    proxy.rules = [{ match: /^GET/, times: 1, stallResponseAfter: 700_000 }];
    assert.ok((await readAll(storage, key)).equals(bytes));
    proxy.rules = [{ match: /^PUT/, dropRequestAfter: 1_000_000 }];
    await assert.rejects(storage.write(`${key}2`, contentOf(bytes), operation), failsWith('unavailable', /cut/));
    assert.deepEqual(filesIn(folder), [key]);
  });
});

test('content that turns out to be damaged at its very end never gets its name', async () => {
  const bytes = noise(3_000_000);
  const damaged: Content = {
    size: bytes.length,
    async *open() {
      yield bytes.subarray(0, 1_000_000);
      yield bytes.subarray(1_000_000);
      // Time enough for a server that has all of them to put them down.
      await sleep(200);
      throw new TypeError('not what its name says');
    },
  };
  await using({ method: 'PUT' }, async (storage, folder) => {
    await assert.rejects(storage.write(key, damaged, operation), TypeError);
    assert.equal(existsSync(folder), false);
  });
});

test('an object that changes while it is read is no mixture of both', async () => {
  await using({ method: 'PUT' }, async (storage) => {
    await storage.write(key, contentOf(noise(3_000_000)), operation);
    proxy.rules = [{ match: /^GET/, times: 1, dropResponseAfter: 1_000_000 }];
    const reading = async (): Promise<void> => {
      let first = true;
      for await (const _ of storage.read(key, operation)) {
        if (first) await storage.write(key, contentOf(noise(3_000_001)), operation);
        first = false;
      }
    };
    await assert.rejects(reading(), failsWith('corrupt', /changed meanwhile/));
  });
});

test('basic authentication of nginx, right and wrong', async () => {
  const guarded = await startNginx({ dav: true, auth: true });
  const open = (options: Record<string, string>): Promise<Storage> =>
    openWeb(`http://127.0.0.1:${guarded.port}/x`, options);
  try {
    const right = await open({ ...login, auth: 'basic' });
    assert.equal(await right.stat(key, operation), undefined);
    await right.close();
    for (const options of [{ ...login }, { user: 'ada', password: 's3cret', auth: 'basic' }]) {
      const wrong = await open(options);
      await assert.rejects(wrong.stat(key, operation), failsWith('auth', /(?:auth basic|--local store password)/));
      await wrong.close();
    }
  } finally {
    await guarded.close();
  }
});
