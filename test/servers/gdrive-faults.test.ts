// A service that asks for patience, connections that break, sessions that get lost, runs that end in the middle.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage, StorageContext, UploadMemory } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type Drive, startDrive } from '../kit/google-drive/drive.ts';
import { openDrive } from './drive-remote.ts';
import { freshFolder } from './web-remote.ts';

const mib = 1 << 20;
const md5 = (bytes: string | Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const keyOf = (bytes: string | Uint8Array): string => `files/md5/${md5(bytes).slice(0, 2)}/${md5(bytes).slice(2)}`;
const key = keyOf('data');
const big = noise(7 * mib + 12_345);
const bigKey = keyOf(big);

let drive: Drive;
let base: string;
before(async () => {
  drive = await startDrive();
});
after(() => drive?.close());
afterEach(() => {
  drive.faults = [];
  drive.pages.limit = 1000;
  drive.pages.emptyFirst = false;
  drive.pages.lagMs = 0;
});

async function using(more: Partial<StorageContext>, work: (storage: Storage) => Promise<unknown>): Promise<void> {
  base = drive.addFolder(freshFolder(), drive.folderId);
  const storage = await openDrive(drive, base, {}, more);
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

/** Every request since `work` began, by operation. */
async function requestsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const begun = drive.log.length;
  await work();
  return drive.log.slice(begun).map((entry) => entry.operation);
}

const files = (): readonly string[] =>
  drive
    .tree(base)
    .filter(({ size }) => size !== undefined)
    .map(({ path }) => path);

/** Of one clone, over several runs. */
function memory(): UploadMemory & { readonly notes: Map<string, string> } {
  const notes = new Map<string, string>();
  return {
    notes,
    recall: (each) => notes.get(each),
    note: (each, text) => void notes.set(each, text),
    forget: (each) => void notes.delete(each),
    expired: () => [],
  };
}

describe('a service that asks for patience', { timeout: 120_000 }, () => {
  for (const fault of [
    { reason: 'userRateLimitExceeded' },
    { reason: 'rateLimitExceeded' },
    { status: 429 },
    { status: 503 },
    { status: 500 },
  ]) {
    test(`${JSON.stringify(fault)}: folders, objects, listings and bytes come all the same`, () =>
      using({}, async (storage) => {
        const often = (match: RegExp) => ({ match, times: 2, ...fault });
        drive.faults = [
          often(/^GET .*\/files\?/),
          often(/^POST \/drive\/v3\/files\?/),
          often(/^POST .*uploadType=multipart/),
          often(/^POST .*uploadType=resumable/),
          often(/^PUT .*upload_id/),
          often(/^GET .*alt=media/),
        ];
        await storage.write(key, contentOf('data'), operation);
        await storage.write(bigKey, contentOf(big), operation);
        assert.equal(String(await readAll(storage, key)), 'data');
        assert.equal((await listAll(storage, 'files/')).length, 2);
        assert.ok(
          drive.faults.every(({ times }) => times === 0),
          JSON.stringify(drive.faults.map((each) => each.times)),
        );
        assert.deepEqual([...files()].sort(), [key, bigKey].sort());
      }));
  }

  test('its own wish is heeded, and its refusals end one day', () =>
    using({ retry: { shortestMs: 1, firstMs: 2, longestMs: 10, longestWishMs: 300 } }, async (storage) => {
      drive.faults = [{ match: /alt=media/, times: 1, status: 429, headers: { 'retry-after': '1' } }];
      await storage.write(key, contentOf('data'), operation);
      const began = Date.now();
      assert.equal(String(await readAll(storage, key)), 'data');
      assert.ok(Date.now() - began >= 300, `${Date.now() - began} ms`);
      drive.faults = [{ match: /alt=media/, reason: 'userRateLimitExceeded' }];
      const asked = await requestsOf(() =>
        assert.rejects(
          readAll(storage, key),
          failsWith('unavailable', /userRateLimitExceeded.*tried 12 times[\s\S]*750 GB/),
        ),
      );
      assert.equal(asked.filter((each) => each === 'fault').length, 12);
    }));

  test('pages that are short, or empty at first', () =>
    using({}, async (storage) => {
      for (let at = 0; at < 7; at++) await storage.write(keyOf(`${at}`), contentOf(`${at}`), operation);
      drive.pages.limit = 2;
      drive.pages.emptyFirst = true;
      assert.equal((await listAll(storage, 'files/md5/')).length, 7);
      assert.equal(String(await readAll(storage, keyOf('3'))), '3');
    }));

  test('a listing that lags behind: what one process makes it makes once, and finds again', () =>
    using({}, async (storage) => {
      drive.pages.lagMs = 5000;
      const all = Array.from({ length: 30 }, (_, at) => `lag ${at}`);
      await Promise.all(all.map((each) => storage.write(keyOf(each), contentOf(each), operation)));
      for (const each of all.slice(0, 3)) {
        assert.equal((await storage.stat(keyOf(each), operation))?.size, each.length);
        await storage.write(keyOf(each), contentOf(each), operation);
        assert.equal(String(await readAll(storage, keyOf(each))), each);
      }
      const paths = drive.tree(base).map(({ path }) => path);
      assert.deepEqual(paths, [...new Set(paths)]);
      const [gone = ''] = all;
      drive.store.items.get(drive.tree(base).find(({ path }) => path === keyOf(gone))!.id)!.trashed = true;
      assert.equal(await storage.stat(keyOf(gone), operation), undefined);
    }));

  test('a folder that another process has made meanwhile is not made again', () =>
    using({}, async (storage) => {
      await storage.write(key, contentOf('data'), operation);
      const md5Folder = drive.tree(base).find(({ path }) => path === 'files/md5')!.id;
      const [, , prefix = ''] = keyOf('other').split('/');
      drive.addFolder(prefix, md5Folder);
      await sleep(3100);
      await storage.write(keyOf('other'), contentOf('other'), operation);
      const paths = drive.tree(base).map(({ path }) => path);
      assert.deepEqual(paths, [...new Set(paths)]);
    }));

  test('an empty answer to a question about many folders is asked again for each', () =>
    using({}, async (storage) => {
      for (let at = 0; at < 5; at++) await storage.write(keyOf(`${at}`), contentOf(`${at}`), operation);
      const nothing = { status: 200, body: '{"files":[]}', headers: { 'content-type': 'application/json' } };
      drive.faults = [{ match: /^GET .*in\+parents\+or\+.*in\+parents\+or/, ...nothing }];
      assert.equal((await listAll(storage, 'files/md5/')).length, 5);
      const all = await Promise.all([0, 1, 2, 3, 4].map((at) => readAll(storage, keyOf(`${at}`))));
      assert.deepEqual(all.map(String), ['0', '1', '2', '3', '4']);
    }));

  test('questions of one moment are one question', () =>
    using({}, async (storage) => {
      await storage.write(key, contentOf('data'), operation);
      const asked = await requestsOf(() =>
        Promise.all(
          Array.from({ length: 30 }, (_, at) =>
            storage.stat(keyOf(`${at}`).replace(/(md5\/)../, `$1${key.slice(10, 12)}`), operation),
          ),
        ),
      );
      assert.deepEqual(asked, ['files.list']);
    }));

  test('a listing of 300 folders takes few questions', () =>
    using({}, async (storage) => {
      const md5Folder = drive.addFolder('md5', drive.addFolder('files', base));
      for (let at = 0; at < 300; at++) await drive.addFile('f', drive.addFolder(`d${at}`, md5Folder), 'x');
      const asked = await requestsOf(async () => assert.equal((await listAll(storage, 'files/md5/')).length, 300));
      // The root, the base's folders, those of `files`, and of `md5`; then what lies in 300 of them.
      assert.deepEqual(
        asked.filter((each) => each !== 'oauth.token'),
        ['files.get', ...Array(6).fill('files.list')],
      );
    }));
});

describe('connections that break', { timeout: 120_000 }, () => {
  test('in the middle of an object: it goes on there', () =>
    using({}, async (storage) => {
      await storage.write(bigKey, contentOf(big), operation);
      drive.faults = [
        { match: /alt=media/, times: 1, dropResponseAfter: 3 * mib },
        { match: /alt=media/, times: 1, truncateTo: 2 * mib },
        { match: /alt=media/, times: 1, dropResponseAfter: mib },
      ];
      const moved: number[] = [];
      const to = { ...operation, moved: (bytes: number) => void moved.push(bytes) };
      const begun = drive.log.length;
      assert.equal(md5(await readAll(storage, bigKey, to)), md5(big));
      const ranges = drive.log
        .slice(begun)
        .flatMap(({ headers, url }) => (url.includes('alt=media') ? [headers.range] : []));
      assert.ok(
        ranges.length >= 4 &&
          ranges[0] === undefined &&
          ranges.slice(1).every((each) => /^bytes=\d+-$/.test(each ?? '')),
        String(ranges),
      );
    }));

  test('before an answer, while a folder is made or a small object sent: neither is there twice', () =>
    using({}, async (storage) => {
      drive.faults = [
        { match: /^POST \/drive\/v3\/files\?/, times: 3, dropResponseAfter: 0 },
        { match: /^POST .*uploadType=multipart/, times: 2, dropResponseAfter: 0 },
      ];
      await storage.write(key, contentOf('data'), operation);
      assert.deepEqual(
        drive.tree(base).map(({ path }) => path),
        ['files', 'files/md5', key.slice(0, 12), key],
      );
    }));

  test('in the middle of what is sent: it goes on behind what Google has', () =>
    using({}, async (storage) => {
      drive.faults = [
        { match: /^PUT .*upload_id/, times: 1, dropRequestAfter: 3 * mib },
        { match: /^PUT .*upload_id/, times: 1, status: 503 },
      ];
      const begun = drive.log.length;
      await storage.write(bigKey, contentOf(big, 100_000), operation);
      assert.equal(md5(await readAll(storage, bigKey)), md5(big));
      const ranges = drive.log
        .slice(begun)
        .flatMap(({ headers, url }) => (url.includes('upload_id') ? [headers['content-range']] : []));
      assert.equal(ranges[0], `bytes 0-${big.length - 1}/${big.length}`);
      assert.ok(
        ranges.some((each) => each === `bytes */${big.length}`),
        String(ranges),
      );
      assert.match(ranges.at(-1) ?? '', /^bytes [1-9]\d+-/);
      assert.deepEqual(files(), [bigKey]);
    }));

  test('behind the last byte that is sent: the file is found whole', () =>
    using({}, async (storage) => {
      drive.faults = [{ match: /^PUT .*upload_id/, times: 1, dropResponseAfter: 0 }];
      await storage.write(bigKey, contentOf(big), operation);
      assert.deepEqual(files(), [bigKey]);
    }));

  test('a service that falls silent is given up, after the time that Git is told', () =>
    using({ env: { GIT_HTTP_LOW_SPEED_TIME: '1' } }, async (storage) => {
      drive.faults = [{ match: /^GET .*\/files\?/, times: 1, hang: true }];
      const began = Date.now();
      assert.equal(await storage.stat(key, operation), undefined);
      assert.ok(Date.now() - began < 20_000);
      await storage.write(bigKey, contentOf(big), operation);
      drive.faults = [{ match: /alt=media/, times: 1, stallResponseAfter: mib }];
      assert.equal(md5(await readAll(storage, bigKey)), md5(big));
    }));

  test('a session that Google forgets begins anew', () =>
    using({}, async (storage) => {
      drive.faults = [{ match: /^PUT .*upload_id/, times: 1, dropRequestAfter: 3 * mib }];
      const content = contentOf(big, 100_000);
      const open = content.open.bind(content);
      content.open = async function* () {
        if (content.opened === 1) drive.loseSessions();
        yield* open();
      };
      await storage.write(bigKey, content, operation);
      assert.deepEqual(files(), [bigKey]);
      assert.deepEqual(drive.unfinished(), []);
    }));

  test('bytes that change on the way are no object', () =>
    using({ retry: { tries: 1 } }, async (storage) => {
      await storage.write(key, contentOf('data'), operation);
      drive.faults = [{ match: /alt=media/, corruptAt: 1 }];
      assert.notEqual(String(await readAll(storage, key)), 'data');
      drive.faults = [
        {
          match: /^POST .*uploadType=multipart/,
          times: 1,
          status: 200,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ id: 'other', name: 'x', size: '4', md5Checksum: md5('rott') }),
        },
      ];
      await assert.rejects(
        storage.write(keyOf('more'), contentOf('more'), operation),
        failsWith('unavailable', /keeps other bytes than were sent/),
      );
    }));
});

describe('access that ends', { timeout: 120_000 }, () => {
  test('the token server is away for a while', () =>
    using({}, async (storage) => {
      drive.faults = [{ match: /^POST \/token/, times: 2, status: 503 }];
      assert.equal(await storage.stat(key, operation), undefined);
      assert.ok(drive.faults[0]?.times === 0);
    }));

  test('the token server stays away', () =>
    using({ retry: { tries: 2, busyTries: 2, shortestMs: 1, firstMs: 1, longestMs: 2 } }, async (storage) => {
      drive.faults = [{ match: /^POST \/token/, status: 500 }];
      await assert.rejects(storage.stat(key, operation), failsWith('unavailable', /cannot get an access token/));
    }));

  test('the access token ends: between two requests, and in the middle of a big object', () =>
    using({}, async (storage) => {
      await storage.write(key, contentOf('data'), operation);
      drive.accounts.expireTokens();
      assert.equal(String(await readAll(storage, key)), 'data');
      const content = contentOf(big, 100_000);
      const open = content.open.bind(content);
      content.open = async function* () {
        let at = 0;
        for await (const chunk of open()) {
          at += chunk.length;
          if (at > 3 * mib && content.opened === 1) drive.accounts.expireTokens();
          yield chunk;
        }
      };
      drive.faults = [{ match: /^PUT .*upload_id/, times: 1, dropRequestAfter: 5 * mib }];
      await storage.write(bigKey, content, operation);
      assert.equal(md5(await readAll(storage, bigKey)), md5(big));
    }));

  test('the access token ends just before a piece is sent: the piece is sent from its beginning', () =>
    using({}, async (storage) => {
      drive.faults = [{ match: /^PUT .*upload_id/, times: 1, reason: 'authError' }];
      const content = contentOf(big, 100_000);
      await storage.write(bigKey, content, operation);
      assert.equal(content.opened, 2);
      assert.equal(md5(await readAll(storage, bigKey)), md5(big));
    }));

  test('a token that is refused time and again is no endless loop', () =>
    using({}, async (storage) => {
      drive.faults = [{ match: /^GET .*\/files/, reason: 'authError' }];
      const asked = await requestsOf(() =>
        assert.rejects(storage.stat(key, operation), failsWith('auth', /does not take the access token/)),
      );
      assert.equal(asked.filter((each) => each === 'fault').length, 2);
    }));
});

describe('runs that end in the middle', { timeout: 120_000 }, () => {
  const huge = noise(40 * mib + 777);
  const hugeKey = keyOf(huge);

  /** Ends a run after so many bytes, as a user does who presses Ctrl-C. */
  async function interrupt(storage: Storage, uploads: ReturnType<typeof memory>, after: number): Promise<void> {
    const stop = new AbortController();
    let sent = 0;
    const to = {
      signal: stop.signal,
      moved(bytes: number) {
        sent += bytes;
        if (sent >= after) stop.abort();
      },
    };
    await assert.rejects(storage.write(hugeKey, contentOf(huge), to), { name: 'AbortError' });
    assert.deepEqual([...uploads.notes.keys()], [hugeKey]);
    assert.deepEqual(files(), []);
    // The double goes on with what is on its way already.
    while (drive.counts.inFlight > 0) await sleep(5);
  }

  async function sentBy(work: () => Promise<unknown>): Promise<number> {
    const begun = drive.log.length;
    await work();
    const lengths = drive.log
      .slice(begun)
      .map(({ headers, url }) => (url.includes('upload_id') ? Number(headers['content-length']) : 0));
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  test('the next one goes on, and nothing is seen before all is there', () => {
    const uploads = memory();
    return using({ uploads }, async (storage) => {
      await interrupt(storage, uploads, 35 * mib);
      const again = await openDrive(drive, base, {}, { uploads });
      const sent = await sentBy(() => again.write(hugeKey, contentOf(huge), operation));
      assert.ok(sent <= 9 * mib, `${sent} bytes were sent again`);
      assert.equal(md5(await readAll(again, hugeKey)), md5(huge));
      assert.deepEqual(files(), [hugeKey]);
      assert.equal(uploads.notes.size, 0);
      await again.close();
    });
  });

  test('what the first run sent was damaged: it is not published, and all is sent again', () => {
    const uploads = memory();
    return using({ uploads }, async (storage) => {
      const stop = new AbortController();
      const damaged = Buffer.from(huge).fill(0, 1000, 2000);
      let sent = 0;
      const moved = (bytes: number): void => {
        sent += bytes;
        if (sent >= 35 * mib) stop.abort();
      };
      await assert.rejects(storage.write(hugeKey, contentOf(damaged), { signal: stop.signal, moved }));
      assert.equal(uploads.notes.size, 1);
      const done = await requestsOf(() => storage.write(hugeKey, contentOf(huge), operation));
      // It is whole under another name, is seen to be wrong, and goes; the next one is right and gets its name.
      const changes = done.filter((each) => /^upload\.end|^files\.(?:update|delete)/.test(each));
      assert.deepEqual(changes, ['upload.end', 'files.delete', 'upload.end', 'files.update']);
      assert.equal(md5(await readAll(storage, hugeKey)), md5(huge));
      assert.deepEqual(files(), [hugeKey]);
    });
  });

  test("the session is lost, or the note is somebody else's: it begins anew", () => {
    const uploads = memory();
    return using({ uploads }, async (storage) => {
      await interrupt(storage, uploads, 20 * mib);
      drive.loseSessions();
      await storage.write(hugeKey, contentOf(huge), operation);
      assert.deepEqual(files(), [hugeKey]);
      for (const note of [
        'no JSON',
        '{"url":"https://evil.example/upload/x","size":1}',
        `{"url":"https://evil.example/upload/drive","size":${huge.length}}`,
      ]) {
        drive.store.remove(drive.store.items.get(drive.tree(base).find(({ path }) => path === hugeKey)!.id)!);
        uploads.note(hugeKey, note);
        await storage.write(hugeKey, contentOf(huge), operation);
        assert.deepEqual(files(), [hugeKey]);
      }
      assert.equal(drive.counts.refused, 0);
    });
  });

  test('a run that ends behind the last byte: the next one gives the object its name', () => {
    const uploads = memory();
    return using({ uploads, retry: { tries: 1, busyTries: 1 } }, async (storage) => {
      drive.faults = [{ match: /^PUT .*upload_id/, dropResponseAfter: 0 }];
      await assert.rejects(storage.write(hugeKey, contentOf(huge), operation), failsWith('unavailable'));
      drive.faults = [];
      const sent = await sentBy(() => storage.write(hugeKey, contentOf(huge), operation));
      assert.ok(sent <= 9 * mib, `${sent} bytes were sent again`);
      assert.deepEqual(files(), [hugeKey]);
    });
  });

  test('a run that ends before the object has its name: the next one gives it', () => {
    const uploads = memory();
    return using({ uploads, retry: { tries: 1, busyTries: 1 } }, async (storage) => {
      drive.faults = [{ match: /^PATCH/, status: 500 }];
      await assert.rejects(storage.write(hugeKey, contentOf(huge), operation), failsWith('unavailable'));
      assert.match(files().join(), /^files\/md5\/..\/\.[\w-]{22}\.dvcexp\.tmp$/);
      drive.faults = [];
      assert.equal(await sentBy(() => storage.write(hugeKey, contentOf(huge), operation)), 0);
      assert.deepEqual(files(), [hugeKey]);
      assert.equal(uploads.notes.size, 0);
    });
  });

  test('one that nobody gives its name is swept by a push after a day, and nothing else is', async () => {
    const uploads = memory();
    await using({ uploads, retry: { tries: 1, busyTries: 1 } }, async (storage) => {
      drive.faults = [{ match: /^PATCH/, status: 500 }];
      await assert.rejects(storage.write(hugeKey, contentOf(huge), operation), failsWith('unavailable'));
      drive.faults = [];
      await storage.write('files/md5/ab/cdef', contentOf('x'), operation);
      // Somebody else's, by its name.
      await storage.write(`files/md5/ab/.${'A'.repeat(22)}.tmp`, contentOf('x'), operation);
      const sweep = async (): Promise<readonly string[]> => {
        await listAll(storage, 'files/');
        return files();
      };
      assert.equal((await sweep()).length, 3, 'a young one may be gone on with');
      for (const { id, path } of drive.tree(base)) {
        const item = drive.store.items.get(id);
        if (item !== undefined && /\.tmp$|cdef$/.test(path))
          item.modifiedTime = new Date(Date.now() - 2 * 24 * 3600 * 1000).toISOString();
      }
      assert.deepEqual([...(await sweep())].sort(), [`files/md5/ab/.${'A'.repeat(22)}.tmp`, 'files/md5/ab/cdef']);
    });
    // What this clone noted of it is of no use any more.
    await using({ uploads }, async (storage) => {
      await storage.write(hugeKey, contentOf(huge), operation);
      assert.ok(files().includes(hugeKey));
    });
  });

  test('Google has all bytes and takes its time to make a file of them', () => {
    const uploads = memory();
    return using({ uploads }, async (storage) => {
      const all = { status: 308, body: '', headers: { range: `bytes=0-${huge.length - 1}` } };
      drive.faults = [
        { match: /^PUT .*upload_id/, times: 1 },
        { match: /^PUT .*upload_id/, times: 1, dropResponseAfter: 0 },
        { match: /^PUT .*upload_id/, times: 2, ...all },
      ];
      await storage.write(hugeKey, contentOf(huge), operation);
      assert.deepEqual(files(), [hugeKey]);
    });
  });

  test('content that breaks off leaves no session, noted or not', () => {
    const uploads = memory();
    return using({ uploads }, async (storage) => {
      const broken = {
        size: huge.length,
        async *open() {
          yield huge.subarray(0, 35 * mib);
          throw new Error('the disk is gone');
        },
      };
      const before = drive.unfinished().length;
      await assert.rejects(storage.write(hugeKey, broken, operation), /the disk is gone/);
      assert.equal(uploads.notes.size, 0);
      assert.equal(drive.unfinished().length, before);
      assert.deepEqual(files(), []);
    });
  });
});
