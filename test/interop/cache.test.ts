// The real DVC as referee of the cache: what we place there is good enough for it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { openCache } from '../../src/dvc/cache.ts';
import { createHasher } from '../../src/dvc/hash.ts';
import { type DvcObject, parseKey } from '../../src/model/object.ts';
import { type Dvc, findDvc, listFiles, openDvc } from '../kit/dvc.ts';

const live = { signal: new AbortController().signal };

let dvc: Dvc;
before(() => {
  dvc = openDvc();
});
after(() => dvc.close());

async function* inPieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

function makeProject(name: string): { readonly project: string; readonly cacheDirectory: string } {
  const project = join(dvc.directory, name);
  mkdirSync(project);
  dvc.git(project, 'init', '-q');
  return { project, cacheDirectory: join(project, '.dvc', 'cache') };
}

test('DVC checks out what we placed, and finds nothing to complain about', async () => {
  const { project, cacheDirectory } = makeProject('checkout');
  await dvc.run(project, 'init', '-q');
  const bodies: Record<string, Buffer> = {
    'file.txt': Buffer.from('a line\r\n'),
    'empty.bin': Buffer.alloc(0),
    'large.bin': randomBytes(3_000_000),
    'folder/a': Buffer.from('a'),
    'folder/deep/ü.txt': Buffer.from('b'),
  };
  for (const [path, bytes] of Object.entries(bodies)) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), bytes);
  }
  await dvc.run(project, 'add', '-q', 'file.txt', 'empty.bin', 'large.bin', 'folder');
  const keys = listFiles(cacheDirectory);
  assert.equal(keys.length, 6);
  const objects = keys.map((key): [DvcObject, Buffer] => {
    const object = parseKey(key);
    assert.ok(object, key);
    return [object, readFileSync(join(cacheDirectory, key))];
  });
  for (const name of ['file.txt', 'empty.bin', 'large.bin', 'folder']) {
    rmSync(join(project, name), { recursive: true });
  }
  rmSync(cacheDirectory, { recursive: true });

  const cache = openCache(cacheDirectory, { shared: undefined, fsyncObjects: false });
  for (const [object, bytes] of objects) await cache.write(object, inPieces(bytes), live);
  assert.deepEqual(listFiles(cacheDirectory), keys);
  const stamps = keys.map((key) => lstatSync(join(cacheDirectory, key)).mtimeMs);

  await dvc.run(project, 'checkout', '-q');
  for (const [path, bytes] of Object.entries(bodies)) assert.deepEqual(readFileSync(join(project, path)), bytes, path);
  assert.match(await dvc.run(project, 'status'), /up to date/);
  for (const [index, key] of keys.entries()) {
    const stat = lstatSync(join(cacheDirectory, key));
    assert.equal(stat.mode & 0o7777, 0o444, key);
    assert.equal(stat.mtimeMs, stamps[index], `${key} was written again`);
  }
});

test('objects of DVC 2: other names, other place', async () => {
  const { project, cacheDirectory } = makeProject('legacy');
  await dvc.run(project, 'init', '-q');
  const bytes = Buffer.from('text\r\nof Windows\r\n');
  const id = createHash('md5').update('text\nof Windows\n').digest('hex');
  writeFileSync(join(project, 'old.txt.dvc'), `outs:\n- md5: ${id}\n  size: ${bytes.length}\n  path: old.txt\n`);
  const object = parseKey(`${id.slice(0, 2)}/${id.slice(2)}`);
  assert.ok(object?.kind === 'md5-dos2unix');
  await openCache(cacheDirectory, { shared: undefined, fsyncObjects: false }).write(object, inPieces(bytes), live);
  await dvc.run(project, 'checkout', '-q');
  assert.deepEqual(readFileSync(join(project, 'old.txt')), bytes);
  assert.match(await dvc.run(project, 'status'), /up to date/);
});

test('what a killed run left behind does not disturb DVC', async () => {
  const { project, cacheDirectory } = makeProject('leftover');
  await dvc.run(project, 'init', '-q');
  writeFileSync(join(project, 'file.txt'), 'data');
  await dvc.run(project, 'add', '-q', 'file.txt');
  const key = listFiles(cacheDirectory)[0] ?? '';
  const leftover = join(cacheDirectory, dirname(key), '.0123456789abcdefghij_-.dvcexp.tmp');
  writeFileSync(leftover, 'da', { mode: 0o600 });
  rmSync(join(project, 'file.txt'));
  await dvc.run(project, 'checkout', '-q');
  assert.match(await dvc.run(project, 'status'), /up to date/);
  const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
  utimesSync(leftover, yesterday, yesterday);
  openCache(cacheDirectory, { shared: undefined, fsyncObjects: false }).removeStaleTemporaries();
  assert.deepEqual(listFiles(cacheDirectory), [key]);
});

test('a group cache looks as DVC makes it', async (context) => {
  const umask = process.umask(0o022);
  context.after(() => process.umask(umask));
  const { project, cacheDirectory } = makeProject('group');
  await dvc.run(project, 'init', '-q');
  await dvc.run(project, 'config', 'cache.shared', 'group');
  writeFileSync(join(project, 'file.txt'), 'data');
  await dvc.run(project, 'add', '-q', 'file.txt');
  const [key = ''] = listFiles(cacheDirectory);
  const modes = (): readonly string[] =>
    ['files/md5', dirname(key), key].map((path) => (lstatSync(join(cacheDirectory, path)).mode & 0o7777).toString(8));
  const theirs = modes();
  const bytes = readFileSync(join(cacheDirectory, key));
  rmSync(cacheDirectory, { recursive: true });
  const object = parseKey(key);
  assert.ok(object);
  await openCache(cacheDirectory, { shared: 'group', fsyncObjects: false }).write(object, bytes, live);
  assert.deepEqual(modes(), theirs);
});

test('names of DVC 2, computed by both', () => {
  const text = Buffer.from('some text\r\n\r\rmore\r\r\n'.repeat(160_000));
  const samples = [
    text,
    Buffer.concat([Buffer.alloc(2 ** 20 - 1, 'x'), Buffer.from('\r\nend\r')]),
    Buffer.concat([text.subarray(0, 2 ** 20), Buffer.from('\0\r\n'), text]),
    Buffer.concat([Buffer.alloc(2 ** 20), text]),
    Buffer.from(`${'\x01'.repeat(3)}abcde\r\n`),
    Buffer.from(`${'\x01'.repeat(4)}abcd\r\n`),
    Buffer.from('é\r\n'.repeat(1000)),
    Buffer.from('\x7f\b\f\t\x1b\r\n'),
    Buffer.alloc(0),
  ];
  const paths = samples.map((bytes, index) => {
    const path = join(dvc.directory, `sample-${index}`);
    writeFileSync(path, bytes);
    return path;
  });
  const python = /^#!(\S+)/.exec(readFileSync(findDvc(), 'latin1'))?.[1] ?? '';
  const script =
    'import sys; from dvc_data.hashfile.hash import file_md5; ' +
    'print("\\n".join(file_md5(path, name="md5-dos2unix") for path in sys.argv[1:]))';
  const options = { cwd: dvc.directory, env: dvc.env, encoding: 'utf8', timeout: 60_000 } as const;
  const theirs = execFileSync(python, ['-c', script, ...paths], options)
    .trim()
    .split('\n');
  const ours = samples.map((bytes) => {
    const hasher = createHasher('md5-dos2unix');
    for (let at = 0; at < bytes.length; at += 65_536) hasher.update(bytes.subarray(at, at + 65_536));
    return hasher.digest();
  });
  assert.deepEqual(ours, theirs);
});
