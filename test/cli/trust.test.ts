import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { openWorld, type Ran } from '../kit/world.ts';
import { companion } from './companion.ts';

const world = openWorld();
after(() => world.remove());
let repository = '';
let serial = 0;
beforeEach(() => {
  repository = world.path(`repository${serial}`);
  world.git(world.directory, 'init', '-q', `repository${serial++}`);
  world.run(repository, 'mkdir', ['-p', '.dvc', 'sub']);
  writeFileSync(
    join(repository, '.dvc/config'),
    '[core]\n    remote = store\n[\'remote "store"\']\n    url = s3://team\n    endpointurl = https://minio.corp:9000\n' +
      '[\'remote "near"\']\n    url = ../../near\n',
  );
});

const run = (...args: string[]): Promise<Ran> => companion(world, join(repository, 'sub'), ['trust', ...args]);
const written = (scope = '--local'): string =>
  world.run(repository, 'git', ['config', scope, '--get-regexp', '^dvcexp\\.']).stdout;

test('by name, by default, by URL; to read, to write, never; and forgotten again', async () => {
  const trusted = await run();
  assert.equal(trusted.code, 0, trusted.stderr);
  assert.match(trusted.stdout, /^keys and data may go to https:\/\/minio\.corp:9000\/team \(/);
  assert.equal(written(), 'dvcexp.https://minio.corp:9000/team.trust write\n');
  assert.equal((await run('store', '--read')).code, 0);
  assert.equal(written(), 'dvcexp.https://minio.corp:9000/team.trust read\n');
  assert.equal((await run('https://MINIO.corp:9000/team/', '--never')).code, 0);
  assert.equal(written(), 'dvcexp.https://minio.corp:9000/team.trust never\n');
  assert.equal((await run('near')).code, 0);
  world.git(repository, 'config', 'dvcexp.file:../near.pin', 'near');
  world.git(repository, 'config', 'dvcexp.https://nas/dav.allowInsecure', 'true');

  const { stdout } = await run('--list');
  assert.match(stdout, /^local {3}never {9}https:\/\/minio\.corp:9000\/team$/m);
  assert.match(stdout, /^local {3}met as 'near' {2}file:\.\.\/near$/m);
  assert.match(stdout, /^local {3}unencrypted: true {2}https:\/\/nas\/dav$/m);

  assert.equal((await run('near', '--remove')).code, 0);
  assert.equal((await run('--remove', 'store')).code, 0);
  assert.equal((await run('--remove', 'https://nas/dav')).code, 0);
  assert.equal(written(), '');
  const again = await run('--remove');
  assert.deepEqual([again.code, again.stdout], [1, 'nothing is remembered of https://minio.corp:9000/team\n']);
});

test('for all repositories, from anywhere', async () => {
  const anywhere = await companion(world, world.directory, ['trust', '--global', 'https://minio.corp:9000']);
  assert.equal(anywhere.code, 0, anywhere.stderr);
  assert.equal(written('--global'), 'dvcexp.https://minio.corp:9000.trust write\n');
  assert.match((await run('--list')).stdout, /^global {2}write {9}https:\/\/minio\.corp:9000$/m);
  assert.equal((await run('--global', '--remove', 'https://minio.corp:9000')).code, 0);
  assert.equal(written('--global'), '');
});

test('what cannot be is refused', async () => {
  for (const [args, code, words] of [
    [['--read', '--never'], 129, /exclude each other/],
    [['nosuch'], 128, /'nosuch' is not configured/],
    [['http://169.254.169.254'], 128, /this machine's own secrets/],
  ] as const) {
    const refused = await run(...args);
    assert.deepEqual([refused.code, words.test(refused.stderr)], [code, true], refused.stderr);
  }
  writeFileSync(join(repository, '.dvc/config.local'), '[\'remote "store"\']\n    endpointurl = https://own\n');
  assert.match((await run()).stderr, /by your own configuration: it needs no trust/);
  assert.equal((await companion(world, world.directory, ['trust'])).code, 129);
  assert.equal(written(), '');
});
