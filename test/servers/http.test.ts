import { existsSync } from 'node:fs';
import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { filesIn, startNginx, type WebServer } from '../kit/web-servers.ts';
import { freshFolder, login, openWeb } from './web-remote.ts';

let server: WebServer;
before(async () => {
  server = await startNginx({ dav: true, auth: true });
});
after(() => server?.close());

let folder = '';
testStorage('HTTP on nginx', {
  open(prefix = 'store') {
    folder = `${server.directory}/${freshFolder()}`;
    const url = `http://127.0.0.1:${server.port}/${folder.split('/').at(-1)}/${prefix}`;
    return openWeb(url, { ...login, auth: 'basic', method: 'put' });
  },
  async leftovers() {
    return existsSync(folder) ? filesIn(folder) : [];
  },
  canList: false,
  bigBytes: 5 << 20,
});
