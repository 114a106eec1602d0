// SSH storage whose host nobody vouches for: whoever answers at the address gets no password and no data.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { findProgram } from '../kit/git-servers.ts';
import { type PasswordServer, startPasswordServer } from '../kit/password-server.ts';
import { openWorld, type World } from '../kit/world.ts';

let world: World;
let team: Team;
let server: PasswordServer;
let serial = 0;
before(async () => {
  world = openWorld();
  for (const name of ['host', 'other'])
    world.run(world.directory, 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', world.path(name)]);
  server = await startPasswordServer(world.path('host'), 'password');
  // The machine's own ssh looks for its configuration where the account lives, whatever HOME says.
  mkdirSync(world.path('bin'));
  const config = `UserKnownHostsFile ${world.path('known_hosts')}\nGlobalKnownHostsFile none\n`;
  writeFileSync(world.path('ssh_config'), config);
  const script = `#!/bin/sh\nexec ${findProgram('ssh')} -F '${world.path('ssh_config')}' "$@"\n`;
  writeFileSync(world.path('bin', 'ssh'), script, { mode: 0o755 });
});
after(() => {
  world.remove();
  server.close();
});
beforeEach(() => {
  team = createTeam(world, `team${serial++}`);
  server.given.length = 0;
});

const know = (...keys: readonly string[]): void => {
  const lines = keys.map((name) => {
    const [type, key] = readFileSync(world.path(`${name}.pub`), 'utf8').split(' ');
    return `[127.0.0.1]:${server.port} ${type} ${key}\n`;
  });
  writeFileSync(world.path('known_hosts'), lines.join(''));
};
async function push(): Promise<string> {
  team.write(
    '.dvc/config',
    `[core]\n    remote = storage\n['remote "storage"']\n    url = ssh://127.0.0.1/data\n    port = ${server.port}\n    user = ada\n    allow_agent = false\n`,
  );
  trackAndCommit(team, 'model.bin', 'model');
  writeFileSync(join(team.alice, '.dvc', 'config.local'), `['remote "storage"']\n    password = cAnArY-password\n`);
  const path = `${world.path('bin')}:${world.env.PATH}`;
  const { code, stderr } = await team.git(team.alice, ['push', 'origin', 'main'], { PATH: path });
  assert.equal(code, 1, stderr);
  assert.equal(team.refs(), '', 'no ref moved');
  return stderr;
}

test('a host whose key is known is shown the password', async () => {
  know('host');
  await push();
  assert.deepEqual(server.given, ['cAnArY-password']);
});

test('a host that nobody knows is not', async () => {
  know();
  assert.match(await push(), /the host key of '\[127\.0\.0\.1\]:\d+' is not known[\s\S]*hint: .*ssh -p \d+/);
  assert.deepEqual(server.given, []);
  assert.equal(readFileSync(world.path('known_hosts'), 'utf8'), '', 'and it is not written down');
});

test('nor is one whose key has changed', async () => {
  know('other');
  assert.match(await push(), /HAS CHANGED/);
  assert.deepEqual(server.given, []);
});
