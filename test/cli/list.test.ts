// `git dvcexp list`: real Git, experiments made by hand, storage a directory.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { addExperiment, createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let team: Team;
let first: string;
const id = (ref: string): string => world.git(team.alice, 'rev-parse', ref);
const list = async (...args: readonly string[]): Promise<Ran> => await companion(world, team.alice, ['list', ...args]);
async function lines(...args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await list(...args);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout === '' ? [] : stdout.replace(/\n$/, '').split('\n');
}
const short = (ref: string): string => id(ref).slice(0, 7);
let [cnn, zips, late] = ['', '', ''];

before(async () => {
  world = openWorld();
  team = createTeam(world, 'team');
  world.env.GIT_COMMITTER_DATE = '2024-01-01T00:00:00Z';
  trackAndCommit(team, 'data', { 'a.txt': 'a', 'b.txt': 'b' });
  first = id('HEAD');
  const experiment = (name: string): string =>
    addExperiment(world, team, name, () => track(team.alice, 'model.bin', `model of ${name}`));
  zips = experiment('quare-zips');
  cnn = experiment('cnn-32');
  for (const name of ['exec/EXEC_HEAD', 'stash', 'celery/stash', 'ab/cd/odd'])
    world.git(team.alice, 'update-ref', `refs/exps/${name}`, 'HEAD');
  assert.equal((await team.push('main', `${cnn}:${cnn}`)).code, 0);
  world.env.GIT_COMMITTER_DATE = '2024-01-02T00:00:00Z';
  trackAndCommit(team, 'more', 'more data');
  late = experiment('late');
});
after(() => world.remove());

describe('experiments of this repository', () => {
  test('of HEAD by itself, under the name of its branch', async () => {
    assert.deepEqual(await lines(), ['main:', `\t${short(late)} [late]  data in the cache`]);
  });

  test('of any commit, newest baseline first, each group by name', async () => {
    const rest = [
      `\t${short(cnn)} [cnn-32]      data in the cache`,
      `\t${short(zips)} [quare-zips]  data in the cache`,
    ];
    const own = ['main:', `\t${short(late)} [late]  data in the cache`];
    assert.deepEqual(await lines('-A'), [...own, `${first.slice(0, 7)}:`, ...rest]);
    assert.deepEqual(await lines('-n', '2'), [...own, `${first.slice(0, 7)}:`, ...rest]);
    assert.deepEqual(await lines('-n', '-1'), await lines('--all-commits'));
    assert.deepEqual(await lines('-n', '0'), []);
    assert.deepEqual(await lines('--rev', 'HEAD~'), [`${first.slice(0, 7)}:`, ...rest]);
    assert.deepEqual((await lines('--rev', 'HEAD~', '--rev', 'HEAD')).length, 5);
  });

  test('a baseline is called by its tag, else by its branch', async () => {
    const heading = async (): Promise<string | undefined> => (await lines('--rev', first))[0];
    world.git(team.alice, 'branch', 'older', first);
    assert.equal(await heading(), 'older:');
    world.git(team.alice, 'tag', '-a', '-m', 'annotated', 'v1', first);
    assert.equal(await heading(), 'v1:');
    world.git(team.alice, 'checkout', '-q', 'older');
    assert.equal(await heading(), 'older:');
    world.git(team.alice, 'checkout', '-q', '--detach');
    assert.equal(await heading(), 'v1:');
    assert.equal((await lines('--name-only')).length, 2, 'of the detached HEAD');
    world.git(team.alice, 'checkout', '-q', 'main');
    world.git(team.alice, 'tag', '-d', 'v1');
    world.git(team.alice, 'branch', '-D', 'older');
  });

  test('names or IDs alone', async () => {
    assert.deepEqual(await lines('-A', '--name-only'), ['late', 'cnn-32', 'quare-zips']);
    assert.deepEqual(await lines('-A', '--names-only'), ['late', 'cnn-32', 'quare-zips']);
    assert.deepEqual(await lines('-A', '--sha-only'), [id(late), id(cnn), id(zips)]);
  });

  test('from a subdirectory, by -C, and as ls', async () => {
    mkdirSync(`${team.alice}/sub/folder`, { recursive: true });
    for (const [cwd, args] of [
      [`${team.alice}/sub/folder`, ['ls']],
      [world.directory, ['-C', 'team', '-C', 'alice/sub', 'list']],
    ] as const) {
      const { stdout } = await companion(world, cwd, [...args, '--name-only']);
      assert.equal(stdout, 'late\n');
    }
  });

  test('a repository without a commit has none', async () => {
    world.git(world.directory, 'init', '-q', 'empty');
    assert.deepEqual(await companion(world, world.path('empty'), ['list']), { code: 0, stdout: '', stderr: '' });
  });
});

describe('data', () => {
  test('that is not in the cache or not in storage is counted', async () => {
    assert.match(
      (await lines('--rev', first, '--storage')).join('\n'),
      /cnn-32\] +data in cache and storage\n.*1 object not in storage/,
    );
    const [, name = ''] = /md5: ([0-9a-f]{32})/.exec(world.git(team.alice, 'show', `${cnn}:model.bin.dvc`)) ?? [];
    const path = `${team.alice}/.dvc/cache/files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
    renameSync(path, `${path}.away`);
    try {
      const [, line] = await lines('--rev', first, '--storage');
      assert.match(line ?? '', /\[cnn-32\] +1 object not in the cache$/);
      const { experiments } = JSON.parse((await list('--rev', first, '--storage', '--json')).stdout);
      assert.deepEqual(experiments[0].data, {
        objects: 4,
        missingInCache: 1,
        missingInStorage: 0,
        missingInBoth: 0,
        toPush: { objects: 0, bytes: 0 },
        toFetch: { objects: 1, bytes: 15 },
        unknownDirectories: [],
        problems: [],
      });
      assert.deepEqual(experiments[1].data.toPush, { objects: 1, bytes: 19 });
    } finally {
      renameSync(`${path}.away`, path);
    }
  });

  test('of a directory whose listing is nowhere at hand is unknown', async () => {
    const listing = [...objectsIn(team.storage).keys()].find((key) => key.endsWith('.dir'));
    const path = `${team.alice}/.dvc/cache/${listing}`;
    renameSync(path, `${path}.away`);
    try {
      assert.match((await lines('--rev', first))[1] ?? '', /1 object or more not in the cache$/);
      assert.match(
        (await lines('--rev', first, '--storage'))[1] ?? '',
        /1 object not in the cache$/,
        'read from storage',
      );
    } finally {
      renameSync(`${path}.away`, path);
    }
  });

  test('of storage that is away is a problem, not a loss', async () => {
    renameSync(team.storage, `${team.storage}.away`);
    try {
      const ran = await list('--rev', first, '--storage');
      assert.equal(ran.code, 0);
      assert.match(ran.stdout, /\[cnn-32\] +storage directory '.*' does not exist/);
      assert.doesNotMatch(ran.stdout, /not in storage/);
    } finally {
      renameSync(`${team.storage}.away`, team.storage);
    }
  });
});

describe('experiments of a Git remote', () => {
  test('with their IDs, and whether they are here', async () => {
    assert.deepEqual(await lines('origin', '-A'), [
      `${first.slice(0, 7)}:`,
      `\t${short(cnn)} [cnn-32]  data in the cache`,
    ]);
    assert.deepEqual(await lines('origin'), []);
    assert.deepEqual(await lines('../team.git', '--rev', 'HEAD~', '--sha-only'), [id(cnn)]);
    world.git(team.alice, 'update-ref', cnn, zips);
    try {
      assert.match((await lines('origin', '-A'))[1] ?? '', /differs from the one here \(/);
      world.git(team.alice, 'update-ref', '-d', cnn);
      assert.match((await lines('origin', '-A'))[1] ?? '', /\[cnn-32\] {2}not here$/);
    } finally {
      world.git(team.alice, 'update-ref', cnn, world.git(team.bare, 'rev-parse', cnn));
    }
  });

  test('as JSON', async () => {
    const { stdout } = await list('origin', '-A', '--json');
    assert.deepEqual(JSON.parse(stdout), {
      gitRemote: 'origin',
      experiments: [
        {
          name: 'cnn-32',
          ref: cnn,
          id: id(cnn),
          baseline: { id: first, name: null },
          here: id(cnn),
          data: {
            objects: 4,
            missingInCache: 0,
            missingInStorage: null,
            missingInBoth: null,
            toPush: null,
            toFetch: null,
            unknownDirectories: [],
            problems: [],
          },
        },
      ],
    });
  });
});

describe('on a terminal', () => {
  const shown = async (env: NodeJS.ProcessEnv): Promise<{ paged: string; stdout: string }> => {
    rmSync(world.path('paged'), { force: true });
    const ran = await companion(world, team.alice, ['list'], { env: { TERM: 'xterm', ...env }, stdoutTerminal: true });
    assert.deepEqual([ran.code, ran.stderr], [0, '']);
    return { paged: world.run(world.directory, 'cat', ['paged']).stdout, stdout: ran.stdout };
  };
  const pager = (): NodeJS.ProcessEnv => ({ GIT_PAGER: `cat >'${world.path('paged')}'` });

  test('a list goes through the pager of Git, in colours', async () => {
    const { paged, stdout } = await shown(pager());
    assert.equal(paged, `\u001b[1mmain\u001b[m:\n\t\u001b[33m${short(late)}\u001b[m [late]  data in the cache\n`);
    assert.equal(stdout, '');
  });

  test('and not where that is switched off, Git has started one, or it is not there', async () => {
    const plain = `main:\n\t${short(late)} [late]  data in the cache\n`;
    for (const env of [{ GIT_PAGER: 'cat' }, { GIT_PAGER: 'no-such-pager' }, { ...pager(), GIT_PAGER_IN_USE: '1' }])
      assert.deepEqual(await shown({ ...env, NO_COLOR: '1' }), { paged: '', stdout: plain });
    world.git(team.alice, 'config', 'pager.dvcexp', 'false');
    assert.deepEqual(await shown({ ...pager(), TERM: 'dumb' }), { paged: '', stdout: plain });
    world.git(team.alice, 'config', 'color.ui', 'false');
    assert.deepEqual(await shown(pager()), { paged: '', stdout: plain });
    world.git(team.alice, 'config', '--unset', 'pager.dvcexp');
    world.git(team.alice, 'config', '--unset', 'color.ui');
  });

  test('colours elsewhere only where they are asked for', async () => {
    world.git(team.alice, 'config', 'color.ui', 'always');
    assert.ok((await list()).stdout.startsWith('\u001b[1mmain'));
    world.git(team.alice, 'config', 'color.dvcexp', 'never');
    assert.ok(!(await list()).stdout.includes('\u001b'), 'the nearer setting counts');
    world.git(team.alice, 'config', '--unset', 'color.dvcexp');
    world.git(team.alice, 'config', '--unset', 'color.ui');
    assert.ok(!(await list()).stdout.includes('\u001b'));
  });
});

describe('what cannot be', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['--rev', 'nosuch'], 129, /'nosuch' names no commit of this repository\nhint: --rev takes/],
    [['-n', 'many'], 129, /'-n' takes a whole number/],
    [['--rev'], 129, /'--rev' needs a value/],
    [['nosuch'], 129, /there is no Git remote 'nosuch'\nhint: there is 'origin'/],
    [['/nowhere/at.all'], 75, /the refs of '\/nowhere\/at\.all' cannot be read/],
    [['--name-only', '--sha-only'], 129, /'--name-only' and '--sha-only' cannot be used together/],
    [['--sha-only', '--json'], 129, /'--sha-only' and '--json' cannot/],
    [['origin', 'more'], 129, /'more' is more than 'list' takes/],
    [['--nosuch'], 129, /'list' has no option '--nosuch'/],
  ];
  for (const [args, code, says] of cases) {
    test(args.join(' '), async () => {
      const ran = await list(...args);
      assert.match(ran.stderr, says);
      assert.deepEqual([ran.code, ran.stdout], [code, '']);
    });
  }

  test('outside of a repository, and in a directory that is not there', async () => {
    const outside = await companion(world, world.directory, ['list']);
    assert.match(outside.stderr, /^error: not inside a Git repository\nhint: /);
    assert.equal(outside.code, 129);
    const nowhere = await companion(world, world.directory, ['-C', 'nowhere', 'list']);
    assert.deepEqual([nowhere.code, nowhere.stderr], [128, "error: cannot change to 'nowhere': no such directory\n"]);
  });

  test('a cache that cannot be read', async () => {
    const cache = `${team.alice}/.dvc/cache`;
    renameSync(cache, `${cache}.away`);
    writeFileSync(cache, '');
    try {
      const ran = await list();
      assert.match(ran.stderr, /^error: cannot look at '.*' in the cache: not a directory\n$/);
      assert.deepEqual([ran.code, ran.stdout], [1, '']);
    } finally {
      rmSync(cache);
      renameSync(`${cache}.away`, cache);
    }
  });
});
