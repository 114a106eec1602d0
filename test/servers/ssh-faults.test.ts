// What goes wrong on the way and over there: what the user sees, and what is left behind.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Content } from '../../src/model/operation.ts';
import type { Retry, Storage, StorageContext } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import {
  makeKey,
  makeSshHome,
  openSpoiler,
  openSsh,
  type SshdOptions,
  type SshHome,
  startSftpServer,
} from '../kit/sshd.ts';

const top = mkdtempSync(join(tmpdir(), 'dvcexp-ssh-faults-'));
const key = 'files/md5/ab/cdef';
const keyfile = join(top, 'key');
const hostKey = join(top, 'host');
// CI is root, and must not pass by leaving them out.
const needsRoot = userInfo().uid === 0 || process.env.CI === 'true' ? false : 'needs root: mounts and chroots';
let serial = 0;
let home: SshHome;

before(() => {
  makeKey(keyfile);
  makeKey(hostKey);
  home = makeSshHome(join(top, 'home'));
  home.configure('StrictHostKeyChecking accept-new', 'HostKeyAlias tests');
});
after(() => rmSync(top, { recursive: true, force: true }));

interface Ground {
  /** Directory of the server that the storage remote names. */
  readonly base: string;
  readonly port: number;
  open(options?: Record<string, string>, port?: number, context?: Partial<StorageContext>): Promise<Storage>;
}

async function withServer(
  options: Partial<SshdOptions>,
  work: (ground: Ground) => Promise<void>,
  path?: string,
): Promise<void> {
  serial += 1;
  const base = path ?? join(top, `store-${serial}`);
  const sshd = await startSftpServer(join(top, `sshd-${serial}`), {
    hostKey,
    authorized: `${keyfile}.pub`,
    ...options,
  });
  const opened: Storage[] = [];
  try {
    await work({
      base,
      port: sshd.port,
      async open(more = {}, port = sshd.port, context = {}) {
        const storage = await openSsh(home, `ssh://127.0.0.1:${port}${base}`, { keyfile, ...more }, context);
        opened.push(storage);
        return storage;
      },
    });
  } finally {
    await Promise.all(opened.map((storage) => storage.close()));
    await sshd.stop();
  }
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name);

test('a connection that is cut in the middle is made again, once for all, and no half object is seen', () =>
  withServer({}, async ({ base, port, open }) => {
    const spoiler = await openSpoiler(port);
    try {
      const storage = await open({}, spoiler.port);
      await storage.write('first', contentOf('first'), operation);
      const before = spoiler.connections;
      spoiler.spoil('cut', 3 << 20);
      const bytes = noise(8 << 20);
      let tries = 0;
      const content: Content = {
        size: bytes.length,
        async *open() {
          tries += 1;
          for (let at = 0; at < bytes.length; at += 1 << 18) yield bytes.subarray(at, at + (1 << 18));
        },
      };
      await Promise.all([storage.write(key, content, operation), storage.write('x/y', content, operation)]);
      assert.ok(readFileSync(join(base, key)).equals(bytes));
      assert.ok(tries > 2, `tried ${tries} times`);
      assert.ok(spoiler.connections - before <= 3, `${spoiler.connections - before} connections more`);
      assert.deepEqual((await listAll(storage, '')).map((entry) => entry.key).sort(), [key, 'first', 'x/y']);
      assert.deepEqual(filesIn(base).sort(), ['cdef', 'first', 'y'], 'what the lost connection left is removed');
      spoiler.spoil('cut', 3 << 20);
      const told: number[] = [];
      const read = await readAll(storage, key, { ...operation, moved: (count) => void told.push(count) });
      assert.ok(read.equals(bytes));
      const moved = told.reduce((sum, count) => sum + count, 0);
      assert.equal(moved, bytes.length, 'the object was begun anew');
    } finally {
      await spoiler.close();
    }
  }));

test('what a lost connection left is removed at the end, over one more', () =>
  withServer({}, async ({ base, port, open }) => {
    const spoiler = await openSpoiler(port);
    try {
      const storage = await open({}, spoiler.port, { retry: { tries: 1 } });
      await storage.write('ab/first', contentOf('first'), operation);
      spoiler.spoil('cut', 3 << 20);
      const lost = failsWith('unavailable', /lost the connection/);
      await assert.rejects(storage.write('ab/second', contentOf(noise(8 << 20)), operation), lost);
      assert.equal(filesIn(base).length, 2);
      await storage.close();
      assert.deepEqual(filesIn(base), ['first']);
    } finally {
      await spoiler.close();
    }
  }));

test('a push sweeps what killed runs left a day ago, and nothing else', () =>
  withServer({}, async ({ base, port, open }) => {
    mkdirSync(join(base, 'files', 'md5', 'ab'), { recursive: true });
    const daysAgo = (days: number, name: string): void => {
      const time = Date.now() / 1000 - days * 24 * 3600;
      writeFileSync(join(base, 'files', 'md5', 'ab', name), 'x');
      utimesSync(join(base, 'files', 'md5', 'ab', name), time, time);
    };
    const [old, young, foreign] = ['A', 'B', 'C'].map((letter) => `.${letter.repeat(22)}`);
    daysAgo(2, `${old}.dvcexp.tmp`);
    daysAgo(0, `${young}.dvcexp.tmp`);
    daysAgo(2, `${foreign}.tmp`);
    daysAgo(2, 'cdef');
    assert.deepEqual(await listAll(await open(), ''), [{ key, size: 1 }]);
    assert.equal(filesIn(base).length, 4, 'whoever only looks changes nothing');
    const memory = { recall: () => undefined, note: () => {}, forget: () => {}, expired: () => [] };
    assert.deepEqual(await listAll(await open({}, port, { uploads: memory }), ''), [{ key, size: 1 }]);
    assert.deepEqual(filesIn(base).sort(), [`${young}.dvcexp.tmp`, `${foreign}.tmp`, 'cdef']);
  }));

test('a server that says nothing any more', () =>
  withServer({}, async ({ port, open }) => {
    const spoiler = await openSpoiler(port);
    try {
      const reasons: string[] = [];
      const onRetry = ({ error }: Retry): void => void reasons.push(error.message);
      const retry = { ...home.context.retry, onRetry };
      const storage = await open({ timeout: '1' }, spoiler.port, { retry });
      const bytes = noise(8 << 20);
      await storage.write(key, contentOf(bytes), operation);
      spoiler.spoil('stall', 1 << 20);
      // The next connections are taken as well, and nobody speaks.
      const mute = failsWith('unavailable', /does not answer as ssh does.*tried 3 times/);
      await assert.rejects(readAll(storage, key), mute);
      assert.match(reasons[0] ?? '', /no answer for 1 s/);
      await assert.rejects(storage.stat(key, operation), mute);
      spoiler.mend();
      const stop = new AbortController();
      const endless: Content = {
        size: bytes.length,
        async *open() {
          yield bytes.subarray(0, 1000);
          spoiler.spoil('stall', 0);
          setTimeout(() => stop.abort(), 50);
          yield bytes.subarray(1000);
        },
      };
      const patient = await open({}, spoiler.port);
      await assert.rejects(patient.write('other', endless, { signal: stop.signal }), { name: 'AbortError' });
    } finally {
      await spoiler.close();
    }
  }));

test('nobody listens; a base folder that is not there', () =>
  withServer({}, async ({ base, open }) => {
    const away = await openSsh(home, `ssh://127.0.0.1:1${base}`, { keyfile });
    await assert.rejects(away.stat(key, operation), failsWith('unavailable', /nobody listens at '127.0.0.1' port 1/));
    await away.close();
    const writing = await open();
    assert.equal(await writing.stat(key, operation), undefined);
    assert.deepEqual(await listAll(writing, ''), []);
    assert.equal(existsSync(base), false);
    const url = writing.displayUrl;
    const reading = await openSsh(home, url, { keyfile }, { createBase: false });
    const absent = failsWith('unavailable', /does not exist on the server/);
    await assert.rejects(reading.stat(key, operation), absent);
    await assert.rejects(listAll(reading, ''), absent);
    await assert.rejects(readAll(reading, key), absent);
    await assert.rejects(reading.write(key, contentOf('x'), operation), absent);
    await reading.close();
    assert.equal(existsSync(base), false);
    await writing.write(key, contentOf('x'), operation);
    const file = await open();
    assert.equal(await file.stat(`${key}/below`, operation), undefined);
    const below = await openSsh(home, `${url}/${key}`, { keyfile });
    await assert.rejects(below.stat('a', operation), failsWith('config', /is not a directory/));
    await below.close();
  }));

test('a server that lets us read only, and one without SFTP', async () => {
  await withServer({ sftp: '-R' }, async ({ base, open }) => {
    mkdirSync(join(base, 'ab'), { recursive: true });
    const storage = await open();
    await assert.rejects(
      storage.write('ab/c', contentOf('x'), operation),
      failsWith('auth', /permission denied \('ab\/c'\)/),
    );
    assert.deepEqual(filesIn(base), []);
    assert.equal(await storage.stat('ab/c', operation), undefined);
  });
  const none = ['Match all', 'ForceCommand false'];
  await withServer({ lines: none }, async ({ open }) => {
    const storage = await open();
    await assert.rejects(storage.stat('a', operation), failsWith('config', /lets us in and has no SFTP/));
  });
});

test('a server without posix-rename: a whole object that is there will do, another one is told', () =>
  withServer({ sftp: '-P posix-rename' }, async ({ base, open }) => {
    const storage = await open();
    await storage.write(key, contentOf('the object'), operation);
    await storage.write(key, contentOf('the object'), operation);
    assert.equal(String(await readAll(storage, key)), 'the object');
    const other = /an entry of 10 bytes is there instead of 5, and this server replaces none/;
    await assert.rejects(storage.write(key, contentOf('other'), operation), failsWith('io', other));
    assert.deepEqual(filesIn(base), ['cdef']);
  }));

test('a server that allows one session', () =>
  withServer({ lines: ['MaxSessions 1'] }, async ({ open }) => {
    const storage = await open();
    const numbers = Array.from({ length: 60 }, (_, at) => `many/${at}`);
    const each = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });
    await Promise.all(numbers.map((name) => storage.write(name, contentOf(name), each())));
    assert.equal((await listAll(storage, 'many/')).length, 60);
  }));

test('a full disk is called one, and nothing stays', { skip: needsRoot }, async () => {
  const disk = join(top, 'disk');
  mkdirSync(disk);
  const inside = ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o size=1m tmpfs '${disk}' && exec "$@"`, 'sh'];
  const work = async ({ open }: Ground): Promise<void> => {
    const storage = await open();
    const full = failsWith('full', /no room left on the server/);
    await assert.rejects(storage.write(key, contentOf(noise(3 << 20)), operation), full);
    // What was removed makes room.
    await storage.write(key, contentOf(noise(900_000)), operation);
    assert.equal((await storage.stat(key, operation))?.size, 900_000);
  };
  await withServer({ inside }, work, disk);
});

test('a chroot: the URL counts from the root that is shown', { skip: needsRoot }, async () => {
  const jail = mkdtempSync('/dvcexp-jail-');
  try {
    chmodSync(jail, 0o755);
    mkdirSync(join(jail, 'data'));
    const lines = ['Match all', `ChrootDirectory ${jail}`, 'ForceCommand internal-sftp'];
    const work = async ({ open }: Ground): Promise<void> => {
      const storage = await open();
      await storage.write(key, contentOf('jailed'), operation);
      assert.equal(String(await readAll(storage, key)), 'jailed');
      assert.deepEqual(await listAll(storage, 'files/'), [{ key, size: 6 }]);
    };
    await withServer({ lines }, work, '/data');
    assert.equal(readFileSync(join(jail, 'data', key), 'utf8'), 'jailed');
    await withServer({ lines }, work, '/');
    assert.equal(readFileSync(join(jail, key), 'utf8'), 'jailed');
  } finally {
    rmSync(jail, { recursive: true, force: true });
  }
});
