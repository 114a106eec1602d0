import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCollector } from '../../src/dvc/collector.ts';
import type { Project } from '../../src/dvc/outputs.ts';
import { HelperError } from '../../src/model/error.ts';
import type { GitOid, ObjectReader } from '../../src/model/git.ts';
import { type MadeFolder, makeReader } from '../kit/object-reader.ts';

const hash = (number: number): string => String(number).padStart(32, '0');
const metafile = (path: string, number = 1): string => `outs:\n- md5: ${hash(number)}\n  hash: md5\n  path: ${path}\n`;
const dvc = { config: '[core]\n' };

async function collect(files: MadeFolder): Promise<readonly Project[]> {
  const reader = makeReader();
  return createCollector(reader).projects(reader.root(files));
}

const paths = (projects: readonly Project[]): unknown =>
  Object.fromEntries(projects.map(({ root, outputs }) => [root, outputs.map(({ path }) => path)]));

describe('projects of a commit', () => {
  test('are the folders with a .dvc folder, each with what is its own', async () => {
    const files = {
      '.dvc': { ...dvc, tmp: { 'x.dvc': metafile('x') } },
      'a.dvc': metafile('a'),
      sub: {
        'b.dvc': metafile('b'),
        project: {
          '.dvc': {},
          'c.dvc': metafile('c'),
          deep: { 'd.dvc': metafile('d'), '.hg': { 'e.dvc': metafile('e') } },
        },
      },
      module: ['submodule', 'x'],
      link: ['symlink', 'sub'],
      'X.DVC': metafile('x'),
      'dvc.yml': 'stages: {a: {outs: [x]}}',
      'folder.dvc': { 'f.dvc': metafile('f') },
    } as const;
    const projects = await collect(files);
    assert.deepEqual(paths(projects), {
      '': ['a', 'sub/b', 'folder.dvc/f'],
      'sub/project': ['sub/project/c', 'sub/project/deep/d'],
    });
    assert.equal(Buffer.from(projects[0]?.config ?? []).toString(), '[core]\n');
    assert.equal(projects[1]?.config, undefined);
  });

  test('need a .dvc folder', async () => {
    assert.deepEqual(await collect({ 'a.dvc': metafile('a') }), []);
    assert.deepEqual(await collect({}), []);
    assert.deepEqual(paths(await collect({ '.dvc': {} })), { '': [] });
  });

  test('leave out what .dvcignore names, whose rules start anew in each project', async () => {
    const files = {
      '.dvc': dvc,
      '.dvcignore': '\n# comment\n  *.tmp.dvc  \n/out/\ncase\n',
      'x.tmp.dvc': metafile('x'),
      out: { 'x.dvc': metafile('x'), project: { '.dvc': {}, 'y.tmp.dvc': metafile('y') } },
      in: { out: { 'x.dvc': metafile('x') }, CASE: { 'x.dvc': metafile('x') }, case: { 'x.dvc': metafile('x') } },
    };
    assert.deepEqual(paths(await collect(files)), { '': ['in/out/x', 'in/CASE/x'], 'out/project': ['out/project/y'] });
  });

  test('leave out what a nested .dvcignore names, which wins over those above', async () => {
    const files = {
      '.dvc': dvc,
      '.dvcignore': '/sub/*.dvc\n',
      sub: {
        '.dvcignore': 'deep.dvc\n!/kept.dvc\n/top.dvc\n\\!odd.dvc\n',
        'kept.dvc': metafile('kept'),
        'other.dvc': metafile('other'),
        below: {
          'deep.dvc': metafile('deep'),
          'top.dvc': metafile('top'),
          'kept.dvc': metafile('kept'),
          '!odd.dvc': metafile('odd'),
        },
      },
      'deep.dvc': metafile('deep'),
    };
    assert.deepEqual(paths(await collect(files)), { '': ['deep', 'sub/kept', 'sub/below/top', 'sub/below/kept'] });
  });

  test('read a .dvcignore through a link, and none that is ignored itself', async () => {
    const files = {
      '.dvc': dvc,
      '.dvcignore': ['symlink', 'rules'],
      rules: 'a.dvc\nsub/.dvcignore\n',
      'a.dvc': metafile('a'),
      sub: { '.dvcignore': '*', 'b.dvc': metafile('b') },
    } as const;
    assert.deepEqual(paths(await collect(files)), { '': ['sub/b'] });
  });
});

describe('symbolic links to metafiles', () => {
  test('are followed inside the commit, through linked folders', async () => {
    const files = {
      '.dvc': dvc,
      real: { 'x.dvc': metafile('x') },
      alias: ['symlink', './real'],
      sub: { 'one.dvc': ['symlink', '../alias/x.dvc'], 'two.dvc': ['symlink', 'one.dvc'] },
    } as const;
    assert.deepEqual(paths(await collect(files)), { '': ['real/x', 'sub/x', 'sub/x'] });
  });

  const leading: Readonly<Record<string, string>> = {
    '../../etc/passwd': "symbolic link 'sub/x.dvc' leads out of the repository",
    '/etc/passwd': "symbolic link 'sub/x.dvc' leads out of the repository",
    'x.dvc': 'symbolic links lead in circles',
    nowhere: 'symbolic link to a file that is not in the commit',
    '..': 'symbolic link to a file that is not in the commit',
    'file/x': 'symbolic link to a file that is not in the commit',
  };
  for (const [target, message] of Object.entries(leading)) {
    test(`a link to '${target}' is a problem`, async () => {
      const [project] = await collect({
        '.dvc': dvc,
        'a.dvc': metafile('a'),
        sub: { 'x.dvc': ['symlink', target], file: '' },
      });
      assert.deepEqual(project?.problems, [{ path: 'sub/x.dvc', message }]);
      assert.equal(project?.outputs.length, 1);
    });
  }
});

describe('many commits', () => {
  /** 50,000 files in 1,000 folders, of which every tenth has a .dvc file. */
  const baseline: MadeFolder = Object.fromEntries(
    Array.from({ length: 1000 }, (_, folder) => [
      `folder-${folder}`,
      Object.fromEntries(
        Array.from({ length: 50 }, (_, file) =>
          file === 0 && folder % 10 === 0
            ? ['data.dvc', metafile('data', folder)]
            : [`file-${file}.py`, `${folder} ${file}`],
        ),
      ),
    ]),
  );
  const yaml = `stages:\n${Array.from({ length: 50 }, (_, stage) => `  s${stage}:\n    outs: [out-${stage}]\n`).join('')}`;
  const lock = (experiment: number): string =>
    `schema: '2.0'\nstages:\n${Array.from({ length: 50 }, (_, stage) => `  s${stage}:\n    cmd: x\n    outs:\n    - path: out-${stage}\n      hash: md5\n      md5: ${hash(experiment * 100 + stage)}\n`).join('')}`;

  test('cost one walk, and each metafile is read once', async () => {
    const reader = makeReader();
    const trees = Array.from({ length: 100 }, (_, experiment) =>
      reader.root({
        ...baseline,
        '.dvc': dvc,
        'dvc.yaml': yaml,
        'dvc.lock': lock(experiment),
        'params.yaml': `x: ${experiment}`,
      }),
    );
    const collector = createCollector(reader);
    const first = await collector.projects(trees[0] as GitOid);
    assert.equal(first[0]?.outputs.length, 150);
    const { trees: walked, blobs: read } = reader.reads;
    assert.ok(walked < 1010, `${walked} trees`);
    for (const [experiment, tree] of trees.entries()) {
      const [project] = await collector.projects(tree);
      assert.equal(project?.outputs.find(({ path }) => path === 'out-7')?.object?.id, hash(experiment * 100 + 7));
      assert.equal(project?.outputs.find(({ path }) => path === 'folder-10/data')?.object?.id, hash(10));
    }
    // A new root and the look-up of params.yaml; the new dvc.lock, params.yaml and .dvc/config.
    assert.ok(reader.reads.trees - walked < 100 * 5, `${reader.reads.trees - walked} more trees`);
    assert.ok(reader.reads.blobs - read < 100 * 4, `${reader.reads.blobs - read} more blobs`);
  });

  test('values are looked up for each, also where dvc.yaml and dvc.lock are the same', async () => {
    const reader = makeReader();
    const collector = createCollector(reader);
    const both = `schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - {path: a, hash: md5, md5: '${hash(1)}'}\n    - {path: b, hash: md5, md5: '${hash(2)}'}\n`;
    const root = (files: MadeFolder): GitOid =>
      reader.root({
        '.dvc': dvc,
        'dvc.yaml': `vars: [v.yaml]\nstages:\n  s:\n    outs: ["\${name}"]\n`,
        'dvc.lock': both,
        ...files,
      });
    const named = (name: string): GitOid => root({ 'v.yaml': `name: ${name}\n` });
    const only = async (tree: GitOid): Promise<unknown> =>
      (await collector.projects(tree))[0]?.outputs.map(({ path }) => path);
    assert.deepEqual(await only(named('a')), ['a']);
    assert.deepEqual(await only(named('b')), ['b']);
    assert.deepEqual(await only(named('a')), ['a']);
    assert.deepEqual(await only(root({})), ['a', 'b']);
    assert.deepEqual(await only(root({ 'v.yaml': ['symlink', '/etc/passwd'] })), ['a', 'b']);
    assert.deepEqual(await only(root({ 'v.yaml': ['symlink', 'w'], w: 'name: b\n' })), ['b']);
    assert.deepEqual(await only(root({ 'v.yaml': 'name: b\n', 'params.yaml': 'name: a\n' })), ['a', 'b']);
  });

  test('at the same time give each its own', async () => {
    const reader = makeReader();
    const collector = createCollector(reader);
    const trees = Array.from({ length: 20 }, (_, number) =>
      reader.root({ '.dvc': dvc, shared: { 'x.dvc': metafile('x') }, 'own.dvc': metafile(`own-${number}`) }),
    );
    const all = await Promise.all(trees.map((tree) => collector.projects(tree)));
    for (const [number, projects] of all.entries())
      assert.deepEqual(paths(projects), { '': [`own-${number}`, 'shared/x'] });
  });
});

describe('a repository', () => {
  test('that lacks an object says so, and is asked again', async () => {
    const made = makeReader();
    const tree = made.root({ '.dvc': dvc, sub: { 'x.dvc': metafile('x') } });
    let lacking = true;
    const reader: ObjectReader = {
      async tree(oid) {
        if (lacking && oid !== tree) throw new HelperError('missing', 'not here');
        return made.tree(oid);
      },
      blob: (oid) => made.blob(oid),
    };
    const collector = createCollector(reader);
    await assert.rejects(collector.projects(tree), { code: 'missing' });
    lacking = false;
    assert.deepEqual(paths(await collector.projects(tree)), { '': ['sub/x'] });
  });

  test('that nobody can check out is refused', async () => {
    const reader = makeReader();
    let deep: MadeFolder = { 'x.dvc': metafile('x') };
    for (let level = 0; level < 2100; level += 1) {
      deep = { d: deep };
      // One level at a time: all at once would go as deep into the stack.
      reader.root(deep);
    }
    await assert.rejects(createCollector(reader).projects(reader.root({ '.dvc': dvc, ...deep })), {
      code: 'corrupt',
      message: /^tree [0-9a-f]{40} is nested deeper than 2048 folders$/,
    });
    let wide: MadeFolder = { 'x.dvc': metafile('x') };
    for (let level = 0; level < 20; level += 1) wide = { a: wide, b: wide };
    await assert.rejects(collect({ '.dvc': dvc, ...wide }), {
      code: 'corrupt',
      message: /has more than 1000000 DVC files$/,
    });
  });
});
