// Addresses that would start a program, or become an option of one, as they come from a stranger: in what one is told to
// clone, in submodules, in rewritten URLs, in names of refs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let team: Team;
let canary: string;
let serial = 0;
before(async () => {
  world = openWorld();
  team = createTeam(world, 'team');
  canary = world.path('canary');
  trackAndCommit(team, 'model.bin', 'model');
  assert.equal((await team.push('main')).code, 0);
});
after(() => world.remove());

async function refused(ran: Promise<Ran>, words: RegExp): Promise<void> {
  const { code, stderr } = await ran;
  assert.notEqual(code, 0);
  assert.match(stderr, words);
  assert.ok(!existsSync(canary), 'a program ran');
}
const clone = (url: string, ...args: string[]): Promise<Ran> =>
  team.git(team.directory, [...args, 'clone', url, `clone${serial++}`]);

test('what is cloned starts no program', async () => {
  const evil = `ext::sh -c touch% ${canary}`;
  for (const url of [`dvcexp::${evil}`, `dvcexp::dvcexp::${evil}`])
    await refused(clone(url), /transport 'ext' not allowed/);
  const vcs = ['-c', 'remote.origin.vcs=dvcexp'];
  await refused(team.git(team.directory, ['clone', ...vcs, evil, 'x']), /transport 'ext' not allowed/);
  // Rewritten on the way.
  const rewrite = ['-c', `url.${evil} .insteadOf=https://harmless/`];
  await refused(clone('dvcexp::https://harmless/x', ...rewrite), /transport 'ext' not allowed/);
  // Whoever allows it may.
  await team.git(team.directory, ['-c', 'protocol.ext.allow=always', 'clone', `dvcexp::${evil}`, 'y']);
  assert.ok(existsSync(canary), 'it would have run');
  rmSync(canary);
});

test('what Git was told to leave out is left out behind our prefix', async () => {
  const bare = `file://${team.bare}`;
  const with_ = (env: NodeJS.ProcessEnv): Promise<Ran> =>
    team.git(team.directory, ['clone', `dvcexp::${bare}`, `clone${serial++}`], env);
  await refused(with_({ GIT_ALLOW_PROTOCOL: 'dvcexp:https' }), /transport 'file' not allowed/);
  const strict = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'protocol.file.allow', GIT_CONFIG_VALUE_0: 'user' };
  // Git's own check of our prefix comes first.
  const both = { ...strict, GIT_PROTOCOL_FROM_USER: '0' };
  await refused(with_(both), /transport '(?:dvcexp|file)' not allowed/);
  const allowed = {
    ...both,
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_1: 'protocol.dvcexp.allow',
    GIT_CONFIG_VALUE_1: 'always',
  };
  await refused(with_(allowed), /transport 'file' not allowed/);
});

test('a submodule has no address of ours', async () => {
  const evil = createTeam(world, 'evil');
  trackAndCommit(evil, 'model.bin', 'model');
  for (const url of [`dvcexp::ext::sh -c touch% ${canary}`, `dvcexp::file://${team.bare}`]) {
    writeFileSync(join(evil.alice, '.gitmodules'), `[submodule "x"]\n\tpath = x\n\turl = ${url}\n`);
    const head = world.git(team.alice, 'rev-parse', 'HEAD');
    world.git(evil.alice, 'update-index', '--add', '--cacheinfo', `160000,${head},x`);
    world.git(evil.alice, 'add', '.gitmodules');
    world.git(evil.alice, 'commit', '-qm', url);
    world.git(evil.alice, 'push', '-q', evil.bare, 'main');
    world.git(evil.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main');
    await refused(
      team.git(team.directory, ['clone', '--recurse-submodules', `file://${evil.bare}`, `clone${serial++}`]),
      /transport 'dvcexp' not allowed/,
    );
  }
});

test('no address becomes an option', async () => {
  const options = [`--upload-pack=touch ${canary};`, `-oProxyCommand=touch ${canary}`];
  for (const option of options) {
    await refused(clone(`dvcexp::${option}`), /strange (?:pathname|hostname|address) .* blocked/);
    await refused(clone(`dvcexp::ssh://${encodeURIComponent(option)}/x`), /strange hostname .* blocked/);
    await refused(clone(`dvcexp::ssh://host/${option}`.replace('host/', 'host:22')), /blocked|[Cc]ould not|not|error/);
    await refused(clone(`dvcexp::host:${option}`), /strange pathname .* blocked/);
    await refused(clone(`dvcexp::git://${option}/x`), /strange hostname .* blocked/);
  }
});

test('no name of a ref becomes one', async () => {
  const head = world.git(team.alice, 'rev-parse', 'HEAD');
  const names = [`refs/heads/--upload-pack=touch$IFS${canary.slice(1)}`, 'refs/heads/-x', 'refs/tags/-d'];
  for (const name of names) world.git(team.bare, 'update-ref', name, head);
  const cloned = await team.clone('named');
  assert.equal(cloned.code, 0, cloned.stderr);
  const there = team.path('named');
  for (const args of [
    ['fetch', 'origin', '+refs/*:refs/copies/*'],
    ['push', 'origin', 'refs/copies/heads/-x:refs/heads/-y', 'refs/copies/tags/-d:refs/tags/--delete'],
    ['dvcexp', 'fetch', 'refs/copies/heads/-x'],
    ['dvcexp', 'status'],
  ]) {
    const ran = await team.git(there, args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  }
  assert.match(team.refs(), /^refs\/heads\/-y /m);
  assert.match(team.refs(), /^refs\/tags\/--delete /m);
  for (const args of [
    ['dvcexp', 'fetch', '-x'],
    ['dvcexp', 'push', 'origin', '--receive-pack=touch canary'],
  ])
    await refused(team.git(there, args), /usage|unknown|not|error/i);
});

test('a program for another repository is told nothing of this one', async () => {
  const dump = world.path('environment');
  const hook = join(team.bare, 'hooks', 'update');
  writeFileSync(hook, `#!/bin/sh\nenv > '${dump}'\n`, { mode: 0o755 });
  trackAndCommit(team, 'model.bin', 'again');
  const stale = {
    GIT_INDEX_FILE: join(team.alice, '.git', 'index'),
    GIT_WORK_TREE: team.alice,
    GIT_NAMESPACE: '',
    GIT_PREFIX: 'x/',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'user.name',
    GIT_CONFIG_VALUE_0: 'cAnArY',
    AWS_SECRET_ACCESS_KEY: 'of the user',
  };
  const pushed = await team.git(team.alice, ['-c', 'core.abbrev=7', 'push', 'origin', 'main'], stale);
  assert.equal(pushed.code, 0, pushed.stderr);
  rmSync(hook);
  const seen = readFileSync(dump, 'utf8');
  assert.match(seen, /^GIT_DIR=\.$/m, 'of the other repository');
  assert.doesNotMatch(
    seen,
    /^GIT_(?:INDEX_FILE|WORK_TREE|PREFIX|CONFIG_PARAMETERS|CONFIG_COUNT|CONFIG_KEY_0|CONFIG_VALUE_0)=/m,
  );
  assert.match(seen, /^AWS_SECRET_ACCESS_KEY=of the user$/m, 'the rest is passed on, as plain Git does');
});
