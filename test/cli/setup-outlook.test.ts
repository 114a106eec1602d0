// What `setup` says the next push will do.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion, useQuickHelper } from './companion.ts';

let world: World;
before(() => {
  world = openWorld();
  useQuickHelper(world);
});
after(() => world.remove());

let repositories = 0;
function repository(): string {
  repositories += 1;
  const at = world.path(`r${repositories}`);
  world.git(world.directory, 'init', '-q', at);
  world.git(at, 'remote', 'add', 'origin', '/nowhere');
  return at;
}

async function setup(at: string): Promise<Ran> {
  const ran = await companion(world, at, ['setup']);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(world.git(at, 'config', 'remote.origin.vcs'), 'dvcexp');
  return ran;
}

const storage = (url: string, name = 'storage'): string =>
  `[core]\n    remote = ${name}\n['remote "${name}"']\n    url = ${url}\n`;
const project = (committed: string | undefined): string => {
  const at = repository();
  mkdirSync(join(at, '.dvc'));
  writeFileSync(join(at, '.dvc', 'config'), committed ?? '');
  if (committed === undefined) return at;
  track(at, 'model.bin', 'model');
  writeFileSync(join(at, '.gitignore'), '/model.bin\n/.dvc/cache\n');
  world.git(at, 'add', '-A');
  world.git(at, 'commit', '-qm', 'one');
  return at;
};

test('where data goes, without secrets', async () => {
  const ran = await setup(project(storage('s3://key:secret@bucket/prefix?sig=secret')));
  assert.match(ran.stdout, /git push first uploads .* to s3:\/\/bucket\/prefix \(storage remote 'storage'\)/);
  assert.equal(ran.stderr, '');
  assert.doesNotMatch(ran.stdout, /secret/);
});

test('a cloud-versioned storage remote, which only DVC can fill', async () => {
  const ran = await setup(project(`${storage('s3://bucket/prefix')}    worktree = true\n`));
  assert.match(ran.stdout, /git push wants the data of new commits in s3:\/\/bucket\/prefix .* before, by 'dvc push'/);
  assert.doesNotMatch(ran.stdout, /uploads/);
});

test('each storage remote that outputs name', async () => {
  const at = project(storage('/nowhere/one') + storage('/nowhere/two', 'second').replace(/^.*\n.*\n/, ''));
  writeFileSync(join(at, 'model.bin.dvc'), `${readFileSync(join(at, 'model.bin.dvc'), 'utf8')}  remote: second\n`);
  world.git(at, 'commit', '-qam', 'two');
  const { stdout } = await setup(at);
  assert.match(stdout, /\/nowhere\/one \(storage remote 'storage'\)/);
  assert.match(stdout, /\/nowhere\/two \(storage remote 'second'\)/);
});

test('no project, no storage remote, one that is not committed', async () => {
  assert.match((await setup(repository())).stderr, /there is no DVC project here/);
  assert.match((await setup(project(undefined))).stderr, /is not committed yet.*\nhint: git add \.dvc && git commit/);
  const homeless = await setup(project(''));
  assert.match(homeless.stderr, /no default storage remote is configured: data stays on this machine/);
  assert.match(homeless.stderr, /1 output of HEAD has no storage remote to go to/);
  assert.doesNotMatch(homeless.stdout, /uploads/);
  const changed = project(storage('/nowhere/one'));
  writeFileSync(join(changed, '.dvc', 'config'), storage('/nowhere/two'));
  const ran = await setup(changed);
  assert.match(ran.stdout, /uploads .* to \/nowhere\/one/);
  assert.match(ran.stderr, /'storage' \(\/nowhere\/two\) is in the work tree's \.dvc\/config and not in HEAD's/);
});

test('a project below the top, from inside of it', async () => {
  const at = repository();
  mkdirSync(join(at, 'deep', '.dvc'), { recursive: true });
  writeFileSync(join(at, 'deep', '.dvc', 'config'), storage('/nowhere/one'));
  const ran = await setup(join(at, 'deep'));
  assert.match(ran.stderr, /the DVC project in 'deep' is not committed yet.*\nhint: git add deep\/\.dvc && git commit/);
  assert.match(ran.stdout, /\/nowhere\/one/);
});

test('data switched off', async () => {
  const at = project(storage('/nowhere/one'));
  world.git(at, 'config', 'dvcexp.noCache', 'true');
  const ran = await setup(at);
  assert.match(ran.stderr, /dvcexp\.noCache is on: refs move without data/);
  assert.doesNotMatch(ran.stdout, /uploads/);
});

test('what cannot be told is a warning, and the setting is written', async () => {
  const at = project('[core\n');
  const ran = await setup(at);
  assert.match(ran.stderr, /^warning: .*\.dvc\/config/m);
});
