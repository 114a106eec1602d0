import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Collector, createCollector } from '../../src/dvc/collector.ts';
import { formatListing, listingId, parseListing, parseListingIds } from '../../src/dvc/listing.ts';
import type { Project } from '../../src/dvc/outputs.ts';
import { parseAnyYaml } from '../../src/dvc/yaml.ts';
import { parseBlockYaml } from '../../src/dvc/yaml-block.ts';
import { isExperiment } from '../../src/model/git.ts';
import { type DvcObject, isListing, keyOf } from '../../src/model/object.ts';
import { type Dvc, listFiles, openDvc } from '../kit/dvc.ts';
import { readRepository } from '../kit/object-reader.ts';

/** A repository that is made by the real DVC, step by step. */
interface Workshop {
  readonly top: string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  dvc(...args: string[]): Promise<string>;
  dvcIn(folder: string, ...args: string[]): Promise<string>;
  git(...args: string[]): string;
  /** Commits everything, ignored files left out. Returns the commit. */
  commit(message: string): string;
}

async function openWorkshop(dvc: Dvc, name: string): Promise<Workshop> {
  const top = join(dvc.directory, name);
  mkdirSync(top);
  const git = (...args: string[]): string => dvc.git(top, ...args);
  const workshop: Workshop = {
    top,
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(top, path)), { recursive: true });
        writeFileSync(join(top, path), content);
      }
    },
    dvc: (...args) => dvc.run(top, ...args),
    dvcIn: (folder, ...args) => dvc.run(join(top, folder), ...args),
    git,
    commit(message) {
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '--message', message);
      return git('rev-parse', 'HEAD');
    },
  };
  git('init', '--quiet');
  await workshop.dvc('init', '--quiet');
  return workshop;
}

/** The keys we would push from a project, by storage remote; listings read from the project's cache. */
function keysOf(project: Project, top: string): Map<string, string[]> {
  const keys = new Map<string, Set<string>>();
  const cacheFile = (object: DvcObject): string => join(top, project.root, '.dvc/cache', keyOf(object));
  for (const { object, cache, push, remote, imported } of project.outputs) {
    if (object === undefined || !cache || !push || imported === 'repo') continue;
    const name = remote ?? 'referee';
    const found = keys.get(name) ?? new Set<string>();
    keys.set(name, found.add(keyOf(object)));
    if (!isListing(object.id)) continue;
    const ids = parseListingIds(readFileSync(cacheFile(object)), object.id);
    for (const id of ids) found.add(keyOf({ kind: object.kind, id }));
  }
  return new Map([...keys].map(([name, found]) => [name, [...found].sort()]));
}

/** The fast way through the files DVC wrote has to be taken, and to lead where the slow one leads. */
function compareParsers(top: string): void {
  const written = listFiles(top).filter((path) => !path.includes('.dvc/') && /\.dvc$|dvc\.lock$/.test(path));
  for (const path of written) {
    const text = readFileSync(join(top, path), 'utf8');
    assert.deepEqual(parseBlockYaml(text), parseAnyYaml(text), path);
  }
}

/** Compares every project of a commit with what DVC pushes for it. Returns the projects for further looks. */
async function compare(dvc: Dvc, top: string, commit: string, collector?: Collector): Promise<readonly Project[]> {
  const reader = readRepository(top);
  compareParsers(top);
  const projects = await (collector ?? createCollector(reader)).projects(await reader.root(commit));
  for (const project of projects) {
    assert.deepEqual(project.problems, [], `problems in '${project.root}' of ${commit}`);
    const pushed = await dvc.push(join(top, project.root), commit, ['other']);
    const expected = new Map(
      [...pushed].filter(([, keys]) => keys.length > 0).map(([name, keys]) => [name, [...keys]]),
    );
    assert.deepEqual(keysOf(project, top), expected, `objects of '${project.root}' in ${commit}`);
  }
  return projects;
}

function outputOf(projects: readonly Project[], path: string): Project['outputs'][number] {
  const found = projects.flatMap(({ outputs }) => outputs).find((output) => output.path === path);
  assert.ok(found, `no output ${path} among ${projects.flatMap(({ outputs }) => outputs.map((each) => each.path))}`);
  return found;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

let dvc: Dvc;
before(() => {
  dvc = openDvc();
});
after(async () => {
  await dvc?.close();
});

describe('tracked files and folders', () => {
  test('every form of .dvc file', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'tracked');
    shop.write({
      'model.bin': 'model 1',
      'copy.bin': 'model 1',
      'empty.txt': '',
      'images/a.png': 'a',
      'images/deep/er/b.png': 'b',
      'images/deep/same-as-a.png': 'a',
      'images/naïve 文件 😀.txt': 'unicode',
      'images/😀': 'sorts after the next one, by code point',
      'images/\ue000\uffee': 'private',
      'images/tab\t\x7f\n"quote"\\back': 'odd',
      'nested/dir with blank/x.csv': 'x',
      '.hidden': 'hidden',
    });
    mkdirSync(join(top, 'empty'));
    await shop.dvc('add', 'model.bin', 'copy.bin', 'empty.txt', 'images', 'empty', '.hidden');
    await shop.dvc('add', 'nested/dir with blank/x.csv');
    const first = shop.commit('first');
    const projects = await compare(dvc, top, first);
    assert.equal(projects[0]?.outputs.length, 7);

    const listed = outputOf(projects, 'images').object;
    assert.ok(listed);
    const listing = readFileSync(join(top, '.dvc/cache', keyOf(listed)));
    assert.equal(Buffer.from(formatListing(parseListing(listing, 'images').reverse())).toString(), listing.toString());
    assert.equal(listingId(listing), listed.id);

    shop.write({ 'model.bin': 'model 2', 'images/c.png': 'c' });
    await shop.dvc('add', 'model.bin', 'images');
    await shop.dvc('remove', 'copy.bin.dvc');
    const second = shop.commit('second');
    await compare(dvc, top, second);
    // What is read once serves every commit.
    const collector = createCollector(readRepository(top));
    for (const commit of [second, first, second]) await compare(dvc, top, commit, collector);
  });

  test('flags, wdir, DVC 2 and things Git ignores', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'flags');
    shop.write({
      kept: 'kept',
      away: 'away',
      elsewhere: 'elsewhere',
      ignored: 'ignored',
      'data/below': 'below',
      legacy: 'l',
    });
    await shop.dvc('add', 'kept', 'away', 'elsewhere', 'ignored', 'data/below');
    const edit = (path: string, change: (text: string) => string): void =>
      shop.write({ [path]: change(readFileSync(join(top, path), 'utf8')) });
    edit('away.dvc', (text) => `${text}  push: false\n`);
    edit('elsewhere.dvc', (text) => `${text}  remote: other\n  desc: on the other side\n`);
    edit('data/below.dvc', (text) =>
      text.replace('path: below', 'path: data/below').replace('outs:', 'wdir: ..\nfrozen: true\nouts:'),
    );
    edit('ignored.dvc', (text) => `# comment\n${text}\n`);
    const listing = '[{"md5": "2db95e8e1a9267b7a1188556b2013b33", "relpath": "l"}]';
    shop.write({
      'legacy.dvc': 'outs:\n- md5: 2db95e8e1a9267b7a1188556b2013b33\n  size: 1\n  path: legacy\n',
      'legacy-folder.dvc': `outs:\n- md5: ${md5(listing)}.dir\n  path: legacy-folder\n`,
      '.dvc/cache/2d/b95e8e1a9267b7a1188556b2013b33': 'l',
      [`.dvc/cache/${md5(listing).slice(0, 2)}/${md5(listing).slice(2)}.dir`]: listing,
      'uncached.dvc': 'outs:\n- md5: 2db95e8e1a9267b7a1188556b2013b33\n  hash: md5\n  cache: false\n  path: uncached\n',
      'empty.dvc': '',
      '.gitignore': '/ignored.dvc\n',
    });
    shop.git('add', '--force', 'ignored.dvc');
    const projects = await compare(dvc, top, shop.commit('flags'));
    assert.equal(outputOf(projects, 'away').push, false);
    assert.equal(outputOf(projects, 'elsewhere').remote, 'other');
    assert.equal(outputOf(projects, 'legacy').object?.kind, 'md5-dos2unix');
    assert.equal(outputOf(projects, 'data/below').path, 'data/below');
  });

  test('.dvcignore files, nested and with exceptions', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'ignoring');
    const paths = ['a/x', 'a/y', 'a/keep/z', 'b/x', 'b/c/x', 'b/c/d/keep', 'e/x', 'E/x', 'f/g/h', 'i/x'];
    shop.write(Object.fromEntries(paths.map((path) => [path, path])));
    await shop.dvc('add', ...paths);
    shop.write({
      '.dvcignore': '# a comment\n/a/*.dvc\nf/g/\n  b/**/d \n!a/y.dvc\ne\n',
      'a/.dvcignore': 'keep/*\n',
      'b/.dvcignore': '*.dvc\n!/x.dvc\n',
      'b/c/.dvcignore': '!x.dvc\n',
      'i/.dvcignore': '.dvcignore\n/*.dvc',
    });
    const projects = await compare(dvc, top, shop.commit('ignoring'));
    assert.deepEqual(projects[0]?.outputs.map(({ path }) => path).sort(), ['E/x', 'a/y', 'b/c/x', 'b/x']);
  });

  test('several projects, submodules and linked folders', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'projects');
    shop.write({ root: 'root', 'plain/three': 'three' });
    await shop.dvc('add', 'root', 'plain/three');
    const before = shop.commit('before');
    shop.write({ 'sub/one': 'one', 'sub/deep/two': 'two' });
    await shop.dvcIn('sub', 'init', '--subdir');
    await shop.dvcIn('sub', 'add', 'one');
    await shop.dvcIn('sub/deep', 'init', '--subdir');
    await shop.dvcIn('sub/deep', 'add', 'two');
    symlinkSync('plain', join(top, 'linked'));
    const other = await openWorkshop(dvc, 'submodule');
    other.write({ inner: 'inner' });
    await other.dvc('add', 'inner');
    other.commit('inner');
    shop.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other.top, 'module');
    const commit = shop.commit('after');
    const projects = await compare(dvc, top, commit);
    assert.deepEqual(
      projects.map(({ root }) => root),
      ['', 'sub', 'sub/deep'],
    );
    assert.match(Buffer.from(projects[1]?.config ?? []).toString(), /^(\[core\]|$)/);
    assert.deepEqual(
      (await compare(dvc, top, before)).map(({ root }) => root),
      [''],
    );
  });

  test('imports', async () => {
    const source = await openWorkshop(dvc, 'source');
    source.write({ dataset: 'dataset', 'folder/x': 'x' });
    await source.dvc('add', 'dataset', 'folder');
    source.commit('data');
    const { top, ...shop } = await openWorkshop(dvc, 'imports');
    shop.write({ own: 'own' });
    writeFileSync(join(dvc.directory, 'outside.csv'), 'outside');
    await shop.dvc('add', 'own');
    await shop.dvc('import', source.top, 'dataset');
    await shop.dvc('import', source.top, 'folder');
    await shop.dvc('import-url', join(dvc.directory, 'outside.csv'), 'from-url');
    await shop.dvc('import-url', '--no-download', join(dvc.directory, 'outside.csv'), 'partial');
    const projects = await compare(dvc, top, shop.commit('imports'));
    assert.equal(outputOf(projects, 'dataset').imported, 'repo');
    assert.equal(outputOf(projects, 'from-url').imported, 'url');
    assert.equal(outputOf(projects, 'partial').object, undefined);
    assert.equal(outputOf(projects, 'own').imported, undefined);
  });
});

describe('pipelines', () => {
  test('outputs in all forms, renamed, dropped and never run', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'pipeline');
    shop.write({
      'params.yaml': 'lr: 0.001\nname: other\n',
      'dvc.yaml': `
stages:
  one:
    cmd: mkdir -p dir/sub && echo 1 > dir/sub/f && echo out > out && echo p > persisted && echo o > over && echo u > uncached && echo h > home && echo '{}' > m.json && echo '{}' > cached.json && echo a,b > p.csv && echo a > q.csv
    params: [lr]
    outs:
    - out
    - dir/
    - persisted: {persist: true}
    - over: {remote: "\${name}"}
    - uncached: {cache: false}
    - home: {push: false}
    - out: {desc: twice}
    metrics:
    - m.json: {cache: false}
    - cached.json
    plots:
    - p.csv: {x: a, y: b, cache: true}
    - q.csv
  two:
    cmd: cp ../out ../up.bin; cp ../out here.bin
    wdir: work
    deps: [../out]
    outs: [../up.bin, here.bin]
    frozen: false
`,
    });
    mkdirSync(join(top, 'work'));
    await shop.dvc('repro');
    const projects = await compare(dvc, top, shop.commit('run'));
    assert.equal(outputOf(projects, 'up.bin').object?.kind, 'md5');
    assert.equal(outputOf(projects, 'over').remote, 'other');
    const before = readFileSync(join(top, 'dvc.yaml'), 'utf8');
    shop.write({
      'dvc.yaml': before
        .replace('  two:', '  renamed:')
        .replace('    - q.csv\n', '    - never.csv\n')
        .replace('frozen: false', 'frozen: true'),
    });
    const changed = await compare(dvc, top, shop.commit('renamed'));
    assert.equal(outputOf(changed, 'never.csv').object, undefined);
    rmSync(join(top, 'dvc.lock'));
    await compare(dvc, top, shop.commit('no lock'));
  });

  test('templates, foreach and matrix', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'templates');
    shop.write({
      'params.yaml': `
dirs: {out: results, list: [first, second]}
lr: 1e-05
big: 1e3
one: 1.0
flag: true
flags: [true, false]
nothing: null
models: [{name: small, size: 1}, {name: big, size: 2}]
regions: {eu: {id: 1}, us: {id: 2}}
nums: [0.10, 1e-5, 0x1F, 1_000]
`,
      'extra.json': '{"json": {"deep": ["x", "y"]}, "unused": 1.50}',
      'keys.yaml': 'taken: taken\nleft: left\nlr: 7\n',
      'dvc.yaml': `
vars:
- own: {value: own, more: {a: 1}}
- own: {more: {b: two}}
- extra.json
- keys.yaml:taken
stages:
  plain:
    cmd: mkdir -p \${dirs.out}; echo \${lr} > \${dirs.out}/\${dirs.list[1]}-\${lr}-\${big}-\${one}-\${flag}; echo x > \${json.deep[0]}-\${own.more.b}-\${taken}-\${unused}
    outs:
    - \${dirs.out}/\${dirs.list[1]}-\${lr}-\${big}-\${one}-\${flag}
    - \${json.deep[0]}-\${own.more.b}-\${ taken }-\${unused}: {desc: "\${own.value}"}
  escaped:
    cmd: echo e > '\\\${x}'
    outs: ['\\\${x}']
  scalars:
    foreach: [a, 1, 0.10, true, 1e-5, "x-\${own.value}"]
    do:
      cmd: echo \${item} > s-\${item}
      outs: ["s-\${item}"]
  listed:
    foreach: \${dirs.list}
    do:
      cmd: echo \${item} > l-\${item}
      outs: ["l-\${item}"]
  numbers:
    foreach: \${nums}
    do:
      cmd: echo \${item} > n-\${item}
      outs: ["n-\${item}"]
  flagged:
    foreach: \${flags}
    do:
      cmd: echo \${item} > f-\${item}
      outs: ["f-\${item}"]
  mapped:
    foreach: {k1: v1, k2: "\${lr}"}
    do:
      cmd: echo \${key} > m-\${key}-\${item}
      outs: ["m-\${key}-\${item}"]
  regional:
    foreach: \${regions}
    do:
      wdir: w-\${key}
      cmd: echo \${key} > r-\${item.id}; echo \${key} \${key} > q-\${item.id}
      outs: ["r-\${item.id}": {push: false}, "q-\${item.id}"]
  objects:
    foreach: \${models}
    do:
      cmd: echo \${item.name} > o-\${item.name}-\${item.size}
      outs: ["o-\${item.name}-\${item.size}"]
  grid:
    matrix:
      model: [cnn, "\${own.value}"]
      size: [1, 2.0]
      opts: [{a: 1}, {a: 2}]
      flag: \${flags}
    cmd: echo \${key} > g-\${item.model}-\${item.size}-\${item.opts.a}-\${item.flag}-\${key}
    outs: ['g-\${item.model}-\${item.size}-\${item.opts.a}-\${item.flag}-\${key}']
`,
      'sub/params.yaml': 'name: sub\n',
      'sub/dvc.yaml': `
vars: [../keys.yaml]
stages:
  local:
    vars: [local.yaml, here: {a: b}]
    cmd: echo s > \${name}-\${left}-\${where}-\${here.a}
    outs: ["\${name}-\${left}-\${where}-\${here.a}"]
`,
      'sub/local.yaml': 'where: local\n',
    });
    for (const folder of ['w-eu', 'w-us']) mkdirSync(join(top, folder));
    await shop.dvc('repro', '--all-pipelines');
    const first = shop.commit('templates');
    const projects = await compare(dvc, top, first);
    const missing = projects[0]?.outputs.filter(({ object }) => object === undefined).map(({ path }) => path);
    assert.deepEqual(missing, []);

    const params = readFileSync(join(top, 'params.yaml'), 'utf8');
    shop.write({
      'params.yaml': params.replace('[first, second]', '[third, second]').replace('us: {id: 2}', 'us: {id: 3}'),
    });
    const second = shop.commit('less');
    const collector = createCollector(readRepository(top));
    for (const commit of [first, second, first]) await compare(dvc, top, commit, collector);
  });

  test('values in Python and TOML files, and YAML anchors', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'values');
    shop.write({
      'conf.py': 'NAME = "python"\nclass Train:\n    rate = 0.5\nLIST = ["a", "b"]\n',
      'conf.toml': 'title = "toml"\n',
      'dvc.yaml': `
vars: [conf.py, conf.toml]
stages:
  plain:
    cmd: echo \${NAME} > \${NAME}-\${Train.rate}.bin; echo t > x-\${title}.txt; echo f > fixed
    outs: ["\${NAME}-\${Train.rate}.bin", "x-\${title}.txt": {push: false}, fixed: {push: false}]
  each:
    foreach: \${LIST}
    do:
      cmd: echo \${item} > e-\${item}.csv
      outs: ["e-\${item}.csv"]
`,
    });
    await shop.dvc('repro');
    await compare(dvc, top, shop.commit('values'));
    shop.write({
      'dvc.yaml': `
stages:
  a: &a
    cmd: echo a > a; echo b > b
    outs: &outs [a, b: &flags {push: false}]
  c:
    <<: *a
    cmd: echo c > c; echo d > d
    outs: [c, d: *flags]
`,
    });
    await shop.dvc('repro');
    const projects = await compare(dvc, top, shop.commit('anchors'));
    assert.equal(outputOf(projects, 'd').push, false);
  });

  test('experiments, run, saved and queued data included', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'experiments');
    shop.write({
      'params.yaml': 'lr: 1\n',
      data: 'data',
      'dvc.yaml': `
stages:
  train:
    cmd: echo \${lr} > model-\${lr}; mkdir -p logs; cp model-\${lr} logs/a; echo '{"x":1}' > metrics.json
    deps: [data]
    outs: ["model-\${lr}", logs]
    metrics: [metrics.json: {cache: false}]
`,
    });
    await shop.dvc('add', 'data');
    await shop.dvc('repro');
    shop.commit('baseline');
    await shop.dvc('exp', 'run', '--name', 'faster', '--set-param', 'lr=2');
    await shop.dvc('exp', 'run', '--name', 'slower', '--set-param', 'lr=0.5');
    shop.write({ data: 'other data' });
    await shop.dvc('add', 'data');
    await shop.dvc('exp', 'save', '--name', 'saved');
    const experiments = shop
      .git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/exps')
      .split('\n')
      .flatMap((line) => {
        const [ref = '', oid = ''] = line.split(' ');
        return isExperiment(ref) ? [oid] : [];
      });
    assert.equal(experiments.length, 3);
    const collector = createCollector(readRepository(top));
    for (const commit of experiments) await compare(dvc, top, commit, collector);
  });
});

describe('where we read more than DVC', () => {
  test('a metafile that is a symbolic link', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'linked');
    shop.write({ 'data/x': 'x', 'links/.keep': '' });
    await shop.dvc('add', 'data/x');
    shop.commit('file');
    symlinkSync('../data/x.dvc', join(top, 'links/x.dvc'));
    const commit = shop.commit('link');
    await assert.rejects(dvc.push(top, commit), 'DVC cannot read it');
    const reader = readRepository(top);
    const [project] = await createCollector(reader).projects(await reader.root(commit));
    assert.deepEqual(project?.problems, []);
    assert.deepEqual(
      project?.outputs.map(({ path }) => path),
      ['data/x', 'links/x'],
    );
  });
});
