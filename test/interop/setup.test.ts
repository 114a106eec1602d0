// While a Git remote is set up, the real DVC uses it as before; and taken back, the configuration is what it was.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

const program = process.env.DVCEXP_TEST_DVC || 'dvc';

let world: World;
let alice: string;
let bob: string;

function must(cwd: string, command: string, ...args: string[]): Ran {
  const result = world.run(cwd, command, args);
  assert.equal(result.code, 0, `${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}
const dvc = (cwd: string, ...args: string[]): string => must(cwd, program, ...args).stdout;
const git = (cwd: string, ...args: string[]): string => must(cwd, 'git', ...args).stderr;
/** Names of the experiments on the Git remote, as DVC sees them. */
const listed = (cwd: string): string[] => dvc(cwd, 'exp', 'list', '--name-only', 'origin').trim().split('\n').sort();
const config = (cwd: string): string => readFileSync(`${cwd}/.git/config`, 'latin1');

before(() => {
  world = openWorld();
  [alice, bob] = [world.path('alice'), world.path('bob')];
  world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
  world.git(world.directory, 'init', '-q', alice);
  // Remotes as they grow over the years: in pieces, rewritten, one that is gone, no line feed at the end.
  const unusual = [
    ...[
      `[url "file://${world.directory}/"]`,
      '\tinsteadOf = team:',
      '[remote "origin"] ; ours',
      `  url = ${world.path('team.git')}`,
    ],
    ...['[remote "gone.old"]', '\turl = ssh://nowhere.invalid/x', '[remote "re/written"]', '\turl = team:team.git'],
    ...['# the rest of origin', '[remote "origin"]', '\tfetch = +refs/heads/*:refs/remotes/origin/*'],
    ...[`\tpushurl = ${world.path('team.git')}`, '[branch "main"]', '\tremote = origin', '\tmerge = refs/heads/main'],
  ].join('\n');
  writeFileSync(`${alice}/.git/config`, config(alice) + unusual);
  dvc(alice, 'init', '-q');
  dvc(alice, 'remote', 'add', '-q', '-d', 'storage', world.path('storage'));
  writeFileSync(`${alice}/params.yaml`, 'rate: 1\n');
  writeFileSync(
    `${alice}/dvc.yaml`,
    'stages:\n  train:\n    cmd: cat params.yaml > weights\n    params: [rate]\n    outs: [weights]\n',
  );
  dvc(alice, 'repro', '-q');
  world.git(alice, 'add', '.');
  world.git(alice, 'commit', '-qm', 'baseline');
  for (const [name, rate] of [
    ['one', 2],
    ['two', 3],
  ]) {
    dvc(alice, 'exp', 'run', '-q', '-S', `rate=${rate}`, '-n', `${name}`);
    world.git(alice, 'checkout', '-q', '.');
  }
});
after(() => world.remove());

test('setup, push, real dvc exp push, list and pull, fetch, and --undo', () => {
  const before = config(alice);
  git(alice, 'dvcexp', 'setup', '--experiments');
  assert.notEqual(config(alice), before);
  assert.match(git(alice, 'push', 'origin', 'main'), /dvcexp: uploaded 1 object/);

  dvc(alice, 'exp', 'push', '-q', 'origin', 'one', 'two');
  assert.deepEqual(listed(alice), ['one', 'two']);
  assert.equal(objectsIn(world.path('storage')).size, 3);

  world.git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
  const plain = config(bob);
  git(bob, 'dvcexp', 'setup', '--experiments');
  assert.deepEqual(listed(bob), ['one', 'two']);
  dvc(bob, 'exp', 'pull', '-q', 'origin', 'one');
  dvc(bob, 'exp', 'apply', '-q', 'one');
  assert.equal(readFileSync(`${bob}/weights`, 'utf8'), 'rate: 2\n');

  // Git shows both as remote-tracking refs and has brought the data of the other one; DVC sees its own one as before.
  git(bob, 'fetch', '--prune');
  assert.match(world.git(bob, 'for-each-ref', '--format=%(refname)', 'refs/remotes/origin/exps'), /\/one\n.*\/two$/);
  assert.deepEqual(dvc(bob, 'exp', 'list', '--name-only').trim().split('\n'), ['one']);
  rmSync(world.path('storage'), { recursive: true });
  dvc(bob, 'exp', 'remove', '-q', 'one');
  const two = world.git(
    bob,
    'rev-parse',
    world
      .git(bob, 'for-each-ref', '--format=%(refname)', 'refs/remotes')
      .split('\n')
      .find((ref) => ref.endsWith('/two')) ?? '',
  );
  world.git(bob, 'checkout', '-qf', two);
  dvc(bob, 'checkout', '-q');
  assert.equal(readFileSync(`${bob}/weights`, 'utf8'), 'rate: 3\n');

  git(alice, 'dvcexp', 'setup', 're/written');
  assert.match(git(alice, 'push', 're/written', 'main:other'), /To file:/);
  git(alice, 'dvcexp', 'setup', '--undo');
  git(alice, 'dvcexp', 'setup', 're/written', '--undo');
  git(bob, 'dvcexp', 'setup', '--undo');
  // What a push met stays known; all else is as it was.
  const met = '\n[dvcexp "file:../storage"]\n\tpin = storage\n\tpushed = true\n';
  assert.equal(config(alice), before + met);
  assert.equal(config(bob), plain);
  assert.deepEqual(listed(alice), ['one', 'two']);
});
