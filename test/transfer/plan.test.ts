import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import type { GitOid, RefName } from '../../src/model/git.ts';
import { readSettings, type Settings } from '../../src/model/settings.ts';
import { type Plan, planFetch, planPush } from '../../src/transfer/plan.ts';
import { openProjects, type Projects } from '../../src/transfer/projects.ts';
import { openWorld, track, type World } from '../kit/world.ts';

const settings = readSettings(() => undefined, {});
const main = 'refs/heads/main' as RefName;
let world: World;
let project: string;
let repository: Repository;
let warnings: string[] = [];
const commits: Record<string, GitOid> = {};

function commit(name: string): void {
  writeFileSync(`${project}/.gitignore`, '/model\n/data\n/inner/x\n');
  world.git(project, 'add', '-A');
  world.git(project, 'commit', '-q', '--allow-empty', '-m', name);
  commits[name] = world.git(project, 'rev-parse', 'HEAD') as GitOid;
}

before(() => {
  world = openWorld();
  project = world.path('p');
  world.git(world.directory, 'init', '-q', project);
  mkdirSync(`${project}/.dvc`);
  writeFileSync(
    `${project}/.dvc/config`,
    '[core]\nremote = one\n[\'remote "one"\']\nurl = /storage/one\n[\'remote "two"\']\nurl = /storage/two\n[\'remote "three"\']\nurl = /storage/three\n',
  );
  writeFileSync(`${project}/.dvc/.gitignore`, '/cache\n');
  track(project, 'model', 'm1');
  track(project, 'data', { a: 'a' });
  commit('baseline');
  track(project, 'model', 'm2');
  commit('between');
  track(project, 'model', 'm3');
  commit('tip');
  writeFileSync(`${project}/code`, 'x');
  commit('code');
  mkdirSync(`${project}/inner/.dvc`, { recursive: true });
  writeFileSync(
    `${project}/inner/.dvc/config`,
    '[core]\nremote = r\n[\'remote "r"\']\nurl = /storage/inner\nconfigpath = evil\n',
  );
  track(project, 'inner/x', 'inner bytes');
  commit('inner');
  writeFileSync(`${project}/broken.dvc`, 'outs: [\n');
  commit('broken');
  world.git(project, 'checkout', '-qf', commits.tip ?? '');
  track(project, 'left', 'left');
  track(project, 'right', 'right');
  writeFileSync(`${project}/right.dvc`, '  remote: Two\n', { flag: 'a' });
  writeFileSync(`${project}/.gitignore`, '/left\n/right\n');
  commit('split');
  repository = openRepository({ cwd: project, env: world.env, signal: new AbortController().signal });
});
after(async () => {
  await repository.close();
  world.remove();
});

const projects = (remote?: string): Projects =>
  openProjects(repository, {
    location: { gitDirectory: `${project}/.git`, commonDirectory: `${project}/.git`, workTree: project },
    env: world.env,
    platform: 'linux',
    home: world.path('home'),
    remote,
    fsyncObjects: false,
    warn: (warning) => warnings.push(warning),
  });
const plan = (tip: string, known: readonly string[], extra: Partial<Settings> = {}, ref = main): Promise<Plan> =>
  planPush(
    [{ source: commits[tip] ?? tip, destination: ref }],
    known.map((name) => commits[name] as GitOid),
    repository,
    projects(extra.remote),
    { ...settings, ...extra },
  );
const shape = ({ groups }: Plan): string[] =>
  [...groups.values()].flatMap(({ storage, needs }) =>
    [...needs.values()].map(
      ({ edges }) => `${storage.url} ${edges[0]?.path} ${edges[0]?.optional ? 'welcome' : 'required'}`,
    ),
  );

test('a first push needs all of the tip, and takes along the commits between', async () => {
  assert.deepEqual(shape(await plan('tip', [])).sort(), [
    '/storage/one data required',
    '/storage/one model required',
    '/storage/one model welcome',
    '/storage/one model welcome',
  ]);
  assert.equal(shape(await plan('tip', [], { history: 'tips' })).length, 2);
});

test('only what the Git remote has not got is new', async () => {
  assert.deepEqual(shape(await plan('tip', ['between'])), ['/storage/one model required']);
});

test('code alone, a known commit, or something that is no commit: nothing', async () => {
  assert.deepEqual(shape(await plan('code', ['tip'])), []);
  assert.deepEqual(shape(await plan('tip', ['code'])), []);
  assert.deepEqual(shape(await plan(`${commits.tip}:code`, [])), []);
});

test('an experiment is made whole where it can be', async () => {
  const ref = `refs/exps/${'a'.repeat(2)}/${'b'.repeat(38)}/e` as RefName;
  assert.deepEqual(shape(await plan('tip', ['between'], {}, ref)), [
    '/storage/one model required',
    '/storage/one data welcome',
  ]);
  assert.deepEqual(shape(await plan('code', ['tip'], {}, ref)), []);
});

test('another storage remote can take the place of the default', async () => {
  assert.deepEqual(shape(await plan('tip', ['between'], { remote: 'two' })), ['/storage/two model required']);
  const unknown = await plan('tip', ['between'], { remote: 'nosuch' });
  assert.match(unknown.problems.get(main)?.message ?? '', /'nosuch' is not configured/);
});

test('outputs with a storage remote of their own keep it, whatever takes the place of the default one', async () => {
  for (const [remote, place] of [
    [undefined, 'one'],
    ['two', 'two'],
    ['three', 'three'],
  ] as const) {
    const found = shape(await plan('split', ['tip'], remote === undefined ? {} : { remote })).sort();
    const expected = [`/storage/${place} left required`, '/storage/two right required'];
    assert.deepEqual(found, expected.sort(), remote);
  }
});

test('every DVC project of the commit counts, each with its own configuration', async () => {
  warnings = [];
  assert.deepEqual(shape(await plan('inner', ['code'])), ['/storage/inner inner/x required']);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /configpath/);
});

test('a metafile that cannot be read stops its ref, unless it was there before or may be missing', async () => {
  assert.match(
    (await plan('broken', ['inner'])).problems.get(main)?.message ?? '',
    /cannot tell which data 'broken\.dvc' needs/,
  );
  assert.equal((await plan('broken', ['inner'], { allowMissing: true })).problems.size, 0);
});

test('a fetch wants all of the tip', async () => {
  const wanted = [{ commit: commits.tip as GitOid, names: [main] }];
  assert.deepEqual(shape(await planFetch(wanted, projects())).sort(), [
    '/storage/one data required',
    '/storage/one model required',
  ]);
});
