// `git dvcexp add` beside `dvc add`, byte for byte.
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let made: string;
let copies = 0;
const program = findDvc();

function dvc(at: string, ...args: readonly string[]): Ran {
  const [name = ''] = relative(world.directory, at).split('/');
  return world.run(at, program, args, { env: { DVC_SITE_CACHE_DIR: world.path('sites', name) } });
}
function dvcDone(at: string, ...args: readonly string[]): string {
  const ran = dvc(at, ...args);
  assert.equal(ran.code, 0, `dvc ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}
const add = (at: string, ...args: readonly string[]): Ran => world.run(at, 'git', ['dvcexp', 'add', ...args]);
function added(at: string, ...args: readonly string[]): string {
  const ran = add(at, ...args);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
}
function write(at: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(at, path, '..'), { recursive: true });
    writeFileSync(join(at, path), text);
  }
}

before(() => {
  world = openWorld({ COLUMNS: '200' });
  made = world.path('made');
  world.git(world.directory, 'init', '-q', made);
  dvcDone(made, 'init', '-q');
  mkdirSync(join(made, 'inner'));
  dvcDone(join(made, 'inner'), 'init', '-q', '--subdir');
  world.git(made, 'add', '.');
  world.git(made, 'commit', '-qm', 'start');
});
after(() => world.remove());

function both(config = ''): readonly [string, string] {
  const [theirs, ours] = ['theirs', 'ours'].map((side) => {
    copies += 1;
    const at = world.path(`${side}-${copies}`);
    cpSync(made, at, { recursive: true });
    if (config !== '') writeFileSync(join(at, '.dvc', 'config.local'), config);
    return at;
  });
  return [theirs ?? '', ours ?? ''];
}
/** What Git and DVC will read: every text file but the data, and the cache. */
function state(at: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(at, { recursive: true, withFileTypes: true })) {
    const path = relative(at, join(entry.parentPath, entry.name));
    if (/(?:^|\/)\.(?:git|dvc)\//.test(path) || entry.isDirectory()) continue;
    const stat = lstatSync(join(at, path));
    const kind = stat.isSymbolicLink() ? 'symlink' : stat.nlink > 1 ? 'hardlink' : (stat.mode & 0o777).toString(8);
    found[path] = `${kind} ${readFileSync(join(at, path), 'utf8')}`;
  }
  for (const root of ['.', 'inner'])
    for (const [key, md5] of objectsIn(join(at, root, '.dvc', 'cache'))) {
      const mode = lstatSync(join(at, root, '.dvc', 'cache', key)).mode & 0o777;
      found[`${root} ${key}`] = `${mode.toString(8)} ${md5}`;
    }
  return found;
}
function same(theirs: string, ours: string, why?: string): void {
  assert.deepEqual(state(ours), state(theirs), why);
}

const files = {
  model: 'model\n',
  'run.sh': '#!/bin/sh\n',
  empty: '',
  'data/a b': 'a\n',
  'data/tief/größe': 'c\n',
  'data/tief/leer': '',
  'data/𝛑': 'pi\n',
  'sub/größe 1': 'x\n',
  'inner/x': 'inner\n',
};

describe('the same files and objects', () => {
  for (const type of ['copy', 'hardlink', 'symlink'] as const) {
    test(`of new outputs, cache.type ${type}`, () => {
      const [theirs, ours] = both(`[cache]\n    type = ${type}\n`);
      for (const at of [theirs, ours]) {
        write(at, files);
        mkdirSync(join(at, 'none'));
        if (type === 'copy') chmodSync(join(at, 'run.sh'), 0o744);
      }
      const paths = ['model', 'run.sh', 'empty', 'data', 'sub/größe 1', 'none'];
      dvcDone(theirs, 'add', '-q', ...paths);
      dvcDone(join(theirs, 'inner'), 'add', '-q', 'x');
      const said = added(ours, ...paths, 'inner/x');
      assert.match(said, /^to have Git know of it: git add model\.dvc \.gitignore run\.sh\.dvc empty\.dvc data\.dvc '/);
      same(theirs, ours);
      assert.equal(dvcDone(ours, 'status', '--json').trim(), '{}');
      assert.equal(added(ours, ...paths, 'inner/x'), 'nothing changed\n');
      assert.equal(world.run(ours, 'git', ['dvcexp', 'checkout']).stdout, '');
    });
  }

  test('of names that YAML or gitignore would take for something else', () => {
    const names = [
      '1.50',
      'true',
      'null',
      '- x',
      '#x',
      'a: b',
      "it's",
      'x #y',
      '[a]',
      '{b}',
      '!c',
      '*d',
      '&e',
      '%f',
      '@g',
      '`h',
      '?i',
      'y',
      'no',
      '0x1F',
      '1e5',
      '~',
      'a*b?[c]',
      '2021-01-01',
      'x:',
      '=',
      'a,b',
      '"q"',
      '-',
      '--',
      '1:20',
    ];
    const [theirs, ours] = both();
    for (const at of [theirs, ours]) write(at, Object.fromEntries(names.map((name) => [`n/${name}`, `${name}\n`])));
    dvcDone(theirs, 'add', '-q', '--', ...names.map((name) => `n/${name}`));
    added(ours, '--', ...names.map((name) => `n/${name}`));
    same(theirs, ours);
  });

  test('of outputs that changed: content, number of files, kind, mode; other keys of the metafile stay', () => {
    const [theirs, ours] = both();
    for (const at of [theirs, ours]) write(at, files);
    for (const at of [theirs, ours]) dvcDone(at, 'add', '-q', 'model', 'data', 'run.sh', 'empty');
    for (const at of [theirs, ours]) {
      const file = join(at, 'model.dvc');
      writeFileSync(file, `${readFileSync(file, 'utf8')}  desc: the model\n  push: false\n`);
      write(at, { model: 'other\n', 'data/new/file': 'new\n', 'data/a b': 'changed\n' });
      rmSync(join(at, 'data', 'tief', 'leer'));
      chmodSync(join(at, 'run.sh'), 0o744);
      rmSync(join(at, 'empty'));
      write(at, { 'empty/full': 'now\n' });
    }
    dvcDone(theirs, 'add', '-q', 'model', 'data', 'run.sh', 'empty');
    added(ours, 'model', 'data/new/file', 'run.sh', 'empty');
    same(theirs, ours);
  });

  test('.dvcignore', () => {
    const [theirs, ours] = both();
    for (const at of [theirs, ours]) {
      write(at, { ...files, '.dvcignore': '*.log\n/data/skip\n', 'data/x.log': 'no\n', 'data/skip/y': 'no\n' });
      writeFileSync(join(at, '.gitignore'), '/data\n*.bin');
      write(at, { 'w.bin': 'w\n' });
    }
    dvcDone(theirs, 'add', '-q', 'data', 'model', 'w.bin');
    added(ours, 'data', 'model', 'w.bin');
    same(theirs, ours);
  });
});

describe('what is refused', () => {
  test('with nothing written', () => {
    const [theirs, ours] = both();
    for (const at of [theirs, ours]) {
      write(at, {
        tracked: 'x\n',
        made: 'y\n',
        'data/a': 'a\n',
        'dvc.yaml': 'stages:\n  s:\n    cmd: echo y > made\n    outs: [made]\n',
      });
      world.git(at, 'add', 'tracked');
      symlinkSync('/etc/hostname', join(at, 'data', 'link'));
    }
    added(ours, 'data/a');
    rmSync(join(ours, 'data', 'a.dvc'));
    const cases: readonly (readonly [string, RegExp, boolean])[] = [
      [
        'tracked',
        /error: Git tracks 'tracked'\nhint: to have DVC track it in its place: git rm -r --cached tracked/,
        true,
      ],
      ['made', /'made' belongs to 'made', which stage 's' makes/, true],
      ['gone', /there is no 'gone'/, true],
      ['.git/config', /cannot be an output/, true],
      ['.dvc/config', /cannot be an output/, true],
      ['inner', /has a DVC project in it/, false],
      ['.', /is in no DVC project/, false],
      ['../elsewhere', /outside of the repository/, true],
      ['data', /'data\/link' is a symbolic link that leads elsewhere/, false],
    ];
    for (const [path, says, alike] of cases) {
      const ran = add(ours, path);
      assert.equal(ran.code, 129, path);
      assert.match(ran.stderr, says);
      assert.ok(!existsSync(join(ours, `${path}.dvc`)), path);
      if (alike) assert.notEqual(dvc(theirs, 'add', path).code, 0, path);
    }
    writeFileSync(join(ours, 'old.dvc'), 'outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: old\n');
    write(ours, { old: 'x' });
    assert.match(add(ours, 'old').stderr, /'old\.dvc' was written by DVC 2\nhint: with DVC/);
    assert.equal(add(ours).code, 129);
  });
});
