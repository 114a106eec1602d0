// What `setup` refuses, what it warns of, and what it says will happen.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import { answering, companion, program, useQuickHelper } from './companion.ts';

let world: World;
let plain: string;
before(() => {
  world = openWorld();
  plain = world.env.PATH ?? '';
  useQuickHelper(world);
});
after(() => world.remove());

let repositories = 0;
function repository(...remotes: readonly (readonly [name: string, url: string])[]): string {
  repositories += 1;
  const at = world.path(`r${repositories}`);
  world.git(world.directory, 'init', '-q', at);
  for (const [name, url] of remotes) world.git(at, 'remote', 'add', name, url);
  return at;
}

const config = (at: string): string => readFileSync(join(at, '.git', 'config'), 'utf8');
const isSet = (at: string, name = 'origin'): boolean =>
  world.run(at, 'git', ['config', `remote.${name}.vcs`]).stdout === 'dvcexp\n';

async function setup(at: string, ...args: readonly string[]): Promise<Ran> {
  const ran = await companion(world, at, ['setup', ...args]);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

describe('what cannot work is refused, with a reason, and nothing is written', () => {
  interface Case {
    readonly name: string;
    readonly url?: string;
    readonly config?: Readonly<Record<string, string>>;
    readonly env?: () => NodeJS.ProcessEnv;
    readonly args?: readonly string[];
    readonly says: RegExp;
    readonly code?: number;
  }
  const helper = (script: string) => (): NodeJS.ProcessEnv => ({
    PATH: `${program(world, 'bad', 'git-remote-dvcexp', script)}${delimiter}${plain}`,
  });
  const cases: readonly Case[] = [
    {
      name: 'no such remote',
      args: ['nosuch'],
      says: /there is no Git remote 'nosuch'\nhint: there is 'origin'/,
      code: 129,
    },
    { name: 'no URL', url: '', says: /no URL\nhint: give it one: git config remote\.origin\.url/ },
    {
      name: 'another helper',
      config: { 'remote.origin.vcs': 'hg' },
      says: /served by another helper: remote\.origin\.vcs is 'hg' in '.*config'\nhint: .*git config --local .*remote\.origin\.vcs hg/,
    },
    { name: 'a transport that is forbidden', url: 'ext::sh -c x', says: /transport 'ext' not allowed/ },
    {
      name: 'ourselves forbidden',
      config: { 'protocol.dvcexp.allow': 'never' },
      says: /transport 'dvcexp' not allowed/,
    },
    {
      name: 'forbidden by the environment',
      env: () => ({ GIT_ALLOW_PROTOCOL: 'file' }),
      says: /transport 'dvcexp' not allowed/,
    },
    {
      name: 'a push URL that is forbidden',
      config: { 'remote.origin.pushurl': 'ext::x' },
      says: /transport 'ext' not allowed/,
    },
    {
      name: 'a helper that is not installed',
      url: 'nohelp::x',
      says: /needs the helper 'git-remote-nohelp', which Git does not find/,
    },
    {
      name: 'a URL that names another helper',
      url: 'ext::git upload-pack x',
      config: { 'protocol.ext.allow': 'always' },
      says: /Git starts 'git-remote-ext' and heeds no 'vcs'\nhint: .*'dvcexp::ext::git upload-pack x'/,
    },
    { name: 'a rule that leads to one', config: { 'url.nohelp::.insteadOf': '/nowhere' }, says: /git-remote-nohelp/ },
    { name: 'fd::', url: 'fd::3', says: /'fd::' does not work behind/ },
    {
      name: 'a host that looks like an option',
      url: 'ssh://-oProxyCommand=x/y',
      says: /strange hostname '-oProxyCommand=x' blocked/,
    },
    {
      name: 'a password where Git forbids it',
      url: 'https://ada:secret@host/x',
      config: { 'transfer.credentialsInUrl': 'die' },
      says: /holds a password, and transfer\.credentialsInUrl forbids that\nhint: .*https:\/\/host\/x/,
    },
    {
      name: 'a password behind our prefix',
      url: 'dvcexp::https://ada:secret@host/x',
      says: /Git would print the password/,
    },
    {
      name: 'our helper is not on PATH',
      env: () => ({ PATH: plain.replace(/^[^:]*:/, '') }),
      says: /Git does not find 'git-remote-dvcexp' on PATH/,
    },
    { name: 'a stranger of its name', env: helper('cat'), says: /does not tell its version/ },
    {
      name: 'one that does not run',
      env: helper('exec no-such-node'),
      says: /does not run: .*no-such-node.*not found/,
    },
    {
      name: 'experiments of a mirror',
      config: { 'remote.origin.fetch': '+refs/*:refs/*' },
      args: ['--experiments'],
      says: /'\+refs\/\*:refs\/\*' fetches them already/,
    },
    {
      name: 'experiments of a push mirror',
      config: { 'remote.origin.mirror': 'true' },
      args: ['--experiments'],
      says: /it is a mirror/,
    },
  ];
  for (const each of cases) {
    test(each.name, async () => {
      const at = repository(['origin', each.url || '/nowhere/team.git']);
      if (each.url === '') world.git(at, 'config', '--unset', 'remote.origin.url');
      for (const [key, value] of Object.entries(each.config ?? {})) world.git(at, 'config', key, value);
      const before = config(at);
      const ran = await companion(world, at, ['setup', ...(each.args ?? [])], { env: each.env?.() ?? {} });
      assert.match(ran.stderr, each.says);
      assert.match(ran.stderr, /^error: (?!.*secret)/);
      assert.equal(ran.code, each.code ?? 128);
      assert.equal(config(at), before);
    });
  }

  test('experiments of a remote without refspecs, or with a branch in their place', async () => {
    const at = repository(['origin', '/nowhere']);
    world.git(at, 'config', '--unset', 'remote.origin.fetch');
    const without = await companion(world, at, ['setup', '--experiments']);
    const [, command = ''] = /^hint: first: (.*)$/m.exec(without.stderr) ?? [];
    assert.ok(!isSet(at));
    assert.equal(world.run(at, 'sh', ['-c', command]).code, 0, without.stderr);
    world.git(at, 'commit', '-q', '--allow-empty', '-m', 'one');
    world.git(at, 'update-ref', 'refs/remotes/origin/exps', 'HEAD');
    const taken = await companion(world, at, ['setup', '--experiments']);
    assert.match(taken.stderr, /there is a branch 'exps' on it/);
    world.git(at, 'update-ref', '-d', 'refs/remotes/origin/exps');
    await setup(at, '--experiments');
  });

  test('a last line that swallows what follows', async () => {
    const at = repository(['origin', '/nowhere']);
    const spoilt = `${config(at)}\ttagopt = --no-tags\\`;
    writeFileSync(join(at, '.git', 'config'), spoilt);
    const ran = await companion(world, at, ['setup']);
    assert.match(
      ran.stderr,
      /Git does not read 'remote\.origin\.vcs' back .*\nhint: a line there that ends in a backslash/,
    );
    assert.equal(config(at), spoilt);
  });

  test('a submodule, until its helper is allowed', async () => {
    const inner = repository();
    world.git(inner, 'commit', '-q', '--allow-empty', '-m', 'one');
    const outer = repository();
    world.git(outer, 'submodule', '--quiet', 'add', inner, 'sub');
    const sub = join(outer, 'sub');
    const refused = await companion(world, sub, ['setup']);
    assert.match(
      refused.stderr,
      /'git submodule update' would refuse the helper\nhint: .*protocol\.dvcexp\.allow always/,
    );
    world.git(sub, 'config', 'protocol.dvcexp.allow', 'always');
    const before = readFileSync(join(outer, '.git', 'modules', 'sub', 'config'), 'utf8');
    await setup(sub);
    assert.ok(isSet(sub));
    await setup(sub, '--undo');
    assert.equal(readFileSync(join(outer, '.git', 'modules', 'sub', 'config'), 'utf8'), before);
  });

  test('no repository, and none that Git takes', async () => {
    assert.match((await companion(world, world.directory, ['setup'])).stderr, /not inside a Git repository/);
    const at = repository(['origin', '/nowhere']);
    const foreign = await companion(world, at, ['setup'], { env: { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' } });
    assert.match(foreign.stderr, /Git refuses this repository: .*dubious ownership/);
  });
});

test('the remote is the one that a bare git fetch takes, and it is said why', async () => {
  const at = repository(['upstream', '/nowhere/a']);
  assert.match((await setup(at)).stdout, /^Git remote 'upstream' \(the only one\)/);
  world.git(at, 'remote', 'add', 'fork', '/nowhere/b');
  const unclear = await companion(world, at, ['setup']);
  assert.match(unclear.stderr, /which Git remote\?\nhint: name one of fork, upstream/);
  world.git(at, 'config', 'branch.main.remote', 'fork');
  assert.match((await setup(at)).stdout, /^Git remote 'fork' \(branch 'main' tracks it\)/);
  world.git(at, 'config', '--unset', 'branch.main.remote');
  world.git(at, 'remote', 'add', 'origin', '/nowhere/c');
  world.git(at, 'config', 'remote.pushDefault', 'fork');
  const third = await setup(at);
  assert.match(third.stdout, /^Git remote 'origin' \(/);
  assert.match(third.stderr, /a bare 'git push' goes to 'fork' .*\nhint: git dvcexp setup fork/);
  const empty = repository();
  assert.match((await companion(world, empty, ['setup'])).stderr, /there is no Git remote\nhint: add one/);
});

describe('what works and is worth a word', () => {
  test('a password is told of and not shown', async () => {
    const at = repository(['origin', 'https://ada:secret@host/x']);
    const ran = await setup(at);
    assert.ok(isSet(at));
    assert.match(ran.stderr, /holds a password/);
    assert.doesNotMatch(ran.stdout + ran.stderr, /secret/);
  });

  test('a URL that goes through the helper already needs no setting', async () => {
    const at = repository(['origin', 'dvcexp::https://ada@host/x']);
    const before = config(at);
    const ran = await setup(at);
    assert.match(ran.stdout, /goes through the helper by its URL; nothing to set/);
    assert.match(
      ran.stderr,
      /DVC among them, cannot use it\nhint: better: git remote set-url origin https:\/\/host\/x && git dvcexp setup origin/,
    );
    assert.equal(config(at), before);
    const pushing = repository(['origin', '/nowhere']);
    world.git(pushing, 'config', 'remote.origin.pushurl', 'dvcexp::/nowhere');
    assert.match((await setup(pushing)).stderr, /'dvcexp::\/nowhere' starts the helper as well, and 'vcs' is enough/);
    assert.ok(isSet(pushing));
    const ruled = repository(['origin', '/nowhere']);
    world.git(ruled, 'config', 'url.dvcexp::/nowhere.pushInsteadOf', '/nowhere');
    assert.match((await setup(ruled)).stderr, /a rule makes it so/);
  });

  test('a helper of another version', async () => {
    const at = repository(['origin', '/nowhere']);
    const folder = program(
      world,
      'other',
      'git-remote-dvcexp',
      answering('git-remote-dvcexp version 0.0.7 (node 22.1.0)'),
    );
    const ran = await companion(world, at, ['setup'], { env: { PATH: `${folder}${delimiter}${plain}` } });
    assert.match(ran.stderr, /warning: Git finds git-remote-dvcexp 0\.0\.7/);
    assert.ok(isSet(at));
  });

  test('a setting of one command and GIT_CONFIG do not count', async () => {
    const at = repository(['origin', '/nowhere']);
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'remote.origin.vcs',
      GIT_CONFIG_VALUE_0: 'dvcexp',
      GIT_CONFIG: '/dev/null',
    };
    const ran = await companion(world, at, ['setup'], { env });
    assert.equal(ran.code, 0, ran.stderr);
    assert.ok(isSet(at));
  });
});
