// What Git keeps opens storage in a plain fetch, which asks nobody.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { openAsking } from '../kit/asking.ts';
import { objectsIn, openWorld } from '../kit/world.ts';
import { createTeam, trackAndCommit } from './team.ts';

const world = openWorld();
const { keep, prompts, env } = openAsking(world);
const objects = new Map<string, Buffer>();
let server: Server;
before(async () => {
  const good = `Basic ${Buffer.from('ada:pw').toString('base64')}`;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.headers.authorization !== good) {
        return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      }
      const path = request.url ?? '';
      if (request.method === 'PUT') objects.set(path, Buffer.concat(chunks));
      const found = objects.get(path);
      const length = { 'content-length': found?.length ?? 0 };
      return response.writeHead(found === undefined ? 404 : 200, length).end(request.method === 'HEAD' ? '' : found);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
  world.remove();
});

test('a password that Git keeps: push and clone, and nobody is asked', async () => {
  const { port } = server.address() as AddressInfo;
  keep(`http://ada:pw@127.0.0.1:${port}`);
  const team = createTeam(world, 'team');
  const url = `http://127.0.0.1:${port}/data`;
  team.write('.dvc/config', `[core]\n    remote = web\n['remote "web"']\n    url = ${url}\n    method = PUT\n`);
  trackAndCommit(team, 'model.bin', 'model');
  const pushed = await team.git(team.alice, ['push', 'origin', 'main'], env);
  assert.equal(pushed.code, 0, pushed.stderr);
  const cloned = await team.clone('bob', [], env);
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.match(cloned.stderr, /downloaded 1 object/);
  assert.equal(objectsIn(team.path('bob', '.dvc', 'cache')).size, 1);
  assert.deepEqual(prompts(), []);
});
