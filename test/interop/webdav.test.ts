import { after, before } from 'node:test';
import { testMeeting } from '../kit/meeting.ts';
import { plainUser, startWsgidav, type WebServer } from '../kit/web-servers.ts';

let server: WebServer;
before(async () => {
  server = await startWsgidav();
});
after(() => server?.close());

testMeeting('WebDAV on WsgiDAV', async () => ({
  url: `webdav://127.0.0.1:${server.port}/teams/ours/store`,
  options: { user: plainUser, password: plainUser },
  directory: `${server.directory}/teams/ours/store`,
}));
