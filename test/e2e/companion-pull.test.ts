// `git dvcexp pull`: real Git, the built helper below `git fetch`, storage a directory.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { companion, program } from '../cli/companion.ts';
import { runOf } from '../kit/run.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { addExperiment, copyTeam, createTeam, insides, type Team, trackAndCommit } from './team.ts';

let world: World;
let template: Team;
let team: Team;
let bob: string;
let cnn: string;
let zips: string;
let copies = 0;

before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'data', { 'a.txt': 'a', 'b.txt': 'b' });
  [cnn, zips] = ['cnn-32', 'quare-zips'].map((name) =>
    addExperiment(world, template, name, () => track(template.alice, 'model.bin', `model of ${name}`)),
  ) as [string, string];
  assert.equal((await template.push('main', `${cnn}:${cnn}`, `${zips}:${zips}`)).code, 0);
  // A plain clone: no helper, no data, and by its URL no objects of experiments.
  world.git(template.directory, 'clone', '-q', `file://${template.bare}`, 'bob');
});
after(() => world.remove());
beforeEach(() => {
  copies += 1;
  team = copyTeam(world, template, `team-${copies}`);
  bob = team.path('bob');
  world.git(bob, 'remote', 'set-url', 'origin', `file://${team.bare}`);
});

const id = (ref: string): string => world.git(team.bare, 'rev-parse', ref);
const short = (ref: string): string => id(ref).slice(0, 7);
const pull = async (...args: readonly string[]): Promise<Ran> => {
  const ran = await companion(world, bob, ['pull', ...args]);
  assert.doesNotMatch(ran.stdout + ran.stderr, insides);
  return ran;
};
async function pulled(...args: readonly string[]): Promise<Ran> {
  const ran = await pull(...args);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran;
}
/** Experiments of Bob, by name. */
const here = (): Record<string, string> =>
  Object.fromEntries(
    world
      .git(bob, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/exps')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.split(' ')[0]?.split('/')[4] ?? '', line.split(' ')[1] ?? '']),
  );
const cached = (): string[] => [...objectsIn(`${bob}/.dvc/cache`).keys()].sort();
const stored = (): string[] => [...objectsIn(team.storage).keys()].sort();
const keyOf = (ref: string, file = 'model.bin.dvc'): string => {
  const [, name = ''] = /md5: ([0-9a-f]{32}(?:\.dir)?)/.exec(world.git(team.bare, 'show', `${ref}:${file}`)) ?? [];
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
};
const drop = (directory: string, key: string): void => rmSync(`${directory}/${key}`, { force: true });

describe('commits and data come', () => {
  test('for one by name, from a Git remote that was never set up; then for all of HEAD', async () => {
    const one = await pulled('origin', 'cnn-32');
    assert.equal(one.stdout, `pulled      cnn-32 (${short(cnn)})\n`);
    assert.match(one.stderr, /^dvcexp: downloaded 4 objects, \d+ bytes, from .*storage\n$/);
    assert.deepEqual(here(), { 'cnn-32': id(cnn) });
    assert.ok(!cached().includes(keyOf(zips)));
    const all = await pulled();
    assert.equal(all.stdout, `up to date  cnn-32 (${short(cnn)})\npulled      quare-zips (${short(zips)})\n`);
    assert.match(all.stderr, /^dvcexp: downloaded 1 object,/);
    assert.deepEqual(cached(), stored());
    assert.equal(world.run(bob, 'git', ['config', 'remote.origin.vcs']).stdout, '');
    assert.ok(!existsSync(`${bob}/.git/FETCH_HEAD`));
  });

  test('by full ref, by the beginning of an ID, by baseline, from any baseline', async () => {
    assert.match((await pulled(cnn, short(zips), '--no-cache')).stdout, /^pulled {6}cnn-32 .*\npulled {6}quare-zips/);
    for (const args of [['--rev', 'main'], ['-A'], ['-n', '-1'], ['--rev', 'HEAD', 'cnn-32']])
      assert.match(
        (await pulled(...args)).stdout,
        /^up to date {2}cnn-32 .*\nup to date {2}quare-zips .*\n$/,
        args.join(' '),
      );
    assert.deepEqual(cached(), stored());
  });

  test('from a subdirectory, a URL, and one that names the helper', async () => {
    const below = await companion(world, `${bob}/.dvc`, ['pull', `file://${team.bare}`, 'cnn-32']);
    assert.equal(below.code, 0, below.stderr);
    await pulled(`dvcexp::${team.bare}`, 'quare-zips');
    assert.deepEqual(cached(), stored());
  });

  test('from a Git remote that is set up, shows experiments, and prunes', async () => {
    for (const [key, value] of [
      ['remote.origin.vcs', 'dvcexp'],
      ['fetch.prune', 'true'],
      ['remote.origin.tagOpt', '--tags'],
    ] as const)
      world.git(bob, 'config', key, value);
    world.git(bob, 'config', '--add', 'remote.origin.fetch', '+refs/exps/*:refs/remotes/origin/exps/*');
    world.git(team.bare, 'tag', 'v1', cnn);
    world.git(bob, 'update-ref', `${cnn}-mine`, 'HEAD');
    await pulled('cnn-32');
    assert.deepEqual(Object.keys(here()), ['cnn-32', 'cnn-32-mine']);
    assert.equal(world.git(bob, 'tag'), '');
  });

  test('into a linked worktree and a shallow clone', async () => {
    trackAndCommit(team, 'more', 'more data');
    const late = addExperiment(world, team, 'late', () => track(team.alice, 'model.bin', 'late model'));
    await team.push('main', `${late}:${late}`);
    world.git(team.directory, 'clone', '-q', '--depth', '1', `file://${team.bare}`, 'shallow');
    const ran = await companion(world, team.path('shallow'), ['pull']);
    assert.equal(ran.stdout, `pulled      late (${short(late)})\n`, ran.stderr);
    world.git(bob, 'worktree', 'add', '-q', '--detach', '../linked');
    const linked = await companion(world, team.path('linked'), ['pull', 'origin', 'late']);
    assert.equal(linked.code, 0, linked.stderr);
    assert.equal(here().late, id(late));
  });

  test('where the commits are here already, without Git', async () => {
    world.git(team.directory, 'clone', '-q', 'team.git', 'copied');
    const ran = await companion(world, team.path('copied'), ['pull']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /^dvcexp: downloaded 5 objects,/);
    assert.equal(world.git(team.path('copied'), 'for-each-ref', 'refs/exps').split('\n').length, 2);
  });

  test('refs alone, and later their data', async () => {
    const bare = await pulled('--no-cache', 'origin', 'cnn-32');
    assert.match(bare.stdout, /their data was not pulled \(--no-cache\); to do that: git dvcexp pull origin cnn-32\n$/);
    assert.deepEqual(cached(), []);
    assert.equal((await pulled('cnn-32')).stdout, `up to date  cnn-32 (${short(cnn)})\n`);
    assert.equal(cached().length, 4);
  });

  test('another storage remote', async () => {
    renameSync(team.storage, team.path('other'));
    writeFileSync(`${bob}/.dvc/config.local`, `['remote "other"']\n    url = ${team.path('other')}\n`);
    await pulled('-r', 'other', '-j', '2', 'cnn-32');
    assert.equal(cached().length, 4);
  });
});

describe('nothing is overwritten', () => {
  test('without force: neither what differs nor what could be fast-forwarded', async () => {
    await pulled('-q');
    for (const [what, source] of [
      ['another commit', zips],
      ['an ancestor', `${cnn}~`],
    ] as const) {
      world.git(bob, 'update-ref', cnn, id(source));
      const ran = await pull();
      assert.equal(ran.code, 1, what);
      assert.equal(
        ran.stdout,
        `diverged    cnn-32 (${short(cnn)}): it is ${id(source).slice(0, 7)} here\n` +
          `up to date  quare-zips (${short(zips)})\n` +
          'to replace those here: git dvcexp pull --force ...\n',
      );
      assert.equal(here()['cnn-32'], id(source));
    }
    const forced = await pulled('-f', 'cnn-32');
    assert.equal(forced.stdout, `pulled      cnn-32 (${short(cnn)}): in place of ${short(`${cnn}~`)}\n`);
    assert.equal(here()['cnn-32'], id(cnn));
  });

  test('that was made here meanwhile, not even with force; the others come', async () => {
    const git = world.run(world.directory, 'sh', ['-c', 'command -v git']).stdout.trim();
    const change = `'${git}' -C '${bob}' update-ref ${cnn} main`;
    const racing = program(world, 'racing', 'git', `test "$1" != fetch || ${change}\nexec '${git}' "$@"`);
    const env = { PATH: `${racing}${delimiter}${world.env.PATH}` };
    const ran = await companion(world, bob, ['pull', '--force'], { env });
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^failed {6}cnn-32 \(\w+\): it was changed here meanwhile\npulled {6}quare-zips/);
    assert.deepEqual(here(), { 'cnn-32': id('main'), 'quare-zips': id(zips) });
  });

  test('a diverged experiment does not make data come', async () => {
    world.git(bob, 'update-ref', cnn, 'HEAD');
    assert.equal((await pull('cnn-32')).code, 1);
    assert.deepEqual(cached(), []);
  });
});

describe('what fails is said of each, and the others come', () => {
  test('an object that storage has not got: its experiment comes, and what it lacks is told', async () => {
    drop(team.storage, keyOf(cnn));
    for (const [state, other] of [
      ['pulled    ', 'pulled    '],
      ['up to date', 'up to date'],
    ]) {
      const ran = await pull();
      assert.equal(ran.code, 1);
      assert.match(
        ran.stdout,
        new RegExp(
          `^${state} {2}cnn-32 \\(\\w+\\): its data is not whole: 1 object not in the cache\n${other} {2}quare-zips \\(\\w+\\)\n$`,
        ),
      );
      assert.match(ran.stderr, /storage has not got 1 object of 'cnn-32'/);
    }
    assert.equal(Object.keys(here()).length, 2);
  });

  test('an object that is damaged in storage: its experiment stays away, the other one comes', async () => {
    const path = `${team.storage}/${keyOf(cnn)}`;
    chmodSync(path, 0o644);
    writeFileSync(path, 'damaged');
    for (let attempt = 1; attempt <= 2; attempt++) {
      const ran = await pull();
      assert.equal(ran.code, 1);
      assert.match(
        ran.stdout,
        /^failed {6}cnn-32 \(\w+\): its data did not come\n(?:pulled {4}|up to date) {2}quare-zips \(\w+\)\n$/,
      );
      assert.match(ran.stderr, /model\.bin/);
      assert.deepEqual(Object.keys(here()), ['quare-zips']);
    }
    writeFileSync(path, 'model of cnn-32');
    await pulled();
    assert.deepEqual(here(), { 'cnn-32': id(cnn), 'quare-zips': id(zips) });
    assert.deepEqual(cached(), stored());
  });

  test('storage that is away', async () => {
    renameSync(team.storage, `${team.storage}.away`);
    const ran = await pull('cnn-32');
    assert.match(ran.stdout, /^failed {6}cnn-32 \(\w+\): its data did not come\n$/);
    assert.deepEqual([ran.code, here()], [1, {}]);
    const quiet = await pull('-q', 'cnn-32');
    assert.deepEqual([quiet.code, quiet.stdout], [1, '']);
    assert.match(quiet.stderr, /^error: /m);
    renameSync(`${team.storage}.away`, team.storage);
    await pulled();
  });

  test('settings that would let refs come without their data do not count', async () => {
    for (const [key, value] of [
      ['fetchData', 'none'],
      ['onFetchError', 'warn'],
    ] as const)
      world.git(bob, 'config', `dvcexp.${key}`, value);
    await pulled('cnn-32');
    assert.equal(cached().length, 4);
    renameSync(team.storage, `${team.storage}.away`);
    assert.equal((await pull('quare-zips')).code, 1);
    assert.deepEqual(Object.keys(here()), ['cnn-32']);
  });

  test('a helper that Git does not find', async () => {
    const PATH = (world.env.PATH ?? '').replace(/^[^:]*:/, '');
    const ran = await companion(world, bob, ['pull', 'cnn-32'], { env: { PATH } });
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^failed {6}cnn-32 \(\w+\): git fetch did not bring it\n$/);
    assert.match(ran.stderr, /error: Git does not find 'git-remote-dvcexp' on PATH/);
  });

  test('no storage remote', async () => {
    writeFileSync(`${team.alice}/.dvc/config`, '');
    team.commit('no storage');
    const bare = addExperiment(world, team, 'bare', () => track(team.alice, 'model.bin', 'm'));
    await team.push('main', `${bare}:${bare}`);
    const ran = await pull('bare');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^pulled {6}bare \(\w+\): its data is not whole: no storage remote is configured for '/);
  });
});

test('the run cache comes along where that is asked for', async () => {
  const run = runOf('cmd: make\nouts:\n- path: data/a.txt\n  hash: md5\n  md5: 0cc175b9c0f1b6a831c399e269772661\n');
  const [here, there] = [`${bob}/.dvc/cache/${run.path}`, `${team.storage}/${run.path}`];
  mkdirSync(dirname(there), { recursive: true });
  writeFileSync(there, run.bytes);
  await pulled('cnn-32');
  assert.ok(!existsSync(here));
  await pulled('--run-cache', 'cnn-32');
  assert.deepEqual(readFileSync(here), run.bytes);
  rmSync(here);
  await pulled('--run-cache', 'quare-zips');
  assert.ok(existsSync(here));
});

test('a dry run moves nothing', async () => {
  const ran = await pulled('--dry-run');
  assert.equal(ran.stdout, `would pull  cnn-32 (${short(cnn)})\nwould pull  quare-zips (${short(zips)})\n`);
  assert.deepEqual([here(), cached()], [{}, []]);
});

test('-q says nothing of a success, --json says all of it', async () => {
  const quiet = await pulled('-q', 'cnn-32');
  assert.deepEqual([quiet.stdout, quiet.stderr], ['', '']);
  world.git(bob, 'update-ref', zips, 'HEAD');
  const { stdout, code } = await pull('--json', '-A');
  assert.equal(code, 1);
  const shared = { baseline: id('main'), reason: null, replaced: null };
  assert.deepEqual(JSON.parse(stdout), {
    gitRemote: 'origin',
    dryRun: false,
    experiments: [
      { ...shared, name: 'cnn-32', ref: cnn, id: id(cnn), state: 'up-to-date', other: null, data: 'whole' },
      { ...shared, name: 'quare-zips', ref: zips, id: id(zips), state: 'diverged', other: id('main'), data: null },
    ],
  });
});

describe('what cannot be', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['cnn-23'], 129, /there is no experiment 'cnn-23' on 'origin'\nhint: did you mean 'cnn-32'\?/],
    [
      ['orgin', 'cnn-32'],
      129,
      /there is no experiment 'orgin' on 'origin'\nhint: did you mean the Git remote 'origin'\?/,
    ],
    [['--rev', 'nosuch'], 129, /'nosuch' names no commit/],
    [['-n', 'x'], 129, /'-n' takes a whole number/],
    [['/nowhere/at/all.git'], 75, /the refs of '\/nowhere\/at\/all\.git' cannot be read/],
  ];
  for (const [args, code, says] of cases) {
    test(args.join(' '), async () => {
      const ran = await pull(...args);
      assert.match(ran.stderr, says);
      assert.deepEqual([ran.code, ran.stdout], [code, '']);
      assert.deepEqual([here(), cached()], [{}, []]);
    });
  }

  test('nothing to pull', async () => {
    trackAndCommit(team, 'more', 'more data');
    await team.push('main');
    world.git(bob, 'pull', '-q');
    assert.deepEqual(await pull(), { code: 0, stdout: 'no experiments to pull\n', stderr: '' });
  });

  test('outside of a repository', async () => {
    const ran = await companion(world, world.directory, ['pull']);
    assert.deepEqual([ran.code, ran.stdout], [129, '']);
    assert.match(ran.stderr, /not inside a Git repository/);
  });
});
