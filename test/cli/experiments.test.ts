// `setup --experiments` with the real helper: what a fetch then shows, downloads and prunes.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { addExperiment, createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { objectsIn, openWorld, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let team: Team;
let bob: string;
let shared: readonly string[];
let local: readonly string[];

const refs = (at: string, below: string): string[] =>
  world
    .git(at, 'for-each-ref', '--format=%(objectname) %(refname)', below)
    .split('\n')
    .filter((line) => line !== '');
const names = (lines: readonly string[]): string[] => lines.map((line) => line.split(' ')[1] ?? '');
const shown = (ref: string): string => ref.replace(/^refs\/exps\//, 'refs/remotes/origin/exps/');
const cached = (): number => objectsIn(`${bob}/.dvc/cache`).size;

before(async () => {
  world = openWorld();
  team = createTeam(world, 'team');
  trackAndCommit(team, 'model.bin', 'first model');
  shared = ['cnn-32', 'quare-zips'].map((name) =>
    addExperiment(world, team, name, () => track(team.alice, 'model.bin', `model of ${name}`)),
  );
  assert.equal((await team.push('main', ...shared.map((ref) => `${ref}:${ref}`))).code, 0);
  // What a mirror push of somebody else has left on the server.
  const tip = world.git(team.bare, 'rev-parse', 'main');
  for (const name of ['exec/EXEC_HEAD', 'stash', 'celery/stash', 'apply/stash', 'temp/x'])
    world.git(team.bare, 'update-ref', `refs/exps/${name}`, tip);

  bob = team.path('bob');
  world.git(team.directory, 'clone', '-q', `file://${team.bare}`, 'bob');
  // Experiments of Bob's own: one that nobody else has, and his state of one that is shared.
  local = [`refs/exps/ab/${'c'.repeat(38)}/mine`, shared[0] ?? '', 'refs/exps/exec/EXEC_BASELINE', 'refs/exps/stash'];
  for (const ref of local) world.git(bob, 'update-ref', ref, 'HEAD');
  const set = await companion(world, bob, ['setup', '--experiments']);
  assert.equal(set.code, 0, set.stderr);
});
after(() => world.remove());

const fetchFrom = async (...args: readonly string[]): Promise<string> => {
  const ran = await team.git(bob, ['fetch', ...args]);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stderr;
};

test('a fetch shows the experiments of the Git remote and none of its internal refs, and brings their data', async () => {
  const before = refs(bob, 'refs/exps');
  const said = await fetchFrom();
  assert.deepEqual(names(refs(bob, 'refs/remotes/origin/exps')), shared.map(shown).sort());
  assert.deepEqual(refs(bob, 'refs/exps'), before);
  assert.match(said, /dvcexp: downloaded 2 objects/);
  assert.equal(cached(), 2);
});

test('data stays in storage with fetchData=none, and comes by name', async () => {
  rmSync(`${bob}/.dvc/cache`, { recursive: true, force: true });
  const fresh = addExperiment(world, team, 'fresh', () => track(team.alice, 'model.bin', 'fresh model'));
  await team.push(`${fresh}:${fresh}`);
  const ran = await team.git(bob, ['-c', 'dvcexp.fetchData=none', 'fetch']);
  assert.equal(ran.code, 0, ran.stderr);
  assert.ok(names(refs(bob, 'refs/remotes')).includes(shown(fresh)));
  assert.equal(cached(), 0);
  const brought = await companion(world, bob, ['fetch', shown(fresh)]);
  assert.equal(brought.code, 0, brought.stderr);
  assert.equal(cached(), 1);
});

test('pruning takes what the Git remote has no longer, and never an experiment of this clone', async () => {
  const before = refs(bob, 'refs/exps');
  const [first = '', second = ''] = shared;
  world.git(team.bare, 'update-ref', '-d', first);
  await fetchFrom('--prune');
  assert.ok(!names(refs(bob, 'refs/remotes')).includes(shown(first)));
  assert.ok(names(refs(bob, 'refs/remotes')).includes(shown(second)));
  world.git(team.bare, 'update-ref', '-d', second);
  world.git(bob, 'config', 'fetch.prune', 'true');
  await fetchFrom();
  await fetchFrom('--all');
  assert.ok(!names(refs(bob, 'refs/remotes')).includes(shown(second)));
  assert.deepEqual(refs(bob, 'refs/exps'), before);
  assert.ok(names(refs(bob, 'refs/remotes')).includes('refs/remotes/origin/main'), 'branches are left alone');
});

test('an experiment that was overwritten over there is shown as it is now', async () => {
  const [ref = ''] = refs(team.bare, 'refs/exps')
    .filter((line) => line.endsWith('/fresh'))
    .map((line) => line.split(' ')[1] ?? '');
  world.git(team.bare, 'update-ref', ref, world.git(team.bare, 'rev-parse', 'main'));
  await fetchFrom();
  assert.equal(world.git(bob, 'rev-parse', shown(ref)), world.git(team.bare, 'rev-parse', 'main'));
});

test('without the helper the refspecs hold as well, and --undo and a prune leave no trace', async () => {
  const before = refs(bob, 'refs/exps');
  const vcs = world.git(bob, 'config', 'remote.origin.vcs');
  world.git(bob, 'config', '--unset', 'remote.origin.vcs');
  world.git(team.bare, 'update-ref', shared[0] ?? '', 'main');
  await fetchFrom('--prune');
  const now = names(refs(bob, 'refs/remotes/origin/exps'));
  assert.ok(now.includes(shown(shared[0] ?? '')));
  assert.deepEqual(
    now.filter((ref) => /exps\/(?:exec|stash|celery|apply|temp)/.test(ref)),
    [],
  );
  world.git(bob, 'config', 'remote.origin.vcs', vcs);
  const undone = await companion(world, bob, ['setup', '--undo']);
  assert.match(undone.stdout, /refs\/remotes\/origin\/exps\/ still has refs.*: git fetch --prune origin/);
  await fetchFrom('--prune', 'origin');
  assert.deepEqual(names(refs(bob, 'refs/remotes')), ['refs/remotes/origin/HEAD', 'refs/remotes/origin/main']);
  assert.deepEqual(refs(bob, 'refs/exps'), before);
});
