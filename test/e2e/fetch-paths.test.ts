// `git dvcexp fetch -- <path>`: the data of these paths and no other.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

let world: World;
const names: Record<string, string> = {};
before(() => {
  world = openWorld();
  const made = world.path('made');
  world.git(world.directory, 'init', '-q', made);
  for (const root of ['.', 'inner']) {
    mkdirSync(join(made, root, '.dvc'), { recursive: true });
    writeFileSync(join(made, root, '.dvc', 'config'), '[core]\n    remote = storage\n');
    writeFileSync(join(made, root, '.dvc', '.gitignore'), '/config.local\n/tmp\n/cache\n');
  }
  writeFileSync(join(made, '.gitignore'), '/data\n/model\n/more/one\n/inner/x\n');
  names.model = track(made, 'model', 'old model');
  commit(made, 'first');
  names.newModel = track(made, 'model', 'model');
  names.data = track(made, 'data', { a: 'a', 'sub/b': 'b', 'sub/c': 'c' });
  names.one = track(made, 'more/one', 'one');
  names.x = track(join(made, 'inner'), 'x', 'inner x');
  commit(made, 'second');
  for (const root of ['.', 'inner'])
    cpSync(join(made, root, '.dvc', 'cache'), world.path('storage'), { recursive: true });
});
after(() => world.remove());

function commit(at: string, message: string): void {
  world.git(at, 'add', '.');
  world.git(at, 'commit', '-qm', message);
}

let clones = 0;
function clone(): string {
  clones += 1;
  const at = world.path(`clone${clones}`);
  world.git(world.directory, 'clone', '-q', world.path('made'), at);
  for (const root of ['.', 'inner'])
    writeFileSync(join(at, root, '.dvc', 'config.local'), `['remote "storage"']\n    url = ${world.path('storage')}\n`);
  return at;
}
const fetch = (at: string, ...args: readonly string[]): Ran => world.run(at, 'git', ['dvcexp', 'fetch', ...args]);
const has = (at: string, wanted: readonly (string | undefined)[], root = '.'): void => {
  const found = [...objectsIn(join(at, root, '.dvc', 'cache')).keys()].map((key) =>
    key.replace('files/md5/', '').replace('/', ''),
  );
  assert.deepEqual(found.sort(), wanted.map((name) => name ?? '').sort());
};
const md5 = {
  a: '0cc175b9c0f1b6a831c399e269772661',
  b: '92eb5ffee6ae2fec3ad71c777531578f',
  c: '4a8a08f09d37b73795649038408b5f33',
};

test('an output, a folder, files in a directory, a metafile', () => {
  const at = clone();
  const cases: readonly (readonly [readonly string[], readonly (string | undefined)[]])[] = [
    [['model'], [names.newModel]],
    [['data/sub'], [names.newModel, names.data, md5.b, md5.c]],
    [
      ['data/a', 'more'],
      [names.newModel, names.data, md5.a, md5.b, md5.c, names.one],
    ],
  ];
  for (const [paths, objects] of cases) {
    const ran = fetch(at, '--', ...paths);
    assert.equal(ran.code, 0, ran.stderr);
    has(at, objects);
  }
  has(at, [], 'inner');
  assert.equal(fetch(at, '--', 'inner/x.dvc').code, 0);
  has(at, [names.x], 'inner');
});

test('of other revisions, and from a folder below', () => {
  const at = clone();
  const ran = world.run(join(at, 'more'), 'git', ['dvcexp', 'fetch', 'HEAD~1', '--', '../model']);
  assert.equal(ran.code, 0, ran.stderr);
  has(at, [names.model]);
  assert.equal(fetch(at, 'HEAD~1', 'HEAD', '--', 'model', 'more/one').code, 0);
  has(at, [names.model, names.newModel, names.one]);
});

test('what matches nothing is an error', () => {
  const at = clone();
  for (const paths of [['nothing'], ['model', 'nothing'], ['data/z'], ['../elsewhere']]) {
    const ran = fetch(at, '--', ...paths);
    assert.equal(ran.code, 129, paths.join(' '));
    assert.match(ran.stderr, /^error: '[./\w]+' is (?:no output of HEAD|outside of the repository)/m);
  }
  const word = fetch(at, 'model');
  assert.equal(word.code, 129);
  assert.match(word.stderr, /hint: if it is a path: git dvcexp fetch -- model\n/);
});

test('the rest is known to be missing', () => {
  const at = clone();
  assert.equal(fetch(at, '--', 'data/a').code, 0);
  assert.ok(!readdirSync(join(at, '.git', 'dvcexp')).includes('pending'));
  const { commits } = JSON.parse(world.run(at, 'git', ['dvcexp', 'status', '--json']).stdout);
  assert.equal(commits[0].data.missingInCache, 5);
  const partly = world.run(at, 'git', ['dvcexp', 'checkout', 'data/a']);
  assert.equal(partly.code, 0, partly.stderr);
  assert.equal(readFileSync(join(at, 'data', 'a'), 'utf8'), 'a');
  assert.equal(world.run(at, 'git', ['dvcexp', 'checkout']).code, 1);
  assert.equal(fetch(at).code, 0);
  assert.equal(world.run(at, 'git', ['dvcexp', 'checkout']).code, 0);
  rmSync(join(at, '.dvc', 'cache'), { recursive: true });
  rmSync(join(world.path('storage'), 'files', 'md5', md5.c.slice(0, 2)), { recursive: true });
  assert.equal(fetch(at, '--', 'data/a', 'data/sub/b').code, 0, 'what is not asked for may be missing');
  assert.equal(fetch(at, '--', 'data/sub').code, 1);
});
