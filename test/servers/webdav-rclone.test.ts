import { existsSync } from 'node:fs';
import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { filesIn, plainUser, startRcloneDav, type WebServer } from '../kit/web-servers.ts';
import { freshFolder, openWeb } from './web-remote.ts';

let server: WebServer;
before(async () => {
  server = await startRcloneDav();
});
after(() => server?.close());

const login = { user: plainUser, password: plainUser };
let folder = '';
testStorage('WebDAV on rclone', {
  open(prefix = 'store') {
    folder = `${server.directory}/${freshFolder()}`;
    return openWeb(`webdav://127.0.0.1:${server.port}/${folder.split('/').at(-1)}/${prefix}`, login);
  },
  async leftovers() {
    return existsSync(folder) ? filesIn(folder) : [];
  },
  bigBytes: 5 << 20,
});
