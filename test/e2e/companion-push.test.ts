// `git dvcexp push`: real Git, the built helper below `git push`, storage a directory.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { companion, program } from '../cli/companion.ts';
import { writeHook } from '../kit/git-servers.ts';
import { runOf } from '../kit/run.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { addExperiment, copyTeam, createTeam, insides, type Team, trackAndCommit } from './team.ts';

let world: World;
let template: Team;
let team: Team;
let cnn: string;
let zips: string;
let copies = 0;

before(() => {
  world = openWorld();
  template = createTeam(world, 'template');
  world.git(template.alice, 'config', '--unset', 'remote.origin.vcs');
  trackAndCommit(template, 'data', { 'a.txt': 'a', 'b.txt': 'b' });
  world.git(template.alice, 'push', '-q', 'origin', 'main');
  [cnn, zips] = ['cnn-32', 'quare-zips'].map((name) =>
    addExperiment(world, template, name, () => track(template.alice, 'model.bin', `model of ${name}`)),
  ) as [string, string];
});
after(() => world.remove());
beforeEach(() => {
  copies += 1;
  team = copyTeam(world, template, `team-${copies}`);
});

const id = (ref: string): string => world.git(team.alice, 'rev-parse', ref);
const short = (ref: string): string => id(ref).slice(0, 7);
async function push(...args: readonly string[]): Promise<Ran> {
  const ran = await companion(world, team.alice, ['push', ...args]);
  assert.doesNotMatch(ran.stdout + ran.stderr, insides);
  return ran;
}
async function pushed(...args: readonly string[]): Promise<Ran> {
  const ran = await push(...args);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran;
}
/** Experiments of the Git remote, by name. */
const there = (): Record<string, string> =>
  Object.fromEntries(
    team
      .refs()
      .split('\n')
      .filter((line) => line.startsWith('refs/exps/'))
      .map((line) => [line.split(' ')[0]?.split('/')[4] ?? '', line.split(' ')[1] ?? '']),
  );
const stored = (): string[] => [...objectsIn(team.storage).keys()].sort();
const cached = (): string[] => [...objectsIn(`${team.alice}/.dvc/cache`).keys()].sort();
const keyOf = (ref: string, file = 'model.bin.dvc'): string => {
  const [, name = ''] = /md5: ([0-9a-f]{32}(?:\.dir)?)/.exec(world.git(team.alice, 'show', `${ref}:${file}`)) ?? [];
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
};
const forgetStorage = (): void => rmSync(`${team.alice}/.git/dvcexp/ledger`, { recursive: true, force: true });
const drop = (directory: string, key: string): void => rmSync(`${directory}/${key}`, { force: true });

describe('data and refs go', () => {
  test('for the experiments of HEAD, to a Git remote that was never set up', async () => {
    const { stdout, stderr } = await pushed();
    assert.equal(stdout, `pushed      cnn-32 (${short(cnn)})\npushed      quare-zips (${short(zips)})\n`);
    assert.match(
      stderr,
      /^dvcexp: uploading to .*storage \(named by \.dvc\/config\)\ndvcexp: uploaded 5 objects, \d+ bytes, to .*storage\n$/,
    );
    assert.deepEqual(stored(), cached());
    assert.deepEqual(there(), { 'cnn-32': id(cnn), 'quare-zips': id(zips) });
    assert.equal(world.run(team.alice, 'git', ['config', 'remote.origin.vcs']).stdout, '', 'and stays so');
  });

  test('for those that are named: by name, full ref, ID and its beginning', async () => {
    await pushed('origin', 'cnn-32');
    assert.deepEqual(Object.keys(there()), ['cnn-32']);
    assert.ok(!stored().includes(keyOf(zips)));
    const again = await pushed(short(zips), cnn, 'cnn-32');
    assert.equal(again.stdout, `pushed      quare-zips (${short(zips)})\nup to date  cnn-32 (${short(cnn)})\n`);
  });

  test('for all of a baseline, and of any', async () => {
    trackAndCommit(team, 'more', 'more data');
    const late = addExperiment(world, team, 'late', () => track(team.alice, 'model.bin', 'late model'));
    assert.equal((await push()).stdout, `pushed      late (${short(late)})\n`);
    await pushed('--rev', 'HEAD~', '-q');
    assert.equal(Object.keys(there()).length, 3);
    assert.match(
      (await pushed('-A')).stdout,
      /^up to date {2}cnn-32 .*\nup to date {2}late .*\nup to date {2}quare-zips /,
    );
    assert.match((await pushed('late', '--rev', 'HEAD~')).stdout, /late .*\n.*cnn-32 .*\n.*quare-zips/);
  });

  test('from a subdirectory, for a relative URL, which DVC cannot do', async () => {
    writeFileSync(`${team.alice}/.dvc/x`, '');
    const ran = await companion(world, `${team.alice}/.dvc`, ['push', 'cnn-32']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(Object.keys(there()), ['cnn-32']);
  });

  test('to a URL, and to one that names the helper', async () => {
    await pushed(`file://${team.bare}`, 'cnn-32');
    const ran = await pushed(`dvcexp::${team.bare}`, 'quare-zips');
    assert.match(ran.stderr, /uploaded 1 object/);
    assert.deepEqual(stored(), cached());
  });

  test('to a Git remote that is set up, with what push.pushOption says as well', async () => {
    world.git(team.alice, 'config', 'remote.origin.vcs', 'dvcexp');
    world.git(team.bare, 'config', 'receive.advertisePushOptions', 'true');
    writeHook(team.bare, 'pre-receive', 'echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" >options');
    world.git(team.alice, 'config', '--add', 'push.pushOption', 'ci.skip');
    world.git(team.alice, 'config', '--add', 'push.pushOption', 'dvcexp.history=tips');
    await pushed('origin', '-j', '2');
    assert.equal(world.run(team.bare, 'cat', ['options']).stdout, '1 ci.skip\n');
  });

  test('tags and submodules stay out of it, whatever the configuration says', async () => {
    world.git(team.alice, 'config', 'push.followTags', 'true');
    world.git(team.alice, 'tag', '-a', '-m', 'tag', 'v1');
    await pushed();
    assert.doesNotMatch(team.refs(), /tags/);
  });
});

describe('nothing is overwritten', () => {
  const moveThere = (to: string): string => world.git(team.bare, 'update-ref', cnn, to);

  test('without force: neither what differs nor what could be fast-forwarded', async () => {
    await pushed('-q');
    for (const [what, source] of [
      ['another commit', zips],
      ['an ancestor', `${cnn}~`],
    ] as const) {
      moveThere(id(source));
      const ran = await push('cnn-32', 'quare-zips');
      assert.equal(ran.code, 1, what);
      assert.equal(
        ran.stdout,
        `diverged    cnn-32 (${short(cnn)}): it is ${id(source).slice(0, 7)} on 'origin'\n` +
          `up to date  quare-zips (${short(zips)})\n` +
          "to replace those on 'origin': git dvcexp push --force ...\n",
      );
      assert.equal(there()['cnn-32'], id(source));
    }
    const forced = await pushed('--force', 'cnn-32');
    assert.equal(forced.stdout, `pushed      cnn-32 (${short(cnn)}): in place of ${id(`${cnn}~`).slice(0, 7)}\n`);
    assert.equal(there()['cnn-32'], id(cnn));
  });

  test('that arrived meanwhile, not even with force', async () => {
    await pushed('-q', 'quare-zips');
    const git = world.run(world.directory, 'sh', ['-c', 'command -v git']).stdout.trim();
    const change = `'${git}' --git-dir '${team.bare}' update-ref ${cnn} ${id(zips)}`;
    const racing = program(world, 'racing', 'git', `test "$1" != push || ${change}\nexec '${git}' "$@"`);
    const hook = team.alice.concat('/.git');
    for (const before of [undefined, `${cnn}~`]) {
      for (const [when, env, reason] of [
        ['after we looked', { PATH: `${racing}${delimiter}${world.env.PATH}` }, 'it was changed there meanwhile'],
        ['after Git has looked', {}, 'failed to update ref'],
      ] as const) {
        if (before === undefined) world.git(team.bare, 'update-ref', '-d', cnn);
        else moveThere(id(before));
        if (when === 'after Git has looked') writeHook(hook, 'pre-push', change);
        else rmSync(`${hook}/hooks/pre-push`, { force: true });
        const ran = await companion(world, team.alice, ['push', '--force', 'cnn-32'], { env });
        assert.deepEqual([ran.code, ran.stdout], [1, `failed      cnn-32 (${short(cnn)}): ${reason}\n`], when);
        assert.equal(there()['cnn-32'], id(zips), when);
      }
    }
  });

  test('a diverged experiment does not make others go, nor any data', async () => {
    await pushed('-q', 'cnn-32');
    moveThere(id(`${cnn}~`));
    rmSync(team.storage, { recursive: true });
    const ran = await push('cnn-32');
    assert.equal(ran.code, 1);
    assert.ok(!existsSync(team.storage));
  });
});

describe('data that Git would not ask for', () => {
  test('of an experiment that is up to date is brought to storage', async () => {
    await pushed('--no-cache');
    assert.deepEqual(stored(), []);
    const dry = await pushed('--dry-run');
    assert.match(dry.stderr, /would upload 5 objects/);
    assert.deepEqual(stored(), []);
    const ran = await pushed();
    assert.match(ran.stdout, /^up to date {2}cnn-32 .*\nup to date {2}quare-zips .*\n$/);
    assert.match(ran.stderr, /uploaded 5 objects/);
    assert.deepEqual(stored(), cached());
  });

  test('is looked for again once this clone has forgotten that it was there', async () => {
    await pushed();
    drop(team.storage, keyOf(cnn));
    forgetStorage();
    assert.match((await pushed()).stderr, /uploaded 1 object/);
    assert.deepEqual(stored(), cached());
  });

  test('of a commit that the Git remote has goes before its new ref, or the ref does not go', async () => {
    world.git(team.alice, 'push', '-q', 'origin', `${cnn}:refs/heads/side`);
    drop(`${team.alice}/.dvc/cache`, keyOf(cnn));
    const ran = await push('cnn-32');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^failed {6}cnn-32 \(\w+\): 1 object missing in cache and storage\n$/);
    assert.deepEqual(there(), {});
    track(team.alice, 'model.bin', 'model of cnn-32');
    await pushed('cnn-32');
    assert.ok(stored().includes(keyOf(cnn)));
  });
});

describe('what fails is said of each, and the others go', () => {
  test('a new object that is nowhere', async () => {
    drop(`${team.alice}/.dvc/cache`, keyOf(cnn));
    const ran = await push();
    assert.equal(ran.code, 1);
    assert.match(
      ran.stdout,
      /^failed {6}cnn-32 \(\w+\): 1 object missing in cache and storage\npushed {6}quare-zips \(\w+\)\n$/,
    );
    assert.match(ran.stderr, /model\.bin \(md5 [0-9a-f]{32}\)/);
    assert.deepEqual(Object.keys(there()), ['quare-zips']);
    const quiet = await push('-q', 'cnn-32');
    assert.deepEqual([quiet.code, quiet.stdout], [1, '']);
    assert.match(quiet.stderr, /^error: 1 object is neither in the cache nor in/m);
    world.git(team.alice, 'config', 'dvcexp.allowMissing', 'true');
    await pushed('cnn-32');
  });

  test('an old object that is nowhere: the experiment goes, and what it lacks is told', async () => {
    drop(`${team.alice}/.dvc/cache`, keyOf(cnn, 'data.dvc'));
    const ran = await push('cnn-32');
    assert.equal(ran.code, 1);
    assert.match(
      ran.stdout,
      /^pushed {6}cnn-32 \(\w+\): its data is not whole: 1 object missing in cache and storage\n$/,
    );
    assert.deepEqual(Object.keys(there()), ['cnn-32']);
  });

  test('storage that is away', async () => {
    writeFileSync(team.storage, 'a file where the directory was');
    const ran = await push('cnn-32');
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^failed {6}cnn-32 \(\w+\): data /);
    assert.deepEqual(there(), {});
  });

  test('no storage remote: the refs go, and it is not called a success', async () => {
    const config = `${team.alice}/.dvc/config`;
    renameSync(config, `${config}.away`);
    writeFileSync(config, '');
    team.commit('no storage');
    const bare = addExperiment(world, team, 'bare', () => track(team.alice, 'model.bin', 'm'));
    const ran = await push();
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /^pushed {6}bare \(\w+\): its data is not whole: no storage remote configured\n$/);
    assert.equal(ran.stderr.match(/warning: no storage remote is configured/g)?.length, 1);
    assert.deepEqual(there(), { bare: id(bare) });
  });

  test('a storage remote that is not configured', async () => {
    const ran = await push('-r', 'nosuch', 'cnn-32');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /storage remote 'nosuch' is not configured/);
    assert.deepEqual(there(), {});
  });

  test('a hook that says no, here and there', async () => {
    writeHook(team.bare, 'update', `case $1 in ${cnn}) echo 'not this one'; exit 1;; esac`);
    const there = await push();
    assert.equal(there.code, 1);
    assert.match(there.stdout, /^failed {6}cnn-32 \(\w+\): hook declined\npushed {6}quare-zips/);
    assert.match(there.stderr, /remote: not this one/);
    writeHook(team.alice.concat('/.git'), 'pre-push', 'exit 1');
    const here = await push('cnn-32');
    assert.match(here.stdout, /^failed {6}cnn-32 \(\w+\): git push ended before\n$/);
  });

  test('a helper that Git does not find', async () => {
    const PATH = (world.env.PATH ?? '').replace(/^[^:]*:/, '');
    const ran = await companion(world, team.alice, ['push', 'cnn-32'], { env: { PATH } });
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /error: Git does not find 'git-remote-dvcexp' on PATH/);
  });
});

test('another storage remote, and refs alone', async () => {
  writeFileSync(`${team.alice}/.dvc/config.local`, `['remote "other"']\n    url = ${team.path('other')}\n`);
  await pushed('-r', 'other', 'cnn-32');
  assert.deepEqual(stored(), []);
  assert.ok(objectsIn(team.path('other')).has(keyOf(cnn)));
  const bare = await pushed('--no-cache', 'origin', 'quare-zips');
  assert.deepEqual(stored(), []);
  assert.equal(
    bare.stdout,
    `pushed      quare-zips (${short(zips)})\ntheir data was not pushed (--no-cache); to do that: git dvcexp push origin quare-zips\n`,
  );
  world.git(team.alice, 'config', 'dvcexp.noCache', 'true');
  assert.match((await pushed('quare-zips')).stdout, /their data was not pushed \(dvcexp\.noCache is set\)/);
  assert.deepEqual(stored(), []);
});

test('the run cache goes along where that is asked for, with new experiments and with those that are up to date', async () => {
  const run = runOf('cmd: make\nouts:\n- path: data/a.txt\n  hash: md5\n  md5: 0cc175b9c0f1b6a831c399e269772661\n');
  const [here, there] = [`${team.alice}/.dvc/cache/${run.path}`, `${team.storage}/${run.path}`];
  mkdirSync(dirname(here), { recursive: true });
  writeFileSync(here, run.bytes);
  world.git(team.alice, 'config', 'dvcexp.runCache', 'true');
  await pushed('--no-run-cache', 'cnn-32');
  world.git(team.alice, 'config', '--unset', 'dvcexp.runCache');
  await pushed('cnn-32');
  assert.ok(!existsSync(there));
  assert.match((await pushed('--run-cache', 'cnn-32')).stderr, /uploaded 1 run of the run cache/);
  assert.deepEqual(readFileSync(there), run.bytes);
  rmSync(there);
  forgetStorage();
  assert.match((await pushed('--run-cache', 'quare-zips')).stderr, /uploaded 1 run of the run cache/);
  assert.ok(existsSync(there));
  assert.match((await push('--run-cache', '--no-run-cache')).stderr, /'--run-cache' and '--no-run-cache' cannot be/);
});

test('the helper knows whether somebody reads along', async () => {
  const spy = program(
    world,
    'spy',
    'git-remote-dvcexp',
    `echo "[$DVCEXP_ATTENDED]" >>'${world.path('spied')}'; exit 1`,
  );
  const env = { PATH: `${spy}${delimiter}${world.env.PATH}` };
  for (const terminal of [true, false]) await companion(world, team.alice, ['push', 'cnn-32'], { env, terminal });
  // It is asked for its version too, where all has failed.
  const spied = readFileSync(world.path('spied'), 'utf8').split('\n');
  assert.deepEqual([spied.filter((line) => line === '[1]').length, spied.includes('[]')], [1, true]);
});

test('a dry run moves nothing and says what it would', async () => {
  const ran = await pushed('--dry-run');
  assert.match(ran.stdout, /^would push {2}cnn-32 .*\nwould push {2}quare-zips .*\n$/);
  assert.match(ran.stderr, /^dvcexp: would upload 5 objects/);
  assert.deepEqual([there(), stored()], [{}, []]);
});

test('-q says nothing of a success, --json says all of it', async () => {
  const quiet = await pushed('-q', 'cnn-32');
  assert.deepEqual([quiet.stdout, quiet.stderr], ['', '']);
  drop(`${team.alice}/.dvc/cache`, keyOf(zips));
  world.git(team.bare, 'update-ref', cnn, id('HEAD'));
  const { stdout, code } = await push('--json', '--force');
  assert.equal(code, 1);
  const [baseline, shared] = [id('HEAD'), { other: null, baseline: id('HEAD') }];
  assert.deepEqual(JSON.parse(stdout), {
    gitRemote: 'origin',
    dryRun: false,
    experiments: [
      {
        ...shared,
        name: 'cnn-32',
        ref: cnn,
        id: id(cnn),
        state: 'pushed',
        replaced: baseline,
        reason: null,
        data: 'whole',
      },
      {
        ...shared,
        name: 'quare-zips',
        ref: zips,
        id: id(zips),
        state: 'failed',
        replaced: null,
        reason: '1 object missing in cache and storage',
        data: null,
      },
    ],
  });
});

describe('the Git remote, when none is named, is that of', () => {
  const goesTo = async (env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const ran = await companion(world, team.alice, ['push', '--json', '--dry-run'], { env });
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.stdout).gitRemote;
  };
  const dvcConfig = (file: string, remote: string): void => {
    const committed = file === 'config' ? world.run(team.alice, 'cat', ['.dvc/config']).stdout : '';
    writeFileSync(`${team.alice}/.dvc/${file}`, `${committed}[exp]\n    git_remote = ${remote}\n`);
  };
  beforeEach(() => {
    for (const name of ['upstream', 'fork', 'pushed']) world.git(team.alice, 'remote', 'add', name, '../team.git');
  });

  test('Git: the branch, where it pushes to, and origin', async () => {
    assert.equal(await goesTo(), 'origin');
    world.git(team.alice, 'config', 'branch.main.remote', 'upstream');
    assert.equal(await goesTo(), 'upstream');
    world.git(team.alice, 'config', 'remote.pushDefault', 'fork');
    assert.equal(await goesTo(), 'fork');
    world.git(team.alice, 'config', 'branch.main.pushRemote', 'pushed');
    assert.equal(await goesTo(), 'pushed');
  });

  test('DVC: its variable before its configuration, before Git', async () => {
    dvcConfig('config.local', 'upstream');
    assert.equal(await goesTo(), 'upstream');
    assert.equal(await goesTo({ DVC_EXP_GIT_REMOTE: 'fork' }), 'fork');
  });

  test('a committed configuration only where that names a Git remote of this clone', async () => {
    dvcConfig('config', '/somewhere/else.git');
    assert.equal(await goesTo(), 'origin');
    dvcConfig('config.local', `${team.path('team.git')}`);
    assert.equal(await goesTo(), team.path('team.git'));
  });
});

describe('what cannot be', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['cnn-23'], 129, /there is no experiment 'cnn-23' here\nhint: did you mean 'cnn-32'\?/],
    [['orgin', 'cnn-32'], 129, /there is no experiment 'orgin' here\nhint: did you mean the Git remote 'origin'\?/],
    [['origin', 'nosuch', 'neither'], 129, /there are no experiments 'nosuch', 'neither' here/],
    [['--rev', 'nosuch'], 129, /'nosuch' names no commit/],
    [['-j', 'many'], 129, /'-j' takes a number from 1 to 9999/],
    [['-j', '0'], 129, /'-j' takes a number from 1 to 9999/],
    [['/nowhere/at/all.git'], 75, /the refs of '\/nowhere\/at\/all\.git' cannot be read/],
    [['https://ada:secret@127.0.0.1:1/x', 'cnn-32'], 75, /the refs of 'https:\/\/127\.0\.0\.1:1\/x' cannot be read/],
  ];
  for (const [args, code, says] of cases) {
    test(args.join(' '), async () => {
      const ran = await push(...args);
      assert.match(ran.stderr, says);
      assert.deepEqual([ran.code, ran.stdout], [code, '']);
      assert.deepEqual([there(), stored()], [{}, []]);
    });
  }

  test('a name of several experiments, none of them of HEAD', async () => {
    trackAndCommit(team, 'more', 'more data');
    const other = addExperiment(world, team, 'cnn-32', () => track(team.alice, 'model.bin', 'x'));
    assert.equal((await push('cnn-32')).stdout, `pushed      cnn-32 (${short(other)})\n`, 'that of HEAD');
    trackAndCommit(team, 'more', 'even more data');
    const ran = await push('cnn-32');
    assert.match(
      ran.stderr,
      new RegExp(`'cnn-32' is the name of 2 experiments here\nhint: .*\nhint: +${[cnn, other].sort()[0]}\n`),
    );
    assert.equal(ran.code, 129);
  });

  test('nothing to push', async () => {
    trackAndCommit(team, 'more', 'more data');
    assert.deepEqual(await push('/nowhere/is/asked'), { code: 0, stdout: 'no experiments to push\n', stderr: '' });
    assert.deepEqual(JSON.parse((await push('--json')).stdout).experiments, []);
  });

  test('another helper, several push URLs, no Git remote', async () => {
    world.git(team.alice, 'remote', 'set-url', '--add', '--push', 'origin', '../one.git');
    world.git(team.alice, 'remote', 'set-url', '--add', '--push', 'origin', '../two.git');
    const two = await push('origin', 'cnn-32');
    assert.match(two.stderr, /'origin' is pushed to 2 URLs at once\nhint: name one of them instead/);
    assert.equal(two.code, 128);
    world.git(team.alice, 'config', 'remote.origin.vcs', 'hg');
    assert.match((await push('origin', 'cnn-32')).stderr, /served by another helper/);
    world.git(team.alice, 'remote', 'remove', 'origin');
    const none = await push('cnn-32');
    assert.deepEqual(
      [none.code, none.stderr],
      [129, 'error: there is no Git remote\nhint: add one: git remote add origin <url>\n'],
    );
  });

  test('a cache that cannot be read', async () => {
    const cache = `${team.alice}/.dvc/cache`;
    rmSync(cache, { recursive: true });
    writeFileSync(cache, '');
    const ran = await push('cnn-32');
    assert.equal(ran.code, 1, ran.stderr);
    assert.deepEqual(there(), {});
  });
});

test('a push URL of its own is what experiments are compared with', async () => {
  world.git(team.directory, 'clone', '-q', '--bare', 'team.git', 'own.git');
  world.git(team.path('own.git'), 'update-ref', cnn, 'main');
  world.git(team.alice, 'config', 'remote.origin.pushurl', team.path('own.git'));
  const ran = await push();
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /^diverged {4}cnn-32 .*\npushed {6}quare-zips/);
  assert.deepEqual(there(), {});
});

test('no temporary file stays, and a hundred experiments go in one run', async () => {
  const baseline = id('HEAD');
  const lines = Array.from({ length: 100 }, (_, index) => {
    const ref = `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/many-${index}-${'x'.repeat(200)}`;
    return `create ${ref} ${id(cnn)}`;
  });
  world.run(team.alice, 'git', ['update-ref', '--stdin'], { input: `${lines.join('\n')}\n` });
  const { stdout } = await pushed();
  assert.equal(stdout.match(/^pushed /gm)?.length, 102);
  assert.equal(Object.keys(there()).length, 102);
  const names = readdirSync(team.directory, { recursive: true }).map(String);
  assert.deepEqual(
    names.filter((name) => /tmp_|\.dvcexp\.tmp/.test(name)),
    [],
  );
  chmodSync(team.storage, 0o755);
});
