import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createCollector } from '../../src/dvc/collector.ts';
import { formatListing, listingId, parseListing } from '../../src/dvc/listing.ts';
import { keyOf } from '../../src/model/object.ts';
import { type Dvc, openDvc } from '../kit/dvc.ts';
import { readRepository } from '../kit/object-reader.ts';
import { compareWithDvc, openWorkshop, outputOf } from '../kit/workshop.ts';

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
    const projects = await compareWithDvc(dvc, top, first);
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
    await compareWithDvc(dvc, top, second);
    // What is read once serves every commit.
    const collector = createCollector(readRepository(top));
    for (const commit of [second, first, second]) await compareWithDvc(dvc, top, commit, collector);
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
    const projects = await compareWithDvc(dvc, top, shop.commit('flags'));
    assert.equal(outputOf(projects, 'away').push, false);
    assert.equal(outputOf(projects, 'elsewhere').remote, 'other');
    assert.equal(outputOf(projects, 'legacy').object?.kind, 'md5-dos2unix');
    assert.equal(outputOf(projects, 'data/below').path, 'data/below');
  });

  test('.dvcignore files, nested and with exceptions', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'ignoring');
    const paths = ['a/x', 'a/y', 'a/keep/z', 'b/x', 'b/c/x', 'b/c/d/keep', 'b/h/y', 'e/x', 'E/x', 'f/g/h', 'i/x'];
    shop.write(Object.fromEntries(paths.map((path) => [path, path])));
    await shop.dvc('add', ...paths);
    shop.write({
      '.dvcignore': '# a comment\n/a/*.dvc\nf/g/\n  b/**/d \n!a/y.dvc\ne\n',
      'a/.dvcignore': 'keep/*\n',
      'b/.dvcignore': '*.dvc\n!/x.dvc\n',
      'b/c/.dvcignore': '!x.dvc\n',
      'i/.dvcignore': '.dvcignore\n/*.dvc',
    });
    const projects = await compareWithDvc(dvc, top, shop.commit('ignoring'));
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
    const projects = await compareWithDvc(dvc, top, commit);
    assert.deepEqual(
      projects.map(({ root }) => root),
      ['', 'sub', 'sub/deep'],
    );
    assert.match(Buffer.from(projects[1]?.config ?? []).toString(), /^(\[core\]|$)/);
    assert.deepEqual(
      (await compareWithDvc(dvc, top, before)).map(({ root }) => root),
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
    const projects = await compareWithDvc(dvc, top, shop.commit('imports'));
    assert.equal(outputOf(projects, 'dataset').imported, 'repo');
    assert.equal(outputOf(projects, 'from-url').imported, 'url');
    assert.equal(outputOf(projects, 'partial').object, undefined);
    assert.equal(outputOf(projects, 'own').imported, undefined);
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
