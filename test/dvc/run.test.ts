import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Cache, openCache } from '../../src/dvc/cache.ts';
import { formatJson } from '../../src/dvc/python-json.ts';
import { largestRun, parseRun, parseRunPath, type RunPath } from '../../src/dvc/run.ts';
import { parseYaml } from '../../src/dvc/yaml.ts';
import { failsWith } from '../conformance/storage.ts';
import { runOf } from '../kit/run.ts';

// Written by DVC 3.67.1.
const written = `cmd: cat params.yaml > w && mkdir -p o && cat dep > o/f && cat params.yaml > \n  m.json
deps:
- path: dep
  hash: md5
  md5: e29311f6f1bf1af907f9ef9f44b8328b
  size: 2
params:
  params.yaml:
    r: 0.2
outs:
- path: m.json
  hash: md5
  md5: 647f1bee8647c35946b9a1b1bd62ab32
  size: 7
- path: o
  hash: md5
  md5: fee1118c128c240c24f1618e800454d5.dir
  size: 2
  nfiles: 1
- path: w
  hash: md5
  md5: 647f1bee8647c35946b9a1b1bd62ab32
  size: 7
`;
const name =
  'runs/62/62daf307e5e8f29818d5f2c615cb0994364b834b9daeffec920d9864b305a3f5/2bdf3ce23b27368ed23027af9007ef8f21cdd43175b4490d1325e46b8dd9afd7';

describe('a remembered run', () => {
  test('has a path of two hashes, and no other', () => {
    const [a, b] = ['ab'.repeat(32), 'cd'.repeat(32)];
    assert.equal(parseRunPath(`runs/ab/${a}/${b}`), `runs/ab/${a}/${b}`);
    for (const text of [
      `runs/cd/${a}/${b}`,
      `runs/ab/${a}/${b}.tmp`,
      `runs/ab/${a}`,
      `runs/AB/${a.toUpperCase()}/${b}`,
      `x/runs/ab/${a}/${b}`,
      `runs/ab/${a}/../${b}`,
      `runs/ab/${a}/${b}\n`,
    ])
      assert.equal(parseRunPath(text), undefined, text);
  });

  test('of DVC is read, and is what its name says', () => {
    const { path, bytes } = runOf(written);
    assert.equal(path, name);
    assert.deepEqual(parseRun(path, bytes), [
      { path: 'm.json', object: { kind: 'md5', id: '647f1bee8647c35946b9a1b1bd62ab32' } },
      { path: 'o', object: { kind: 'md5', id: 'fee1118c128c240c24f1618e800454d5.dir' } },
      { path: 'w', object: { kind: 'md5', id: '647f1bee8647c35946b9a1b1bd62ab32' } },
    ]);
  });

  test('that names other paths than its key does not count: DVC would put results there', () => {
    const { path } = runOf(written);
    for (const [was, is] of [
      ['path: w', 'path: ../../.bashrc'],
      ['md5: 647f1bee8647c35946b9a1b1bd62ab32\n  size: 7\n- path: o', `md5: ${'0'.repeat(32)}\n  size: 7\n- path: o`],
      ['r: 0.2', 'r: 0.3'],
      ['cmd: cat', 'cmd: tac'],
    ] as const) {
      const bytes = Buffer.from(written.replace(was, is));
      assert.throws(() => parseRun(path, bytes), failsWith('corrupt', /not what its name says/), is);
    }
    // An entry that is true to its value, planted under the key of another stage.
    const planted = runOf(written.replace('path: w', 'path: src/train.py'));
    const value = planted.path.split('/').at(-1);
    const there = parseRunPath(path.replace(/[^/]*$/, value ?? ''));
    assert.ok(there);
    assert.throws(() => parseRun(there, planted.bytes), failsWith('corrupt', /not what its name says/));
    assert.equal(parseRun(planted.path, planted.bytes).length, 3);
    // Sizes are left out of both hashes.
    assert.equal(parseRun(path, Buffer.from(written.replace('size: 7', 'size: 8'))).length, 3);
  });

  test('that is none', () => {
    const path = `runs/ab/${'ab'.repeat(32)}/${'cd'.repeat(32)}` as RunPath;
    for (const text of [
      '',
      '[]',
      'a: [',
      'cmd: x',
      'outs: x',
      'outs: [x]',
      'outs: [{path: x}]',
      'outs: [{md5: x}]',
      '\xff',
    ])
      assert.throws(() => parseRun(path, Buffer.from(text, 'latin1')), failsWith('corrupt', /run cache entry/), text);
    assert.throws(() => parseRun(path, Buffer.alloc(largestRun + 1, 'a')), failsWith('corrupt', /too large/));
  });

  test('is hashed over what Python makes of it', () => {
    const text =
      'b: [1.50, -0.0, 1e-5, 1e16, .inf, -.inf, .nan, 0x10, 012, true, null, "é😀"]\na: {size: 1, "\\uE000": 2, "😀": 3}\n';
    assert.equal(
      formatJson(parseYaml(Buffer.from(text)), new Set(['size'])),
      '{"a": {"\\ue000": 2, "\\ud83d\\ude00": 3}, "b": [1.5, -0.0, 1e-05, 1e+16, Infinity, -Infinity, NaN, 16, 12, true, null, "\\u00e9\\ud83d\\ude00"]}',
    );
  });
});

describe('the run cache', () => {
  let directory = '';
  let cache: Cache;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'dvcexp-runs-'));
    cache = openCache(join(directory, 'cache'), { shared: undefined, fsyncObjects: false });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('holds what was put into it, and nothing else', () => {
    assert.deepEqual(cache.runs.paths(), []);
    const { path, bytes } = runOf(written);
    assert.equal(cache.runs.has(path), false);
    assert.equal(cache.runs.read(path), undefined);
    cache.runs.write(path, bytes);
    cache.runs.write(path, bytes);
    const folder = join(directory, 'cache', path, '..');
    writeFileSync(join(folder, '.x.tmp'), 'of DVC');
    mkdirSync(join(folder, 'cd'.repeat(32)));
    assert.deepEqual(
      cache.runs.paths().filter((each) => cache.runs.has(each)),
      [path],
    );
    assert.deepEqual(cache.runs.read(path), bytes);
    assert.equal(statSync(join(directory, 'cache', path)).mode & 0o133, 0);
    assert.deepEqual(readdirSync(join(directory, 'cache')), ['runs'], 'no temporary file');
  });

  test('follows no link that stands in its way', () => {
    const { path, bytes } = runOf(written);
    mkdirSync(join(directory, 'cache'));
    symlinkSync(directory, join(directory, 'cache', 'runs'));
    assert.throws(() => cache.runs.write(path, bytes), failsWith('io', /is not a directory/));
  });

  test('that cannot be written says so', () => {
    writeFileSync(join(directory, 'cache'), 'a file');
    const { path, bytes } = runOf(written);
    assert.throws(() => cache.runs.write(path, bytes), failsWith('io', /cannot create '.*' in the cache/));
  });
});
