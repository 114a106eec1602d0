import { after, before } from 'node:test';
import { testMeeting } from '../kit/meeting.ts';
import { startNginx, type WebServer } from '../kit/web-servers.ts';

let server: WebServer;
before(async () => {
  server = await startNginx({ dav: true });
});
after(() => server?.close());

testMeeting('HTTP on nginx', async () => ({
  url: `http://127.0.0.1:${server.port}/store`,
  options: { method: 'PUT' },
  directory: `${server.directory}/store`,
}));
