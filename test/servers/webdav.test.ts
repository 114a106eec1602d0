import { existsSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { filesIn, plainUser, startRcloneDav, startWsgidav, type WebServer } from '../kit/web-servers.ts';
import { freshFolder, login, openWeb } from './web-remote.ts';

for (const { name, start, user } of [
  { name: 'WsgiDAV', start: () => startWsgidav(), user: login },
  { name: 'rclone', start: startRcloneDav, user: { user: plainUser, password: plainUser } },
]) {
  describe(`WebDAV on ${name}`, () => {
    let server: WebServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.close());

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
  });
}
