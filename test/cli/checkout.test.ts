// `git dvcexp checkout` on repositories that were made without DVC; test/interop/checkout.test.ts has the real one beside it.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let repositories = 0;
before(() => {
  world = openWorld();
});
after(() => world.remove());

/** A repository with a DVC project at its top. */
function project(config = ''): string {
  repositories += 1;
  const at = world.path(`r${repositories}`);
  world.git(world.directory, 'init', '-q', at);
  initialise(at, config);
  return at;
}
function initialise(at: string, config = ''): void {
  mkdirSync(join(at, '.dvc'), { recursive: true });
  writeFileSync(join(at, '.dvc', 'config'), config);
  writeFileSync(join(at, '.dvc', '.gitignore'), '/config.local\n/tmp\n/cache\n');
}
const checkout = (at: string, ...args: readonly string[]): Promise<Ran> => companion(world, at, ['checkout', ...args]);
async function done(at: string, ...args: readonly string[]): Promise<string> {
  const ran = await checkout(at, ...args);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stderr, '');
  return ran.stdout;
}
const text = (...parts: string[]): string => readFileSync(join(...parts), 'utf8');
const objectOf = (at: string, name: string): string =>
  join(at, '.dvc', 'cache', 'files', 'md5', name.slice(0, 2), name.slice(2));
const clear = (at: string, ...paths: string[]): void => {
  for (const path of paths) rmSync(join(at, path), { recursive: true, force: true });
};

describe('outputs that are not there', () => {
  test('are put in place, of all projects, and a second time there is nothing to do', async () => {
    const at = project();
    track(at, 'model.bin', 'model\n');
    track(at, 'empty', '');
    track(at, 'daten/größe 1', { 'a b': '1\n', 'tief/é/c': '2\n' });
    initialise(join(at, 'inner'));
    track(join(at, 'inner'), 'sub/x', 'inner\n');
    clear(at, 'model.bin', 'empty', 'daten/größe 1', 'inner/sub/x');
    assert.equal(await done(at), 'A\tdaten/größe 1/\nA\tempty\nA\tinner/sub/x\nA\tmodel.bin\n');
    assert.equal(text(at, 'daten/größe 1/tief/é/c'), '2\n');
    assert.equal(text(at, 'inner/sub/x'), 'inner\n');
    assert.equal(statSync(join(at, 'empty')).size, 0);
    assert.equal(statSync(join(at, 'model.bin')).mode & 0o777, 0o666 & ~process.umask());
    assert.equal(await done(at), '');
    assert.equal(await done(at, '--summary'), 'No changes.\n');
  });

  test('are meant by path, folder, file in a directory, metafile and stage', async () => {
    const at = project();
    track(at, 'a/one', '1');
    track(at, 'a/two', '2');
    const listing = track(at, 'made', { 'x/1': 'x1', 'x/2': 'x2', y: 'y' });
    rmSync(join(at, 'made.dvc'));
    writeFileSync(join(at, 'dvc.yaml'), 'stages:\n  train:\n    cmd: "true"\n    outs: [made]\n');
    const out = `    - path: made\n      hash: md5\n      md5: ${listing}\n`;
    writeFileSync(join(at, 'dvc.lock'), `schema: '2.0'\nstages:\n  train:\n    cmd: "true"\n    outs:\n${out}`);
    const only = async (...args: readonly string[]): Promise<string> => {
      clear(at, 'a/one', 'a/two', 'made');
      return await done(at, ...args);
    };
    assert.equal(await only('a/one'), 'A\ta/one\n');
    assert.equal(await only('a/two.dvc'), 'A\ta/two\n');
    assert.equal(await only('a'), 'A\ta/one\nA\ta/two\n');
    assert.equal(await only('a/'), 'A\ta/one\nA\ta/two\n');
    assert.equal(await only('train'), 'A\tmade/\n');
    assert.equal(await only('dvc.yaml:train'), 'A\tmade/\n');
    assert.equal(await only('made/x'), 'A\tmade/\n');
    assert.deepEqual(readdirSync(join(at, 'made')), ['x']);
    assert.equal(await done(at, 'made/y'), 'M\tmade/\t1 added\n');
    // From a folder below: words and answers count from there.
    clear(at, 'a/one');
    const below = await companion(world, join(at, 'a'), ['checkout', 'one']);
    assert.deepEqual([below.code, below.stdout], [0, 'A\tone\n']);
    clear(at, 'made');
    const above = await companion(world, join(at, 'a'), ['checkout', '../made']);
    assert.deepEqual([above.code, above.stdout], [0, 'A\t../made/\n']);
    for (const [word, says] of [
      ['nothing', /^error: 'nothing' is no output of the work tree/],
      ['made/z', /^error: 'made\/z' is no output of the work tree/],
      ['../elsewhere', /outside of the repository/],
    ] as const) {
      const ran = await checkout(at, word);
      assert.equal(ran.code, 129);
      assert.match(ran.stderr, says);
    }
  });

  test('as JSON', async () => {
    const at = project();
    track(at, 'data', { a: '1', b: '2' });
    rmSync(join(at, 'data', 'a'));
    writeFileSync(join(at, 'data', 'b'), 'mine');
    const ran = await checkout(at, '--json');
    assert.equal(ran.code, 1);
    assert.deepEqual(JSON.parse(ran.stdout), {
      outputs: [
        { path: 'data', isDirectory: true, change: 'modified', added: 1, modified: 0, deleted: 0, relinked: 0 },
      ],
      kept: ['data/b'],
      missing: [],
      refused: [],
      problems: [],
    });
  });
});

describe('what somebody changed', () => {
  test('stays unless forced, and the rest is done', async () => {
    const at = project();
    track(at, 'data', { a: '1', b: '2', 'sub/c': '3' });
    writeFileSync(join(at, 'data', 'a'), 'my own');
    writeFileSync(join(at, 'data', 'more'), 'my own file');
    rmSync(join(at, 'data', 'b'));
    const ran = await checkout(at);
    assert.equal(ran.code, 1);
    assert.equal(ran.stdout, 'M\tdata/\t1 added\n');
    assert.equal(
      ran.stderr,
      'error: 2 files changed or added by hand stay: the bytes are nowhere in the cache\n    data/more\n    data/a\n' +
        'hint: to give up what was done to them: git dvcexp checkout --force data/more data/a\n',
    );
    assert.equal(text(at, 'data', 'a'), 'my own');
    assert.equal(await done(at, '--force', 'data/more', 'data/a'), 'M\tdata/\t1 modified, 1 deleted\n');
    assert.equal(text(at, 'data', 'a'), '1');
    assert.ok(!existsSync(join(at, 'data', 'more')));
  });

  test('into bytes that the cache has is replaced', async () => {
    const at = project();
    track(at, 'data', { a: '1', b: '2' });
    writeFileSync(join(at, 'data', 'a'), '2');
    writeFileSync(join(at, 'data', 'copy'), '1');
    mkdirSync(join(at, 'data', 'folder'));
    writeFileSync(join(at, 'data', 'folder', 'copy'), '1');
    assert.equal(await done(at), 'M\tdata/\t1 modified, 2 deleted\n');
    assert.deepEqual(readdirSync(join(at, 'data')), ['a', 'b']);
    assert.equal(text(at, 'data', 'a'), '1');
  });

  test('into bytes of a damaged object stays', async () => {
    const at = project();
    const old = track(at, 'x', 'old');
    track(at, 'y', 'new');
    writeFileSync(join(at, 'y'), 'old');
    chmodSync(objectOf(at, old), 0o644);
    writeFileSync(objectOf(at, old), 'bad');
    chmodSync(objectOf(at, old), 0o444);
    assert.equal((await checkout(at, 'y')).code, 1);
    assert.equal(text(at, 'y'), 'old');
  });

  test('is seen when size and time are the same, and within the same tick', async () => {
    const at = project();
    track(at, 'x', 'aaaa');
    await done(at);
    const { atime, mtime } = statSync(join(at, 'x'));
    writeFileSync(join(at, 'x'), 'bbbb');
    utimesSync(join(at, 'x'), atime, mtime);
    assert.equal((await checkout(at)).code, 1);
    for (let round = 0; round < 5; round++) {
      await done(at, '-f');
      writeFileSync(join(at, 'x'), 'cccc');
      assert.equal((await checkout(at)).code, 1, `round ${round}`);
    }
  });

  test('in a way that a folder and a file change places', async () => {
    const at = project();
    track(at, 'f', 'file');
    track(at, 'd', { 'a/b': '1', c: '2' });
    clear(at, 'f', 'd');
    mkdirSync(join(at, 'f'));
    writeFileSync(join(at, 'f', 'x'), 'file');
    writeFileSync(join(at, 'd'), '1');
    assert.equal(await done(at), 'M\td/\t2 added, 1 deleted\nM\tf\n');
    clear(at, 'd/a', 'f');
    writeFileSync(join(at, 'd', 'a'), '2');
    mkdirSync(join(at, 'f'));
    writeFileSync(join(at, 'f', 'x'), 'mine');
    const ran = await checkout(at);
    assert.equal(ran.code, 1);
    assert.equal(ran.stdout, 'M\td/\t1 added, 1 deleted\n');
    assert.match(ran.stderr, /f: a folder that is not empty stands there\n/);
    assert.equal(text(at, 'f', 'x'), 'mine');
  });

  test('and .dvcignore leaves out is nobody’s business', async () => {
    const at = project();
    track(at, 'data', { a: '1' });
    writeFileSync(join(at, '.dvcignore'), '*.tmp\n/data/scratch\n');
    mkdirSync(join(at, 'data', 'scratch'));
    for (const path of ['x.tmp', 'scratch/y']) writeFileSync(join(at, 'data', path), 'mine');
    assert.equal(await done(at), '');
  });
});

describe('what the cache has not got', () => {
  test('is told, with what to type, and leaves in place what stands there', async () => {
    const at = project();
    const lost = track(at, 'lost', 'lost');
    track(at, 'data', { a: '1', b: 'lost' });
    track(at, 'here', 'here');
    clear(at, 'lost', 'here', 'data/a', 'data/b');
    rmSync(objectOf(at, lost));
    writeFileSync(join(at, 'data', 'b'), '1');
    const ran = await checkout(at);
    assert.equal(ran.code, 1);
    assert.equal(ran.stdout, 'M\tdata/\t1 added\nA\there\n');
    assert.equal(
      ran.stderr,
      `error: 2 objects not in the cache\n    data/b (md5 ${lost})\n    lost (md5 ${lost})\n` +
        'hint: to bring them: git dvcexp fetch -- data/b lost, then this command again\n',
    );
    assert.equal(text(at, 'data', 'b'), '1');
    assert.equal((await checkout(at, '--allow-missing')).code, 0);
  });

  test('whole is not put in place', async () => {
    const at = project();
    const name = track(at, 'x', 'good');
    clear(at, 'x');
    chmodSync(objectOf(at, name), 0o644);
    writeFileSync(objectOf(at, name), 'evil');
    const ran = await checkout(at);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /^error: 1 object in the cache is damaged\n {4}x \(files\/md5\//);
    assert.ok(!existsSync(join(at, 'x')));
    assert.deepEqual(
      readdirSync(at).filter((each) => each.endsWith('.tmp')),
      [],
    );
  });
});

describe('nothing is written', () => {
  test('through a symbolic link, into .git or .dvc', async () => {
    const at = project();
    const outside = world.path('outside');
    mkdirSync(outside, { recursive: true });
    track(at, 'way/x', 'x');
    track(at, 'folder', { a: '1' });
    clear(at, 'way/x', 'folder');
    renameSync(join(at, 'way', 'x.dvc'), join(at, 'x.dvc'));
    writeFileSync(join(at, 'x.dvc'), text(at, 'x.dvc').replace('path: x', 'path: way/x'));
    clear(at, 'way');
    symlinkSync(outside, join(at, 'way'));
    symlinkSync(outside, join(at, 'folder'));
    const ran = await checkout(at, '--force');
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /2 paths cannot be checked out\n {4}folder: it is a symbolic link\n {4}way\/x: 'way' is a/,
    );
    assert.deepEqual(readdirSync(outside), []);
    for (const path of [
      '.git/hooks/post-checkout',
      '.dvc/config.local',
      '.DVC/config.local',
      'sub/.dvc/config.local',
    ]) {
      const planted = project();
      track(planted, 'x', '#!/bin/sh\n');
      writeFileSync(join(planted, 'x.dvc'), text(planted, 'x.dvc').replace('path: x', `path: ${path}`));
      const tried = await checkout(planted, '--force');
      assert.equal(tried.code, 1, path);
      assert.match(tried.stderr, /no output may be there/);
      assert.ok(!existsSync(join(planted, path)), path);
    }
    const listed = project();
    track(listed, 'data', { '.dvc/config.local': 'x', 'a/.DVC/config': 'x', fine: '1' });
    clear(listed, 'data');
    assert.equal((await checkout(listed)).code, 1);
    assert.deepEqual(readdirSync(join(listed, 'data')), ['fine']);
  });
});

describe('cache.type', () => {
  const linked = (type: string): string => {
    const at = project(`[cache]\n    type = ${type}\n`);
    const name = track(at, 'run.sh', '#!/bin/sh\n');
    writeFileSync(join(at, 'run.sh.dvc'), text(at, 'run.sh.dvc').replace('  hash:', '  isexec: true\n  hash:'));
    track(at, 'data', { a: '1', empty: '' });
    clear(at, 'run.sh', 'data');
    assert.equal(statSync(objectOf(at, name)).mode & 0o777, 0o444);
    return at;
  };
  const isCopied = (path: string): boolean => !lstatSync(path).isSymbolicLink() && lstatSync(path).nlink === 1;

  test('copy, hardlink, symlink; an executable is a file of its own, and its object stays as it is', async () => {
    for (const type of ['copy', 'hardlink', 'symlink', '"hardlink,copy"', 'reflink, copy', 'reflink, symlink']) {
      const at = linked(type);
      assert.equal(await done(at), 'A\tdata/\nA\trun.sh\n', type);
      const [a, script] = [join(at, 'data', 'a'), join(at, 'run.sh')];
      const object = objectOf(at, 'c4ca4238a0b923820dcc509a6f75849b');
      if (type.includes('symlink')) assert.equal(readlinkSync(a), object);
      else if (type.includes('hardlink')) assert.equal(lstatSync(a).ino, lstatSync(object).ino);
      else assert.ok(isCopied(a), type);
      assert.equal(statSync(object).mode & 0o777, 0o444);
      assert.equal(
        statSync(a).mode & 0o777,
        (type.includes('link') && !type.includes('copy')) || type.startsWith('"') ? 0o444 : 0o666 & ~process.umask(),
        type,
      );
      assert.ok(isCopied(script), type);
      assert.equal(statSync(script).mode & 0o100, 0o100);
      assert.equal(statSync(objectOf(at, '3e2b31c72181b87149ff995e7202c0e3')).mode & 0o777, 0o444);
      assert.equal(await done(at), '', type);
    }
  });

  test('--relink makes what is held otherwise anew', async () => {
    const at = linked('copy');
    await done(at);
    writeFileSync(join(at, '.dvc', 'config'), '[cache]\n    type = symlink\n');
    assert.equal(await done(at), '');
    assert.equal(await done(at, '--relink', '--summary'), '2 files relinked\n');
    assert.ok(lstatSync(join(at, 'data', 'a')).isSymbolicLink());
    writeFileSync(join(at, '.dvc', 'config'), '');
    assert.equal(await done(at, '--relink'), 'M\tdata/\t2 relinked\n');
    assert.ok(isCopied(join(at, 'data', 'a')));
    assert.equal(await done(at, '--relink'), '');
  });

  test('a mode that is taken away comes back', async () => {
    const at = linked('copy');
    await done(at);
    chmodSync(join(at, 'run.sh'), 0o644);
    assert.equal(await done(at), 'M\trun.sh\n');
    assert.equal(statSync(join(at, 'run.sh')).mode & 0o100, 0o100);
    assert.equal(await done(at), '');
  });
});

describe('after a switch of branches', () => {
  test('what no metafile tells of any more goes, if it was seen as an output and nothing is lost', async () => {
    const at = project();
    track(at, 'stays', 'stays');
    track(at, 'old', { a: '1', 'sub/b': '2', c: '3' });
    track(at, 'single', 'single');
    track(at, 'given', 'given to Git');
    await done(at);
    clear(at, 'old.dvc', 'single.dvc', 'given.dvc');
    writeFileSync(join(at, 'old', 'c'), 'changed since');
    writeFileSync(join(at, 'old', 'new'), 'never seen');
    world.git(at, 'add', '-f', 'given');
    assert.equal(await done(at, 'stays'), '');
    assert.equal(await done(at), 'D\told/\nD\tsingle\n');
    assert.deepEqual(readdirSync(join(at, 'old')).sort(), ['c', 'new']);
    assert.equal(text(at, 'given'), 'given to Git');
    assert.equal(await done(at), '');
  });

  test('nothing goes that was only in the cache of another project, or while a metafile cannot be read', async () => {
    const at = project();
    track(at, 'old', 'old');
    track(at, 'kept', 'kept');
    await done(at);
    clear(at, 'old.dvc');
    writeFileSync(join(at, 'kept.dvc'), 'outs: [');
    const ran = await checkout(at);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /these cannot be read, so what they tell of is left as it is\n {4}kept\.dvc: /);
    assert.ok(existsSync(join(at, 'old')));
  });
});

test('outside of a repository, and in a bare one', async () => {
  assert.equal((await checkout(world.directory)).code, 129);
  world.git(world.directory, 'init', '-q', '--bare', 'bare.git');
  const ran = await checkout(world.path('bare.git'));
  assert.deepEqual([ran.code, ran.stderr], [129, 'error: a bare repository has no work tree\n']);
});
