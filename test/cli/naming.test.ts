// `git dvcexp branch`, `remove` and `rename`: real Git, here and on a Git remote.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { addExperiment, copyTeam, createTeam, insides, type Team, trackAndCommit } from '../e2e/team.ts';
import { writeHook } from '../kit/git-servers.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let template: Team;
let team: Team;
let cnn: string;
let zips: string;
let copies = 0;

before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'data', 'data');
  [cnn, zips] = ['cnn-32', '0007'].map((name) =>
    addExperiment(world, template, name, () => track(template.alice, 'model.bin', `model of ${name}`)),
  ) as [string, string];
  assert.equal((await template.push('main', `${cnn}:${cnn}`, `${zips}:${zips}`)).code, 0);
  world.git(template.alice, 'config', '--unset', 'remote.origin.vcs');
});
after(() => world.remove());
beforeEach(() => {
  copies += 1;
  team = copyTeam(world, template, `team-${copies}`);
});

const id = (ref: string, at = team.alice): string => world.git(at, 'rev-parse', ref);
const short = (ref: string): string => id(ref).slice(0, 7);
async function run(...args: readonly string[]): Promise<Ran> {
  const ran = await companion(world, team.alice, args);
  assert.doesNotMatch(ran.stdout + ran.stderr, insides);
  return ran;
}
async function done(...args: readonly string[]): Promise<string> {
  const ran = await run(...args);
  assert.deepEqual([ran.code, ran.stderr], [0, ''], ran.stdout);
  return ran.stdout;
}
async function refused(code: number, says: RegExp, ...args: readonly string[]): Promise<void> {
  const before = [refs(team.alice), refs(team.bare)];
  const ran = await run(...args);
  assert.match(ran.stderr, says);
  assert.equal(ran.code, code);
  assert.deepEqual([refs(team.alice), refs(team.bare)], before);
}
/** `name` or `exec/…` → commit. */
const refs = (at: string, below = 'refs'): Record<string, string> =>
  Object.fromEntries(
    world
      .git(at, 'for-each-ref', '--format=%(refname) %(objectname)', below)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ') as [string, string]),
  );
const named = (ref: string, name: string): string => ref.replace(/[^/]+$/, name);

describe('branch', () => {
  test('points at the experiment, under a name of its own or the one that is given', async () => {
    assert.equal(
      await done('branch', 'cnn-32'),
      `branch 'cnn-32-branch' created from experiment 'cnn-32' (${short(cnn)})\nto switch to it: git checkout cnn-32-branch\n`,
    );
    assert.equal(id('refs/heads/cnn-32-branch'), id(cnn));
    await done('branch', short(zips), 'team/best');
    await done('branch', '0007', 'it');
    assert.deepEqual([id('refs/heads/team/best'), id('refs/heads/it')], [id(zips), id(zips)]);
    assert.equal(world.git(team.alice, 'symbolic-ref', 'HEAD'), 'refs/heads/main');
  });

  test('cannot be, and nothing is changed', async () => {
    world.git(team.alice, 'branch', 'taken');
    world.git(team.alice, 'branch', 'folder/below');
    await refused(129, /there is a branch 'taken' already\nhint: name another one/, 'branch', 'cnn-32', 'taken');
    await refused(1, /branch 'folder' cannot be made: .*folder/, 'branch', 'cnn-32', 'folder');
    for (const name of ['a b', '-x', 'HEAD', '@{-1}', '']) {
      await refused(129, /cannot be the name of a branch\nhint: see/, 'branch', 'cnn-32', '--', name);
    }
    await refused(129, /no experiment 'cnn' here/, 'branch', 'cnn');
    await refused(129, /'branch' needs <experiment>/, 'branch');
  });
});

describe('remove', () => {
  test('takes refs away here and leaves commits, data and the Git remote as they are', async () => {
    const before = objectsIn(`${team.alice}/.dvc/cache`);
    const [tip, other] = [id(cnn), id(zips)];
    const said = await done('remove', 'cnn-32');
    assert.equal(
      said,
      `removed   cnn-32: ${cnn} ${tip}\nto have one back before git gc takes its commit: git update-ref <ref> <ID>\n`,
    );
    assert.deepEqual(refs(team.alice, 'refs/exps'), { [zips]: other });
    assert.deepEqual(objectsIn(`${team.alice}/.dvc/cache`), before);
    assert.equal(id(cnn, team.bare), tip);
    world.git(team.alice, 'update-ref', cnn, tip);
  });

  test('several: by name and ID, of a baseline, all, and all but some', async () => {
    const all = refs(team.alice, 'refs/exps');
    const back = (): void => {
      for (const [ref, tip] of Object.entries(all)) world.git(team.alice, 'update-ref', ref, tip);
    };
    for (const args of [
      ['0007', short(cnn)],
      ['--rev', 'HEAD'],
      ['-n', '1'],
      ['-A'],
      ['--keep', '--rev', 'HEAD~0', '-n', '0'],
    ]) {
      await done('rm', ...args);
      assert.deepEqual(refs(team.alice, 'refs/exps'), {}, args.join(' '));
      back();
    }
    await done('remove', '--keep', 'cnn-32');
    assert.deepEqual(Object.keys(refs(team.alice, 'refs/exps')), [cnn]);
    assert.equal(await done('remove', '--keep', 'cnn-32'), 'no experiments to remove\n');
  });

  test('a dry run says what would go', async () => {
    for (const more of [[], ['-g', 'origin']]) {
      assert.equal(await done('remove', '--dry-run', 'cnn-32', ...more), `would go  cnn-32: ${cnn} ${id(cnn)}\n`);
      assert.equal(Object.keys(refs(team.bare, 'refs/exps')).length, 2);
      assert.equal(Object.keys(refs(team.alice, 'refs/exps')).length, 2);
    }
  });

  test('on a Git remote alone, whether it is set up or not', async () => {
    const tip = id(cnn);
    assert.equal(await done('remove', '-g', 'origin', 'cnn-32'), `removed   cnn-32: ${cnn} ${tip}\n`);
    assert.deepEqual(Object.keys(refs(team.bare, 'refs/exps')), [zips]);
    assert.equal(id(cnn), tip);
    world.git(team.alice, 'config', 'remote.origin.vcs', 'dvcexp');
    await done('remove', '--git-remote', 'origin', '--rev', 'HEAD');
    assert.deepEqual(refs(team.bare, 'refs/exps'), {});
    assert.equal(await done('remove', '-g', team.bare, '-A'), 'no experiments to remove\n');
  });

  test("DVC's executor forgets what it had applied", async () => {
    world.git(team.alice, 'update-ref', 'refs/exps/exec/EXEC_APPLY', cnn);
    world.git(team.alice, 'update-ref', 'refs/exps/exec/EXEC_HEAD', cnn);
    world.git(team.alice, 'symbolic-ref', 'refs/exps/exec/EXEC_BRANCH', cnn);
    await done('remove', '0007');
    assert.equal(Object.keys(refs(team.alice, 'refs/exps/exec')).length, 3);
    await done('remove', 'cnn-32');
    assert.deepEqual(Object.keys(refs(team.alice, 'refs/exps')), ['refs/exps/exec/EXEC_HEAD']);
  });

  test('what fails is said, and the others go', async () => {
    writeHook(team.bare, 'update', `test $1 != ${cnn}`);
    const ran = await run('remove', '-g', 'origin', '-A');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^removed {3}0007: .*\nfailed {4}cnn-32: hook declined\n$/);
    assert.deepEqual(Object.keys(refs(team.bare, 'refs/exps')), [cnn]);
  });

  test('cannot be, and nothing is changed', async () => {
    await refused(129, /say which experiments to remove\nhint: by name/, 'remove');
    await refused(129, /say which experiments to remove/, 'remove', '--keep');
    await refused(129, /no experiment 'cnn-23' here\nhint: did you mean 'cnn-32'/, 'remove', 'cnn-23', '0007');
    await refused(129, /no experiment 'nosuch' on 'origin'/, 'remove', '-g', 'origin', 'nosuch');
    await refused(129, /there is no Git remote 'nosuch'/, 'remove', '-g', 'nosuch', 'cnn-32');
    await refused(129, /queued experiments are known to DVC alone\nhint: dvc exp remove --queue/, 'remove', '--queue');
    await refused(129, /'nosuch' names no commit/, 'remove', '--rev', 'nosuch');
  });
});

describe('rename', () => {
  test('here', async () => {
    const tip = id(cnn);
    assert.equal(await done('rename', 'cnn-32', 'best'), `experiment 'cnn-32' (${tip.slice(0, 7)}) is 'best' now\n`);
    assert.deepEqual(refs(team.alice, 'refs/exps'), { [named(cnn, 'best')]: tip, [zips]: id(zips) });
    assert.equal(await done('rename', 'best', 'best'), "experiment 'best' has that name already\n");
  });

  test('over another one only with force', async () => {
    const tip = id(cnn);
    await refused(
      129,
      /there is an experiment '0007' of the same commit here already\nhint: to replace it \(\w{7}\)/,
      'rename',
      'cnn-32',
      '0007',
    );
    await done('rename', '--force', 'cnn-32', '0007');
    assert.deepEqual(refs(team.alice, 'refs/exps'), { [zips]: tip });
  });

  test('on a Git remote, also of a commit that is not here', async () => {
    const tip = id(cnn);
    world.git(team.directory, 'clone', '-q', `file://${team.bare}`, 'bob');
    const ran = await companion(world, team.path('bob'), ['rename', '-g', 'origin', 'cnn-32', 'best']);
    assert.deepEqual(
      [ran.code, ran.stdout],
      [0, `experiment 'cnn-32' (${tip.slice(0, 7)}) is 'best' now on 'origin'\n`],
    );
    assert.deepEqual(refs(team.bare, 'refs/exps'), { [zips]: id(zips), [named(cnn, 'best')]: tip });
    assert.equal(id(cnn), tip, "Alice's own keeps its name");
    assert.deepEqual(refs(team.path('bob'), 'refs/exps'), {});
    await refused(
      129,
      /there is an experiment '0007' of the same commit on 'origin'/,
      'rename',
      '-g',
      'origin',
      'best',
      '0007',
    );
    await done('rename', '-f', '-g', 'origin', 'best', '0007');
    assert.deepEqual(refs(team.bare, 'refs/exps'), { [zips]: tip });
  });

  test('on a Git remote that takes the new name and keeps the old one', async () => {
    writeHook(team.bare, 'update', `test $1 != ${cnn}`);
    const ran = await run('rename', '-g', 'origin', 'cnn-32', 'best');
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /experiment 'cnn-32' has both names on 'origin' now: hook declined\nhint: .*git dvcexp remove -g origin refs\/exps/,
    );
    assert.equal(Object.keys(refs(team.bare, 'refs/exps')).length, 3);
    writeHook(team.bare, 'update', 'exit 1');
    await refused(
      1,
      /experiment '0007' was not renamed on 'origin': hook declined/,
      'rename',
      '-g',
      'origin',
      '0007',
      'x',
    );
  });

  test('cannot be, and nothing is changed', async () => {
    for (const name of ['a/b', 'a b', 'x..y', 'x.lock', '', '@{u}'])
      await refused(129, /cannot be the name of an experiment\nhint: .*a slash cannot/, 'rename', 'cnn-32', name);
    await refused(129, /no experiment 'nosuch' here/, 'rename', 'nosuch', 'x');
    await refused(129, /'rename' needs <name>/, 'rename', 'cnn-32');
    await refused(129, /'more' is more than 'rename' takes/, 'rename', 'cnn-32', 'x', 'more');
  });
});
