// What `git dvcexp gc` removes objects with, on a real server of each kind.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { StorageConfig } from '../../src/model/storage-config.ts';
import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import { openSweeper } from '../../src/storage/sweep.ts';
import { contentOf, failsWith, listAll, operation } from '../conformance/storage.ts';
import { connectionString, startAzurite } from '../kit/azurite.ts';
import { startFakeGcs } from '../kit/fake-gcs.ts';
import { startDrive } from '../kit/google-drive/drive.ts';
import { makeKey, makeSshHome, startSftpServer } from '../kit/sshd.ts';
import { refusing, trusting } from '../kit/trusting.ts';
import { startWsgidav } from '../kit/web-servers.ts';
import { startWeed } from '../kit/weed.ts';
import * as azure from './azure-remote.ts';
import { driveContext } from './drive-remote.ts';
import * as gs from './gs-remote.ts';
import * as s3 from './s3-remote.ts';
import { alone, freshFolder, login } from './web-remote.ts';

interface Subject {
  readonly scheme: string;
  readonly url: string;
  readonly options: Readonly<Record<string, string>>;
  readonly context: OpenContext;
  close(): Promise<void>;
}

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  async directory() {
    const top = mkdtempSync(join(tmpdir(), 'dvcexp-sweep-'));
    const close = async (): Promise<void> => rmSync(top, { recursive: true, force: true });
    return { scheme: 'local', url: join(top, 'store'), options: {}, context: alone, close };
  },
  async 'S3 on SeaweedFS'() {
    const weed = await startWeed();
    const options = { ...s3.adminKeys, endpointurl: weed.endpoint };
    return { scheme: 's3', url: s3.freshUrl(), options, context: s3.alone, close: () => weed.close() };
  },
  async 'SFTP on OpenSSH'() {
    const top = mkdtempSync(join(tmpdir(), 'dvcexp-sweep-'));
    const home = makeSshHome(join(top, 'home'));
    const key = makeKey(join(home.directory, '.ssh', 'id_ed25519'));
    const sshd = await startSftpServer(join(top, 'sshd'), { authorized: `${key}.pub` });
    home.configure('Host 127.0.0.1', `IdentityFile ${key}`, 'IdentitiesOnly yes');
    home.trust(sshd.port, join(top, 'sshd', 'host'));
    return {
      scheme: 'ssh',
      url: `ssh://127.0.0.1:${sshd.port}${join(top, 'store')}`,
      options: {},
      context: { ...home.context, createBase: true },
      async close() {
        await sshd.stop();
        rmSync(top, { recursive: true, force: true });
      },
    };
  },
  async 'WebDAV on WsgiDAV'() {
    const server = await startWsgidav();
    const url = `webdav://127.0.0.1:${server.port}/${freshFolder()}/store`;
    return { scheme: 'webdav', url, options: login, context: alone, close: () => server.close() };
  },
  async 'Google Cloud Storage on fake-gcs-server'() {
    const server = await startFakeGcs();
    const options = { ...gs.anonymous, endpointurl: server.endpoint };
    return { scheme: 'gs', url: gs.freshUrl(), options, context: gs.alone, close: () => server.close() };
  },
  async 'Azure on Azurite'() {
    const azurite = await startAzurite();
    const options = { connection_string: connectionString(azurite.endpoint) };
    return { scheme: 'azure', url: azure.freshUrl(), options, context: azure.alone, close: () => azurite.close() };
  },
  async 'Google Drive on the double'() {
    const drive = await startDrive();
    const url = `gdrive://${drive.folderId}/${freshFolder()}/store`;
    return {
      scheme: 'gdrive',
      url,
      options: {},
      context: driveContext(drive),
      close: () => drive.close(),
    };
  },
};

// Google Drive compares what it is given with its name: all of these hold `x`.
const name = '9dd4e461268c8034f5c8564e155c67a6';
const keys = [`files/md5/9d/${name.slice(2)}`, `files/md5/9d/${name.slice(2)}.dir`, `9d/${name.slice(2)}`];
const run = `runs/aa/${'a'.repeat(64)}/${'b'.repeat(64)}`;

for (const [service, start] of Object.entries(subjects)) {
  describe(service, () => {
    test('removes the objects it is told to, and nothing else', { timeout: 120_000 }, async () => {
      const { scheme, url, options, context, close } = await start();
      const config: StorageConfig = { name: 'store', scheme, url, options, committed: new Set() };
      const storage = await openStorage(config, context);
      const sweeper = await openSweeper(config, context);
      try {
        for (const key of [...keys, run, 'files/md5/9d/notes.txt']) await storage.write(key, contentOf('x'), operation);
        const [first = '', second = '', third = ''] = keys;
        await sweeper.remove(first, operation);
        await sweeper.remove(run, operation);
        const left = (await listAll(storage, '')).map(({ key }) => key).sort();
        assert.deepEqual(left, [second, third, 'files/md5/9d/notes.txt'].sort());
        assert.equal(await storage.stat(first, operation), undefined);
        await sweeper.remove(first, operation);
        await sweeper.remove(third, operation);
        await sweeper.remove(`files/md5/ee/${name.slice(2)}`, operation);
        for (const other of ['files/md5/9d/notes.txt', 'files/md5/9d', '', '../x', 'runs/aa', `${second}/`]) {
          await assert.rejects(sweeper.remove(other, operation), failsWith('usage', /is no object of DVC/));
        }
        assert.equal((await listAll(storage, '')).length, 2);
        // A colleague's push goes into the same folder afterwards.
        await storage.write(first, contentOf('x'), operation);
        assert.equal((await storage.stat(first, operation))?.size, 1);
        await sweeper.remove(first, operation);
        await sweeper.remove(second, operation);
      } finally {
        await sweeper.close();
        await storage.close();
        await close();
      }
    });
  });
}

test('shows no secret where none may be shown', { timeout: 120_000 }, async () => {
  const weed = await startWeed();
  try {
    const options = { ...s3.adminKeys, endpointurl: weed.endpoint };
    const config: StorageConfig = { name: 'store', scheme: 's3', url: s3.freshUrl(), options, committed: new Set() };
    const storage = await openStorage(config, { ...s3.alone, judge: trusting });
    const [key = ''] = keys;
    await storage.write(key, contentOf('x'), operation);
    const sweeper = await openSweeper(config, { ...s3.alone, judge: refusing });
    await assert.rejects(sweeper.remove(key, operation), failsWith('trust', /no secret is shown there/));
    assert.equal((await storage.stat(key, operation))?.size, 1);
    await sweeper.close();
    await storage.close();
  } finally {
    await weed.close();
  }
});
