// `git dvcexp fsck` and `gc` on real servers: what is damaged, lost and unneeded there is found and mended or removed.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { contentOf, listAll, operation } from '../conformance/storage.ts';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { makeKey, makeSshHome, type Sshd, startSftpServer } from '../kit/sshd.ts';
import { admin, startWeed, type Weed } from '../kit/weed.ts';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { alone, freshUrl } from './s3-remote.ts';

interface Place {
  readonly url: string;
  readonly options: Readonly<Record<string, string>>;
  open(): Promise<Storage>;
  close(): Promise<unknown>;
}

const places: Readonly<Record<string, (world: World) => Promise<Place>>> = {
  async 'S3 on SeaweedFS'() {
    const weed: Weed = await startWeed();
    const url = freshUrl();
    const options = { endpointurl: weed.endpoint, access_key_id: admin.id, secret_access_key: admin.secret };
    const config = { name: 'storage', scheme: 's3', url, options, committed: new Set<string>() };
    return { url, options, open: () => openStorage(config, alone), close: () => weed.close() };
  },
  async 'SFTP on OpenSSH'(world) {
    const home = makeSshHome(world.path('home'));
    const key = makeKey(join(home.directory, '.ssh', 'id_ed25519'));
    const sshd: Sshd = await startSftpServer(world.path('sshd'), { authorized: `${key}.pub` });
    home.configure('Host 127.0.0.1', `IdentityFile ${key}`, 'IdentitiesOnly yes');
    home.trust(sshd.port, world.path('sshd', 'host'));
    const url = `ssh://127.0.0.1:${sshd.port}${world.path('store')}`;
    const config = { name: 'storage', scheme: 'ssh', url, options: {}, committed: new Set<string>() };
    const context = { ...home.context, createBase: true };
    // Its `ssh` reads the configuration of this home.
    const { env } = home.context;
    Object.assign(world.env, env, { PATH: `${env.PATH}${delimiter}${world.env.PATH}` });
    return { url, options: {}, open: () => openStorage(config, context), close: () => sshd.stop() };
  },
};

for (const [service, start] of Object.entries(places)) {
  describe(service, () => {
    let world: World;
    let team: Team;
    let place: Place;
    before(
      async () => {
        world = openWorld({ AWS_EC2_METADATA_DISABLED: 'true' });
        team = createTeam(world, 'team');
        place = await start(world);
        const options = Object.entries(place.options).map(([name, value]) => `    ${name} = ${value}\n`);
        writeFileSync(
          join(team.alice, '.dvc/config.local'),
          `['remote "storage"']\n    url = ${place.url}\n${options.join('')}`,
        );
        trackAndCommit(team, 'data', { 'a.txt': 'aaaa', 'b.txt': 'bb' });
        const pushed = await team.push('main');
        assert.equal(pushed.code, 0, pushed.stderr);
      },
      { timeout: 120_000 },
    );
    after(async () => {
      await place?.close();
      world?.remove();
    });
    const ours = (...args: readonly string[]): Promise<Ran> => world.runAsync(team.alice, 'git', ['dvcexp', ...args]);
    const leafA = 'files/md5/74/b87337454200d4d33f80c4663dc5e5';

    test('fsck finds and mends', { timeout: 120_000 }, async () => {
      const right = await ours('fsck', '--storage');
      assert.equal(right.code, 0, right.stdout + right.stderr);
      assert.match(right.stdout, /: 3 objects, 3 read and hashed/);
      const storage = await place.open();
      await storage.write(leafA, contentOf('AAAA'), operation);
      const found = await ours('fsck', '--storage');
      assert.equal(found.code, 1);
      assert.match(found.stdout, /damaged in storage: data\/a\.txt, HEAD /);
      const mended = await ours('fsck', '--storage', '--repair');
      assert.equal(mended.code, 0, mended.stdout + mended.stderr);
      assert.equal((await ours('fsck', '--storage')).code, 0);
      await storage.close();
    });

    test('gc removes what no ref needs', { timeout: 120_000 }, async () => {
      const storage = await place.open();
      const needed = (await listAll(storage, '')).map(({ key }) => key);
      const name = track(team.alice, 'waste.bin', 'of nobody');
      const key = `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
      for (const each of [key, 'files/md5/README']) await storage.write(each, contentOf('of nobody'), operation);
      const args = ['gc', '--storage', 'storage', '--yes'];
      assert.match((await ours(...args, '--older-than', '0')).stdout, /removed: 0 objects/, 'the work tree needs it');
      await world.runAsync(team.alice, 'rm', ['waste.bin', 'waste.bin.dvc']);
      assert.match((await ours(...args)).stdout, /kept for now \(younger than 14 days.*\): 1 object,/);
      // A second at least: SFTP tells no less, and clocks differ.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const ran = await ours(...args, '--older-than', '0');
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, /removed: 1 object, 9 bytes/);
      assert.deepEqual(
        (await listAll(storage, '')).map((each) => each.key),
        [...needed, 'files/md5/README'].sort(),
      );
      await storage.close();
    });
  });
}
