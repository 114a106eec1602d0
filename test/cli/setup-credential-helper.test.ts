import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { openWorld, type Ran } from '../kit/world.ts';
import { companion } from './companion.ts';

const world = openWorld();
after(() => world.remove());
const setup = (...args: string[]): Promise<Ran> =>
  companion(world, world.directory, ['setup', '--credential-helper', ...args]);
const configuration = (): string => readFileSync(world.path('home', '.gitconfig'), 'utf8');
const helpers = (): string => world.run(world.directory, 'git', ['config', '--get-all', 'credential.helper']).stdout;

test('installed behind the others, once, from anywhere, and taken back byte for byte', async () => {
  world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
  const before = configuration();
  const first = await setup();
  assert.equal(first.code, 0, first.stderr);
  assert.equal(helpers(), 'store\ndvcexp\n');
  assert.match((await setup()).stdout, /already/);
  assert.equal(helpers(), 'store\ndvcexp\n');
  assert.equal((await setup('--undo')).code, 0);
  assert.equal(configuration(), before);
  assert.match((await setup('--undo')).stdout, /nothing to undo/);
});

test('refused where Git would not find it, and with anything that names a Git remote', async () => {
  const bare = { PATH: (world.env.PATH ?? '').split(':').slice(1).join(':') };
  const unfound = await companion(world, world.directory, ['setup', '--credential-helper'], { env: bare });
  assert.equal(unfound.code, 128);
  assert.match(unfound.stderr, /Git does not find git-credential-dvcexp/);
  assert.equal((await setup('origin')).code, 129);
  assert.equal((await setup('--experiments')).code, 129);
  assert.doesNotMatch(helpers(), /dvcexp/);
});
