// `git dvcexp show`: real Git, experiments made by hand.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { buildPage } from '../../scripts/page.ts';
import { addExperiment, createTeam, type Team } from '../e2e/team.ts';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let team: Team;
let first: string;
const id = (ref: string): string => world.git(team.alice, 'rev-parse', ref);
const show = async (...args: readonly string[]): Promise<Ran> => await companion(world, team.alice, ['show', ...args]);
async function lines(...args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await show(...args);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout === '' ? [] : stdout.replace(/\r?\n$/, '').split(/\r?\n/);
}
/** Without dates, blanks made one. */
async function table(...args: readonly string[]): Promise<readonly string[]> {
  return (await lines(...args)).map((line) =>
    line
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, 'DATE')
      .replace(/ +/g, ' ')
      .trim(),
  );
}
const refused = async (...args: readonly string[]): Promise<string> => {
  const { code, stderr } = await show(...args);
  assert.equal(code, 129, stderr);
  return stderr;
};
let [one, two, late] = ['', '', ''];

before(async () => {
  world = openWorld();
  world.env.TZ = 'UTC';
  team = createTeam(world, 'team');
  const at = (day: number): void => {
    world.env.GIT_COMMITTER_DATE = `2024-01-0${day}T10:00:00Z`;
  };
  at(1);
  team.write('dvc.yaml', 'metrics: [m.json]\n');
  const values = (lr: string, acc: string): void => {
    team.write('params.yaml', `lr: ${lr}\nseed: 42\nopt: {name: adam}\n`);
    team.write('m.json', `{"acc": ${acc}}`);
  };
  values('0.1', '0.5');
  team.commit('first');
  first = id('HEAD');
  at(2);
  one = addExperiment(world, team, 'one', () => values('0.2', '0.123456789'));
  at(3);
  two = addExperiment(world, team, 'two', () => values('0.1', '0.9'));
  at(4);
  values('0.3', '0.6');
  team.commit('second');
  at(5);
  late = addExperiment(world, team, 'late', () => values('0.3', '0.7'));
});
after(() => world.remove());
const short = (ref: string): string => id(ref).slice(0, 7);

describe('the table', () => {
  test('has the work tree, the commit that is checked out, and its experiments', async () => {
    assert.deepEqual(await table(), [
      'Experiment Created acc lr seed opt.name',
      'workspace - 0.6 0.3 42 adam',
      'main DATE 0.6 0.3 42 adam',
      `└── ${short(late)} [late] DATE 0.7* 0.3 42 adam`,
    ]);
  });

  test('compares the work tree with the commit that is checked out', async () => {
    const was = readFileSync(`${team.alice}/params.yaml`, 'utf8');
    team.write('params.yaml', 'lr: 7\nseed: 42\nextra: 1\n');
    team.write('sub/deep/.dvc/config', '');
    team.write('sub/deep/params.yaml', 'lr: 8\n');
    try {
      assert.equal((await table())[1], 'workspace - 0.6 7* 42 1* -* 8*');
      assert.doesNotMatch((await lines('--hide-workspace')).join('\n'), /workspace|extra/);
    } finally {
      writeFileSync(`${team.alice}/params.yaml`, was);
      rmSync(`${team.alice}/sub`, { recursive: true });
    }
  });

  test('follows links in the work tree, and none that leads out of it', async () => {
    const inside = `${team.alice}/params.yaml`;
    const was = readFileSync(inside, 'utf8');
    rmSync(inside);
    try {
      writeFileSync(`${team.alice}/real.yaml`, 'lr: 9\n');
      symlinkSync('real.yaml', inside);
      assert.match((await table())[1] ?? '', /^workspace - 0\.6 9\* /);
      rmSync(inside);
      writeFileSync(team.path('secret.yaml'), 'lr: 10\n');
      symlinkSync('../secret.yaml', inside);
      assert.match((await table())[1] ?? '', /^workspace - 0\.6 -\* /);
    } finally {
      rmSync(inside);
      rmSync(`${team.alice}/real.yaml`);
      writeFileSync(inside, was);
    }
  });

  test('of other commits has the newest experiments first, each compared with its own baseline', async () => {
    const older = [
      `${first.slice(0, 7)} DATE 0.5 0.1 42 adam`,
      `├── ${short(two)} [two] DATE 0.9* 0.1 42 adam`,
      `└── ${short(one)} [one] DATE 0.12346* 0.2* 42 adam`,
    ];
    const all = await table('-A', '--hide-workspace');
    assert.deepEqual(all.slice(3), older);
    assert.deepEqual(await table('-n', '2', '--hide-workspace'), all);
    assert.deepEqual((await table('--rev', first, '--hide-workspace')).slice(1), older);
    world.git(team.alice, 'tag', '-a', '-m', 'x', 'v1', first);
    world.git(team.alice, 'branch', 'side', first);
    try {
      assert.equal((await table('-T', '--hide-workspace'))[1], 'v1 DATE 0.5 0.1 42 adam');
      assert.equal((await table('-T', '--sha', '--hide-workspace'))[1], older[0]);
      assert.deepEqual((await table('-a', '--hide-workspace')).length, all.length);
    } finally {
      world.git(team.alice, 'tag', '-d', 'v1');
      world.git(team.alice, 'branch', '-D', 'side');
    }
  });

  test('of named experiments has these and their baselines alone', async () => {
    assert.deepEqual((await table('one')).slice(1), [
      `${first.slice(0, 7)} DATE 0.5 0.1 42 adam`,
      `└── ${short(one)} [one] DATE 0.12346* 0.2* 42 adam`,
    ]);
    assert.equal((await table('one', short(late))).length, 5);
    const names = async (...args: readonly string[]): Promise<readonly string[]> =>
      (await lines(...args)).flatMap((line) => /\[(\w+)\]/.exec(line)?.[1] ?? []);
    assert.deepEqual(await names('one', '--rev', 'HEAD'), ['late', 'one'], 'with those of a commit');
    assert.deepEqual(await names('one', '-n', '2'), ['late', 'two', 'one'], 'each once');
    assert.match(await refused('ona'), /no experiment 'ona' here\nhint: did you mean 'one'\?/);
  });

  test('can be sorted, narrowed and rounded', async () => {
    const names = async (...args: readonly string[]): Promise<readonly string[]> =>
      (await lines('--rev', first, ...args)).flatMap((line) => /\[(\w+)\]/.exec(line)?.[1] ?? []);
    assert.deepEqual(await names('--sort-by', 'acc'), ['one', 'two']);
    assert.deepEqual(await names('--sort-by', 'params.yaml:lr', '--sort-order', 'desc'), ['one', 'two']);
    assert.match(await refused('--sort-by', 'acx'), /no column 'acx' to sort by\nhint: did you mean 'acc'/);
    const heads = async (...args: readonly string[]): Promise<string | undefined> => (await table('-A', ...args))[0];
    assert.equal(await heads('--only-changed'), 'Experiment Created acc lr');
    assert.equal(await heads('--drop', '.*', '--keep', 'opt', '--keep', 'seed'), 'Experiment Created seed opt.name');
    assert.match((await table('one', '--precision', '2'))[2] ?? '', / 0\.12\* /);
    assert.match(await refused('--precision', '0'), /takes a number from 1 to 100/);
    assert.match(await refused('--sort-order', 'up'), /sort-order/);
  });

  test('needs no work tree', async () => {
    world.git(world.directory, 'init', '-q', '--bare', 'bare.git');
    world.git(world.path('bare.git'), 'fetch', '-q', team.alice, '+refs/*:refs/*');
    const { stdout } = await companion(world, world.path('bare.git'), ['show', 'one']);
    assert.match(stdout, /\[one\] .*0\.12346\*/);
    world.git(world.directory, 'init', '-q', 'empty');
    assert.deepEqual(await companion(world, world.path('empty'), ['show']), {
      code: 0,
      stdout: 'Experiment  Created\nworkspace   -\n',
      stderr: '',
    });
  });
});

describe('what cannot be read', () => {
  test('is `!`, with a warning that says why', async () => {
    const ref = addExperiment(world, team, 'bad', () => team.write('m.json', '{"acc": \n'));
    try {
      const { stdout, stderr, code } = await show('bad');
      assert.equal(code, 0);
      assert.match(stdout, /\[bad\] .* ! /);
      assert.equal(stderr, "warning: bad: 'm.json': line 2: the file ends early\n");
      const { baselines } = JSON.parse((await show('bad', '--json')).stdout);
      assert.deepEqual(baselines[0].experiments[0].metrics['m.json'], {
        lack: { kind: 'broken', message: 'line 2: the file ends early' },
      });
    } finally {
      world.git(team.alice, 'update-ref', '-d', ref);
    }
  });

  test('is a baseline that is not here: nothing is marked then', async () => {
    const ref = `refs/exps/aa/${'a'.repeat(38)}/lone`;
    world.git(team.alice, 'update-ref', ref, 'HEAD');
    try {
      const { stdout, stderr, code } = await show('lone');
      assert.equal(code, 0);
      assert.match(stdout, /^aaaaaaa +- +- +-/m);
      assert.match(stdout, /\[lone\] .* 0\.6 +0\.3 +42 +adam$/m);
      assert.match(stderr, /^warning: aaaaaaa: Git object a{40} is not in this repository\n$/);
    } finally {
      world.git(team.alice, 'update-ref', '-d', ref);
    }
  });

  test('is absent when the cache lacks it, with what to type', async () => {
    const ref = addExperiment(world, team, 'cached', () => {
      track(team.alice, 'm.json', '{"acc": 0.75}');
      rmSync(`${team.alice}/m.json`);
    });
    const [folder = ''] = readdirSync(`${team.alice}/.dvc/cache/files/md5`);
    const path = `${team.alice}/.dvc/cache/files/md5/${folder}`;
    try {
      assert.match((await table('cached')).join('\n'), /\[cached\] DATE 0\.75\*/);
      renameSync(path, `${path}.away`);
      const { stdout, stderr } = await show('cached');
      assert.match(stdout, /\[cached\] .* -\*/);
      assert.equal(
        stderr,
        `hint: the cache lacks files of 1 of these commits; to bring them: git dvcexp fetch ${ref}\n`,
      );
    } finally {
      rmSync(`${path}.away`, { recursive: true, force: true });
      world.git(team.alice, 'update-ref', '-d', ref);
    }
  });
});

describe('for other programs', () => {
  test('as Markdown', async () => {
    assert.deepEqual(await table('one', '--md'), [
      '| Experiment | Created | acc | lr | seed | opt.name |',
      '|---|---|--:|--:|--:|---|',
      `| ${first.slice(0, 7)} | DATE | 0.5 | 0.1 | 42 | adam |`,
      `| └── ${short(one)} \\[one\\] | DATE | **0.12346** | **0.2** | 42 | adam |`,
    ]);
  });

  test('as CSV, with all digits', async () => {
    assert.deepEqual(await lines('one', '--csv'), [
      'Experiment,rev,typ,Created,parent,acc,lr,seed,opt.name',
      `,${first.slice(0, 7)},baseline,2024-01-01T10:00:00Z,,0.5,0.1,42,adam`,
      `one,${short(one)},branch_base,2024-01-02T10:00:00Z,${first.slice(0, 7)},0.123456789,0.2,42,adam`,
    ]);
  });

  test('as JSON', async () => {
    const { workspace, baselines } = JSON.parse((await show('--json')).stdout);
    assert.deepEqual(workspace.metrics, { 'm.json': { data: { acc: 0.6 } } });
    const [{ experiments, ...baseline }] = baselines;
    const params = { 'params.yaml': { data: { lr: 0.3, seed: 42, opt: { name: 'adam' } } } };
    assert.deepEqual(baseline, {
      name: 'main',
      id: id('HEAD'),
      created: '2024-01-04T10:00:00Z',
      metrics: { 'm.json': { data: { acc: 0.6 } } },
      params,
      problems: [],
    });
    assert.deepEqual(experiments, [
      {
        name: 'late',
        ref: late,
        id: id(late),
        created: '2024-01-05T10:00:00Z',
        metrics: { 'm.json': { data: { acc: 0.7 } } },
        params,
        problems: [],
      },
    ]);
    assert.match(await refused('--json', '--drop', 'x'), /no columns are left out/);
    assert.match(await refused('--json', '--csv'), /cannot be used together/);
  });

  test('as a page', async () => {
    await buildPage(world.path('page'));
    const page = async (file: string): Promise<Ran> =>
      await companion(world, team.alice, ['show', '-A', '--html', file], { pageAssets: world.path('page') });
    assert.deepEqual(await page('../out.html'), { code: 0, stdout: '', stderr: '' });
    const written = readFileSync(team.path('out.html'), 'utf8');
    const [, block = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(written) ?? [];
    const { title, columns, rows } = JSON.parse(block);
    assert.deepEqual([title, columns.length, rows.length], ['alice', 4, 6]);
    assert.match((await page('-')).stdout, /^<!doctype html>/);
    assert.match((await page('no/such/folder.html')).stderr, /^error: cannot write 'no\/such\/folder\.html': ENOENT/);
    assert.match((await show('--html', 'x.html')).stderr, /lacks what pages are made of/);
  });
});
