// Whatever becomes of an S3 service or of our way to it, no ref arrives before its data, nothing half stays, and the
// same command again ends where an undisturbed one would have: real git, the built helper, SeaweedFS behind a proxy.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { startGit, until } from '../e2e/interrupted.ts';
import { fullDisk, withSmallDiskAsync } from '../e2e/small-disk.ts';
import { addExperiment, copyTeam, createTeam, damagedIn, insides, strangersIn, type Team, trackAndCommit } from '../e2e/team.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { admin, bucket, reader, startWeed, type Weed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

let weed: Weed;
let proxy: FaultProxy;
let world: World;
let template: Team;
let team: Team;
let bob: string;
let experiment: string;
let prefix: string;
let serial = 0;

const keys = (id: string, secret: string): NodeJS.ProcessEnv => ({
  AWS_ACCESS_KEY_ID: id,
  AWS_SECRET_ACCESS_KEY: secret,
  AWS_EC2_METADATA_DISABLED: 'true',
});
const good = keys(admin.id, admin.secret);
/** Beyond one part of a multipart upload, and long enough on its way. */
const bigBytes = 24 << 20;
const big = 'x'.repeat(bigBytes);

before(
  async () => {
    weed = await startWeed();
    proxy = await openFaultProxy(weed);
    world = openWorld();
    template = createTeam(world, 'template');
    trackAndCommit(template, 'model.bin', 'first model');
    experiment = addExperiment(world, template, 'quare-zips', () => {
      track(template.alice, 'model.bin', 'second model');
      const some = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`${at}.txt`, `file ${at}`]));
      track(template.alice, 'data', { ...some, big });
    });
  },
  { timeout: 120_000 },
);
after(async () => {
  world.remove();
  await proxy.close();
  await weed.close();
});
beforeEach(async () => {
  proxy.rules = [];
  proxy.seen.length = 0;
  team = copyTeam(world, template, `team${serial++}`);
  bob = team.path('bob');
  prefix = `faults${process.pid}-${serial}`;
  // Not committed: the same commits live at another place in every test.
  configure({});
  const pushed = await git(team.alice, ['push', 'origin', 'main']);
  assert.equal(pushed.code, 0, pushed.stderr);
  world.git(team.directory, 'clone', '-q', team.bare, 'bob');
  world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
});

/** This machine's word on the storage remote, for both clones. */
function configure({ port = proxy.port, name = bucket, more = '' }: { port?: number; name?: string; more?: string }): void {
  const path = join(world.directory, 'dvc', 'config');
  team.write('../dvc/config', '');
  void path;
  for (const member of ['alice', 'bob']) {
    const text = `['remote "storage"']\n    url = s3://${name}/${prefix}\n    endpointurl = http://127.0.0.1:${port}\n    read_timeout = 3\n    connect_timeout = 3\n${more}`;
    team.write(`../${member}/.dvc/config.local`, text);
  }
}
