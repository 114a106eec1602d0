// What lies about on a shared machine: a repository of somebody else's, programs in it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { awsKeys, noKeys, openSmallS3, type SmallS3, s3Config } from '../e2e/small-s3.ts';
import { createTeam, trackAndCommit } from '../e2e/team.ts';
import { findProgram } from '../kit/git-servers.ts';
import { openWorld, type World } from '../kit/world.ts';

let world: World;
let s3: SmallS3;
before(async () => {
  s3 = await openSmallS3();
  world = openWorld({ ...noKeys, ...awsKeys });
});
after(async () => {
  world.remove();
  await s3.close();
});

const nobody = 65_534;

test('of a repository that belongs to another user nothing is read before Git has agreed', async () => {
  assert.equal(process.getuid?.(), 0, 'this test makes a repository of another user: run it as root');
  const team = createTeam(world, 'shared');
  team.write('.dvc/config', s3Config(s3));
  trackAndCommit(team, 'model.bin', 'model');
  execFileSync('chown', ['-R', String(nobody), team.alice]);
  const verbs = [
    ['dvcexp', 'fetch'],
    ['dvcexp', 'push'],
    ['dvcexp', 'status'],
    ['dvcexp', 'trust', '--list'],
    ['dvcexp', 'credential', 'check'],
    ['dvcexp', 'with-credentials', '--', 'true'],
    ['push', 'origin', 'main'],
  ];
  for (const args of verbs) {
    const ran = await team.git(team.alice, args);
    assert.notEqual(ran.code, 0, args.join(' '));
    assert.match(ran.stderr, /dubious ownership/, args.join(' '));
    assert.deepEqual(s3.seen, [], args.join(' '));
  }
  // Whoever says that it is all right is believed.
  world.git(world.directory, 'config', '--global', '--add', 'safe.directory', team.alice);
  const pushed = await team.git(team.alice, ['push', 'origin', 'main']);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.ok(s3.seen.length > 0);
});

test('programs that a repository brings are not started, whatever PATH says', async () => {
  const team = createTeam(world, 'planted');
  const canary = world.path('canary');
  for (const name of ['git', 'ssh', 'git-upload-pack', 'git-receive-pack', 'dvc', 'az'])
    writeFileSync(join(team.alice, name), `#!/bin/sh\ntouch '${canary}'\n`, { mode: 0o755 });
  const git = findProgram('git');
  for (const url of ['ssh://127.0.0.1:1/x', '../../storage']) {
    team.write('.dvc/config', `[core]\n    remote = s\n['remote "s"']\n    url = ${url}\n    port = 1\n`);
    trackAndCommit(team, 'model.bin', url);
    for (const path of [`.:${world.env.PATH}`, `:${world.env.PATH}`])
      for (const args of [
        ['push', 'origin', 'main'],
        ['dvcexp', 'fetch'],
        ['dvcexp', 'status'],
      ])
        await world.runAsync(team.alice, git, args, { env: { PATH: path } });
    assert.ok(!existsSync(canary), url);
  }
});
