// A push to Azure that is killed: no ref without its data, and the same push again sends what is missing, block by
// block. Real git, the built helper, Azurite behind a proxy.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startGit, until } from '../e2e/interrupted.ts';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { type Azurite, account, connectionString, container, startAzurite } from '../kit/azurite.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { openWorld, track, type World } from '../kit/world.ts';

let azurite: Azurite;
let proxy: FaultProxy;
let world: World;
before(
  async () => {
    azurite = await startAzurite();
    proxy = await openFaultProxy(azurite);
    world = openWorld();
  },
  { timeout: 120_000 },
);
after(async () => {
  world?.remove();
  await proxy?.close();
  await azurite?.close();
});

/** `url` and options of the storage remote, in this machine's own layer. */
function configure(team: Team, prefix: string): void {
  const connection = connectionString(`http://127.0.0.1:${proxy.port}/${account}`);
  const text = `['remote "storage"']\n    url = azure://${container}/${prefix}\n    connection_string = ${connection}\n`;
  writeFileSync(join(team.alice, '.dvc', 'config.local'), text);
}

const blocks = (): number => proxy.seen.filter(({ url }) => url.includes('blockid=')).length;
async function stored(prefix: string): Promise<number> {
  const query = `restype=container&comp=list&prefix=${encodeURIComponent(`${prefix}/`)}`;
  return (await azurite.request('GET', `/${container}?${query}`)).text.split('<Blob>').length - 1;
}

for (const end of ['killHelper', 'interrupt'] as const) {
  test(`${end === 'interrupt' ? 'Ctrl-C' : 'kill -9'} in the middle of a big object`, {
    timeout: 120_000,
  }, async () => {
    const team = createTeam(world, end);
    configure(team, end);
    track(team.alice, 'big.bin', 'x'.repeat(60 << 20));
    trackAndCommit(team, 'model.bin', 'model');
    proxy.seen.length = 0;
    // The first three blocks come through, the others never get an answer.
    proxy.rules = [
      { match: /blockid=/, times: 3 },
      { match: /blockid=/, hang: true },
    ];
    const running = startGit(world, team.alice, ['push', 'origin', 'main']);
    await until(() => blocks() === 8 && proxy.counts.inFlight === 5, 'five blocks wait for an answer');
    await running[end]();
    assert.equal(world.git(team.bare, 'for-each-ref'), '', 'no ref without its data');
    assert.ok((await stored(end)) <= 1, 'at most the small object is to be seen');

    proxy.rules = [];
    proxy.seen.length = 0;
    const again = await team.git(team.alice, ['push', 'origin', 'main']);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(blocks(), 5, '60 MiB are eight blocks, three of them were there');
    assert.equal(await stored(end), 2);
    assert.notEqual(world.git(team.bare, 'for-each-ref'), '');
  });
}
