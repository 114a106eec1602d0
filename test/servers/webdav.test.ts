import assert from 'node:assert/strict';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { startGit, until } from '../e2e/interrupted.ts';
import { createTeam } from '../e2e/team.ts';
import { filesIn, plainUser, startRcloneDav, startWsgidav, type WebServer } from '../kit/web-servers.ts';
import { openWorld, track, type World } from '../kit/world.ts';
import { freshFolder, login, openWeb } from './web-remote.ts';

for (const { name, start, user } of [
  { name: 'WsgiDAV', start: () => startWsgidav(), user: login },
  { name: 'rclone', start: () => startRcloneDav(), user: { user: plainUser, password: plainUser } },
]) {
  describe(`WebDAV on ${name}`, () => {
    let server: WebServer;
    let world: World;
    before(async () => {
      server = await start();
      world = openWorld();
    });
    after(async () => {
      world?.remove();
      await server?.close();
    });

    let folder = '';
    testStorage(name, {
      open(prefix = 'store') {
        folder = `${server.directory}/${freshFolder()}`;
        return openWeb(`webdav://127.0.0.1:${server.port}/${folder.split('/').at(-1)}/${prefix}`, user);
      },
      async leftovers() {
        return existsSync(folder) ? filesIn(folder) : [];
      },
      bigBytes: 5 << 20,
    });

    test('what a push left that was killed is swept by one after a day, and nothing else is', {
      timeout: 120_000,
    }, async (t) => {
      const team = createTeam(world, `killed-${name}`);
      const at = join(server.directory, `killed-${name}`);
      const configure = (port: number): void => {
        const options = [
          `url = webdav://127.0.0.1:${port}/killed-${name}`,
          ...Object.entries(user).map(([option, value]) => `${option} = ${value}`),
        ];
        writeFileSync(
          join(team.alice, '.dvc', 'config.local'),
          `['remote "storage"']\n    ${options.join('\n    ')}\n`,
        );
      };
      configure(server.port);
      const big = track(team.alice, 'big.bin', 'x'.repeat(200 << 20));
      team.commit();
      const left = (): readonly string[] =>
        existsSync(at) ? filesIn(at).filter((path) => path.includes('.dvcexp.tmp')) : [];
      const running = startGit(world, team.alice, ['push', 'origin', 'main']);
      await until(() => left().length > 0, 'the object is on its way');
      await running.killHelper();
      assert.equal(team.refs(), '', 'no ref without its data');
      assert.ok(!filesIn(at).some((path) => path.endsWith(big.slice(2))), 'not under its name');
      const again = await team.push('main');
      assert.equal(again.code, 0, again.stderr);

      // A server may have removed what it got of the broken request; then there is what another run left.
      const place = join(at, 'files', 'md5', big.slice(0, 2));
      const [other, young, foreign] = ['A', 'B', 'C'].map((letter) => `.${letter.repeat(22)}`);
      for (const each of [`${other}.dvcexp.tmp`, `${young}.dvcexp.tmp`, `${foreign}.tmp`])
        writeFileSync(join(place, each), 'x');
      mkdirSync(join(place, `.${'D'.repeat(22)}.dvcexp.tmp`));
      const time = Date.now() / 1000 - 2 * 24 * 3600;
      for (const path of [...left(), join('files', 'md5', big.slice(0, 2), `${foreign}.tmp`)])
        if (!path.includes(`${young}`)) utimesSync(join(at, path), time, time);

      // rclone knows what lies in its folders, and looks again after minutes.
      const fresh = name === 'rclone' ? await startRcloneDav(server.directory) : undefined;
      t.after(() => fresh?.close());
      configure(fresh?.port ?? server.port);
      // So many that storage is listed.
      track(
        team.alice,
        'data',
        Object.fromEntries(Array.from({ length: 40 }, (_, each) => [`${each}`, `file ${each}`])),
      );
      team.commit();
      const later = await team.push('main');
      assert.equal(later.code, 0, later.stderr);
      const kept = filesIn(at).filter((path) => path.endsWith('.tmp'));
      assert.deepEqual(
        kept.map((path) => path.slice(path.lastIndexOf('/') + 1)),
        [`${young}.dvcexp.tmp`, `${foreign}.tmp`],
      );
      assert.ok(existsSync(join(place, `.${'D'.repeat(22)}.dvcexp.tmp`)), 'a folder is nobody’s upload');
      assert.equal(filesIn(at).length, kept.length + 1 + 41);
    });
  });
}
