// `git dvcexp checkout` and `fetch -- <path>` beside the real DVC, each on its own copy of one repository that DVC made. What DVC
// does is asserted too: docs/dvc-parity.md is the table of it.
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
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
const roots = ['.', 'inner'];
const outputs = ['daten/größe 1', 'model.bin', 'empty', 'run.sh', 'none', 'out', 'plots dir', 'inner/x'];

/** Each copy has a machine to itself: DVC remembers by path. */
function dvc(at: string, ...args: readonly string[]): Ran {
  const [name = ''] = relative(world.directory, at).split('/');
  return world.run(at, program, args, { env: { DVC_SITE_CACHE_DIR: world.path('sites', name) } });
}
function dvcDone(at: string, ...args: readonly string[]): string {
  const ran = dvc(at, ...args);
  assert.equal(ran.code, 0, `dvc ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}
const ours = (at: string, ...args: readonly string[]): Ran => world.run(at, 'git', ['dvcexp', ...args]);

before(() => {
  world = openWorld({ COLUMNS: '200' });
  made = world.path('made');
  world.git(world.directory, 'init', '-q', made);
  dvcDone(made, 'init', '-q');
  for (const [path, text] of Object.entries({
    'daten/größe 1/a b': 'a\n',
    'daten/größe 1/tief/é/c': 'c\n',
    'daten/größe 1/tief/leer': '',
    'model.bin': 'model\n',
    empty: '',
    'run.sh': '#!/bin/sh\n',
    'inner/x': 'inner\n',
  })) {
    mkdirSync(join(made, path, '..'), { recursive: true });
    writeFileSync(join(made, path), text);
  }
  mkdirSync(join(made, 'none'));
  chmodSync(join(made, 'run.sh'), 0o755);
  dvcDone(join(made, 'inner'), 'init', '-q', '--subdir');
  dvcDone(join(made, 'inner'), 'add', '-q', 'x');
  dvcDone(made, 'add', '-q', 'daten/größe 1', 'model.bin', 'empty', 'run.sh', 'none');
  const cmd = 'mkdir -p "plots dir/deep" && echo 1 > out && echo 2 > "plots dir/deep/x" && echo a > "plots dir/y"';
  writeFileSync(
    join(made, 'dvc.yaml'),
    `stages:\n  train:\n    cmd: ${cmd}\n    outs: [out]\n    plots: ["plots dir"]\n`,
  );
  dvcDone(made, 'repro', '-q');
  world.git(made, 'add', '.');
  world.git(made, 'commit', '-qm', 'all');
  for (const output of outputs) rmSync(join(made, output), { recursive: true, force: true });
});
after(() => world.remove());

/** A copy of the repository without its data in the work tree; in a folder of its own. */
function copy(type?: string): string {
  copies += 1;
  const at = world.path(`copy-${copies}`);
  cpSync(made, at, { recursive: true, verbatimSymlinks: true });
  if (type !== undefined)
    for (const root of roots) writeFileSync(join(at, root, '.dvc', 'config.local'), `[cache]\n    type = "${type}"\n`);
  return at;
}

/** Everything in the work tree that is not Git's or DVC's: kind, mode, bytes. */
function tree(at: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(at, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(at, path);
    if (/(?:^|\/)\.(?:git|dvc)(?:\/|$)/.test(name)) continue;
    const stat = lstatSync(path);
    if (stat.isDirectory()) found[name] = 'folder';
    else if (stat.isSymbolicLink()) found[name] = `link to ${relative(at, readlinkSync(path))}`;
    else
      found[name] =
        `${(stat.mode & 0o777).toString(8)} ${stat.nlink > 1 ? 'linked ' : ''}${readFileSync(path, 'utf8')}`;
  }
  return found;
}
function dvcCheckout(at: string): string {
  return roots.map((root) => dvcDone(join(at, root), 'checkout')).join('');
}
function isUpToDate(at: string): void {
  for (const root of roots) assert.equal(dvcDone(join(at, root), 'status', '--json').trim(), '{}', root);
}

describe('the same trees', () => {
  for (const type of ['copy', 'hardlink', 'symlink', 'reflink,copy', 'reflink,symlink'] as const) {
    test(`cache.type ${type}`, () => {
      const [theirs, own] = [copy(type), copy(type)];
      dvcCheckout(theirs);
      const ran = ours(own, 'checkout');
      assert.equal(ran.code, 0, ran.stderr);
      const [expected, actual] = [tree(theirs), tree(own)];
      if (type === 'hardlink' || type.endsWith('symlink')) {
        // DVC links the executable, and makes the object in its cache executable.
        const { 'run.sh': script, ...rest } = actual;
        const { 'run.sh': linked, ...others } = expected;
        assert.deepEqual(rest, others);
        assert.equal(script, '744 #!/bin/sh\n');
        assert.match(linked ?? '', type === 'hardlink' ? /^544 linked / : /^link to /);
        const object = join('.dvc', 'cache', 'files', 'md5', '3e', '2b31c72181b87149ff995e7202c0e3');
        assert.equal(statSync(join(theirs, object)).mode & 0o777, 0o544);
        assert.equal(statSync(join(own, object)).mode & 0o777, 0o444);
      } else assert.deepEqual(actual, expected);
      isUpToDate(own);
      assert.equal(dvcCheckout(own), '');
      const again = ours(theirs, 'checkout');
      assert.deepEqual([again.code, again.stdout, again.stderr], [0, '', ''], 'what DVC placed is right');
    });
  }
});

describe('what is printed and done', () => {
  const both = (): readonly [string, string] => {
    const [theirs, own] = [copy(), copy()];
    dvcCheckout(theirs);
    assert.equal(ours(own, 'checkout').code, 0);
    return [theirs, own];
  };

  test('a line for each output; DVC of one project', () => {
    const [theirs, own] = [copy(), copy()];
    const lines = (text: string): string[] => text.replaceAll(/\t +/g, '\t').split('\n').filter(Boolean).sort();
    const said = lines(dvcDone(theirs, 'checkout').replaceAll(/^([AMD])\s+/gm, '$1\t'));
    assert.deepEqual(lines(ours(own, 'checkout').stdout), [...said, 'A\tinner/x'].sort());
    const [summary, other] = [dvcDone(copy(), 'checkout', '--summary'), ours(copy(), 'checkout', '--summary').stdout];
    // Ours has the file of the other project.
    assert.deepEqual([summary, other], ['9 files added\n', '10 files added\n']);
  });

  test('targets: output, file in a directory, metafile, stage', () => {
    for (const target of [
      'model.bin',
      'daten/größe 1/tief',
      'daten/größe 1/a b',
      'run.sh.dvc',
      'train',
      'dvc.yaml:train',
    ]) {
      const [theirs, own] = [copy(), copy()];
      dvcDone(theirs, 'checkout', target);
      assert.equal(ours(own, 'checkout', target).code, 0);
      assert.deepEqual(tree(own), tree(theirs), target);
    }
    const unknown = [dvc(copy(), 'checkout', 'nothing'), ours(copy(), 'checkout', 'nothing')];
    assert.deepEqual(
      unknown.map(({ code }) => code),
      [255, 129],
    );
  });

  test('a changed file: DVC does nothing at all, ours the rest', () => {
    const [theirs, own] = both();
    for (const at of [theirs, own]) {
      writeFileSync(join(at, 'model.bin'), 'mine');
      rmSync(join(at, 'empty'));
    }
    const [said, ran] = [dvc(theirs, 'checkout'), ours(own, 'checkout')];
    assert.deepEqual([said.code, ran.code], [255, 1]);
    assert.match(said.stderr, /Can't remove the following unsaved files without confirmation/);
    assert.ok(!existsSync(join(theirs, 'empty')));
    assert.equal(ran.stdout, 'A\tempty\n');
    for (const at of [theirs, own]) assert.equal(readFileSync(join(at, 'model.bin'), 'utf8'), 'mine');
    dvcDone(theirs, 'checkout', '--force');
    assert.equal(ours(own, 'checkout', '--force').stdout, 'M\tmodel.bin\n');
    assert.deepEqual(tree(own), tree(theirs));
  });

  test('one object that is missing: DVC removes the directory that has it', () => {
    const [theirs, own] = both();
    for (const at of [theirs, own]) {
      const [key = ''] =
        [...objectsIn(join(at, '.dvc', 'cache'))].find(([, md5]) => md5 === '2cd6ee2c70b0bde53fbe6cac3c8b8bb1') ?? [];
      rmSync(join(at, '.dvc', 'cache', key));
      rmSync(join(at, 'daten/größe 1/tief/é/c'));
    }
    const [said, ran] = [dvc(theirs, 'checkout'), ours(own, 'checkout')];
    assert.deepEqual([said.code, ran.code], [255, 1]);
    assert.match(said.stderr, /Checkout failed for following targets/);
    assert.ok(!existsSync(join(theirs, 'daten/größe 1')), 'all its files are gone');
    assert.equal(readFileSync(join(own, 'daten/größe 1/a b'), 'utf8'), 'a\n');
    assert.match(ran.stderr, /error: 1 object not in the cache\n {4}daten\/größe 1\/tief\/é\/c \(md5 2cd6ee2c/);
    assert.match(
      ran.stderr,
      /hint: to bring it: git dvcexp fetch -- 'daten\/größe 1\/tief\/é\/c', then this command again/,
    );
    assert.equal(dvc(theirs, 'checkout', '--allow-missing').code, 0);
    assert.equal(ours(own, 'checkout', '--allow-missing').code, 0);
  });

  test('outputs of another branch go; DVC takes what Git tracks as well', () => {
    const [theirs, own] = both();
    for (const at of [theirs, own]) {
      world.git(at, 'rm', '-q', '--cached', 'model.bin.dvc', 'run.sh.dvc');
      for (const path of ['model.bin.dvc', 'run.sh.dvc']) rmSync(join(at, path));
      world.git(at, 'add', '-f', 'model.bin');
      world.git(at, 'commit', '-qm', 'Git has it now');
    }
    assert.match(dvcDone(theirs, 'checkout'), /^D\s+model\.bin\nD\s+run\.sh\n$/);
    assert.equal(ours(own, 'checkout').stdout, 'D\trun.sh\n');
    assert.ok(!existsSync(join(theirs, 'model.bin')));
    assert.equal(readFileSync(join(own, 'model.bin'), 'utf8'), 'model\n');
  });

  test('--relink', () => {
    const [theirs, own] = both();
    for (const at of [theirs, own])
      for (const root of roots) writeFileSync(join(at, root, '.dvc', 'config.local'), '[cache]\n    type = hardlink\n');
    for (const root of roots) dvcDone(join(theirs, root), 'checkout', '--relink');
    assert.equal(ours(own, 'checkout', '--relink').code, 0);
    const { 'run.sh': _ours, ...actual } = tree(own);
    const { 'run.sh': _theirs, ...expected } = tree(theirs);
    assert.deepEqual(actual, expected);
  });
});

test('fetch of some paths: the same objects', () => {
  const storage = world.path('storage');
  for (const root of roots) cpSync(join(made, root, '.dvc', 'cache'), storage, { recursive: true });
  for (const target of ['model.bin', 'daten/größe 1', 'daten/größe 1/tief', 'daten/größe 1/a b', 'train']) {
    const [theirs, own] = [copy(), copy()];
    for (const at of [theirs, own]) {
      rmSync(join(at, '.dvc', 'cache'), { recursive: true });
      writeFileSync(join(at, '.dvc', 'config.local'), `[core]\n    remote = s\n['remote "s"']\n    url = ${storage}\n`);
    }
    dvcDone(theirs, 'fetch', target);
    const ran = ours(own, 'fetch', '--', target);
    assert.equal(ran.code, 0, ran.stderr);
    const objects = (at: string): unknown => [...objectsIn(join(at, '.dvc', 'cache'))];
    assert.deepEqual(objects(own), objects(theirs), target);
  }
});
