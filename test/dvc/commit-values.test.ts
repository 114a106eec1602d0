// Parameters and metrics of commits made up in memory; test/interop/show.test.ts has the real DVC as judge.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type CommitValues, createValuesReader } from '../../src/dvc/commit-values.ts';
import { parseDataFile } from '../../src/dvc/data-file.ts';
import { formatNumber, isYamlList, isYamlMap, type Yaml } from '../../src/dvc/yaml-value.ts';
import { HelperError } from '../../src/model/error.ts';
import { keyOf } from '../../src/model/object.ts';
import { type MadeFolder, makeReader } from '../kit/object-reader.ts';

const plain = (value: Yaml | undefined): unknown => {
  if (isYamlMap(value)) return Object.fromEntries([...value].map(([key, each]) => [key, plain(each)]));
  if (isYamlList(value)) return value.map(plain);
  return typeof value === 'object' && value !== null ? formatNumber(value) : value;
};
const shown = ({ metrics, params }: CommitValues): unknown => ({
  metrics: Object.fromEntries(metrics.map(({ path, data, lack }) => [path, lack?.kind ?? plain(data)])),
  params: Object.fromEntries(params.map(({ path, data, lack }) => [path, lack?.kind ?? plain(data)])),
});

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const cache = new Map<string, string>();
function open(stagesOnly = false) {
  const reader = makeReader();
  const values = createValuesReader({
    reader,
    metafiles: reader,
    stagesOnly,
    cached: async (_root, _config, object) => {
      const text = cache.get(keyOf(object));
      return text === undefined ? undefined : Buffer.from(text);
    },
  });
  return {
    reader,
    read: async (folder: MadeFolder) => shown(await values.read(reader.root({ '.dvc': { config: '' }, ...folder }))),
  };
}

describe('values of a commit', () => {
  test('are those of stages, of the top of dvc.yaml, and of params.yaml', async () => {
    const folder = {
      'params.yaml': 'lr: 1\n',
      other: { 'p.json': '{"a": {"b": 1, "c": 2}, "d": 3}', 't.toml': 'x = 1.0' },
      'dvc.yaml':
        'params: [other/t.toml]\nmetrics: [top.json]\nstages:\n  s:\n    cmd: x\n    wdir: other\n    params:\n    - p.json: [a.b, none.at.all]\n    metrics: [../m.yaml]\n',
      'm.yaml': 'acc: 0.5\nlist: [1]\nnone: null\ndeep: {empty: {}, text: t}\n',
      'top.json': '0.25',
    };
    const metrics = { 'm.yaml': { acc: '0.5', deep: { text: 't' } }, 'top.json': '0.25' };
    assert.deepEqual(await open().read(folder), {
      metrics,
      params: { 'other/p.json': { a: { b: '1' } }, 'other/t.toml': { x: '1.0' }, 'params.yaml': { lr: '1' } },
    });
    assert.deepEqual(await open(true).read(folder), { metrics, params: { 'other/p.json': { a: { b: '1' } } } });
  });

  test('are those of every project', async () => {
    const inner = { '.dvc': { config: '' }, 'params.yaml': 'lr: 2\n' };
    assert.deepEqual(await open().read({ 'params.yaml': 'lr: 1\n', sub: { inner } }), {
      metrics: {},
      params: { 'params.yaml': { lr: '1' }, 'sub/inner/params.yaml': { lr: '2' } },
    });
  });

  test('that DVC keeps in the cache come from there, or lack', async () => {
    const [text, part] = ['{"acc": 1}', 'x: 2'];
    const listing = JSON.stringify([{ md5: md5(part), relpath: 'in/part.yaml' }]);
    const folder = {
      'dvc.yaml': 'metrics: [dir/in/part.yaml]\nstages:\n  s:\n    cmd: x\n    metrics: [m.json, dir, never.json]\n',
      'dvc.lock': `schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - {path: m.json, md5: ${md5(text)}, hash: md5}\n    - {path: dir, md5: ${md5(listing)}.dir, hash: md5}\n`,
    };
    const uncached = { 'm.json': 'uncached', dir: 'uncached', 'never.json': 'absent', 'dir/in/part.yaml': 'uncached' };
    assert.deepEqual(await open().read(folder), { metrics: uncached, params: {} });
    for (const [name, bytes] of [
      [md5(text), text],
      [md5(part), part],
      [`${md5(listing)}.dir`, listing],
    ] as const)
      cache.set(`files/md5/${name.slice(0, 2)}/${name.slice(2)}`, bytes);
    assert.deepEqual(await open().read(folder), {
      metrics: { 'm.json': { acc: '1' }, 'dir/in/part.yaml': { x: '2' }, 'never.json': 'absent' },
      params: {},
    });
  });

  test('of Python sources are those that the last run recorded', async () => {
    const folder = {
      'p.py': 'lr = 1\n',
      'dvc.yaml': 'stages:\n  s:\n    cmd: x\n    params:\n    - p.py: [lr, Train.epochs]\n',
    };
    const lock = "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    params:\n      p.py: {lr: 0.5, Train.epochs: 3}\n";
    const { read } = open();
    assert.deepEqual(await read({ ...folder, 'dvc.lock': lock }), {
      metrics: {},
      params: { 'p.py': { lr: '0.5', Train: { epochs: '3' } } },
    });
    assert.deepEqual(await read(folder), { metrics: {}, params: { 'p.py': 'absent' } });
  });

  test('that cannot be read lack, and leave the others alone', async () => {
    const { read } = open();
    const good = { 'params.yaml': 'lr: 1\n', 'dvc.yaml': 'params: [gone.yaml, bad.json]\nmetrics: [bad.yaml]\n' };
    assert.deepEqual(await read({ ...good, 'bad.json': '{', 'bad.yaml': 'a: [' }), {
      metrics: { 'bad.yaml': 'broken' },
      params: { 'gone.yaml': 'absent', 'bad.json': 'broken', 'params.yaml': { lr: '1' } },
    });
    assert.deepEqual(await read({ 'params.yaml': 'lr: 1\n', 'dvc.yaml': 'stages: [' }), {
      metrics: {},
      params: { 'params.yaml': { lr: '1' } },
    });
  });

  test('that commits share are read once', async () => {
    const { reader, read } = open();
    const same = { 'dvc.yaml': 'metrics: [m.json]\n', 'm.json': '{"a": 1}', src: { 'a.py': '' } };
    for (let index = 0; index < 50; index += 1) await read({ ...same, 'params.yaml': `lr: ${index}\n` });
    // params.yaml of each, config of none; dvc.yaml twice (as text and as values), m.json.
    assert.equal(reader.reads.blobs, 50 + 3);
  });
});

describe('files of values', () => {
  const parse = async (path: string, text: string): Promise<unknown> =>
    plain(await parseDataFile(path, Buffer.from(text)));
  const problem = async (path: string, text: string): Promise<string> => {
    try {
      await parseDataFile(path, Buffer.from(text));
    } catch (error) {
      assert.ok(error instanceof HelperError && error.code === 'corrupt', String(error));
      return error.message;
    }
    return 'none';
  };

  test('JSON keeps digits and kinds of numbers, as Python writes them', async () => {
    assert.deepEqual(
      await parse('a.json', ' {"a": [1, 1.0, -0, 1e5, NaN, -Infinity], "b": {}, "c": "\\u00e9\\"", "d": []} '),
      {
        a: ['1', '1.0', '0', '100000.0', 'nan', '-inf'],
        b: {},
        c: 'é"',
        d: [],
      },
    );
    assert.equal(await parse('a.JSON', '12345678901234567890'), '12345678901234567890');
    assert.deepEqual(await parse('a.json', '{"a": 1, "a": 2}'), { a: '2' });
    assert.deepEqual(
      await parse('a.json', '{"__proto__": {"x": true}}'),
      Object.fromEntries([['__proto__', { x: true }]]),
    );
  });

  test('JSON that is none is said to be so, with the line', async () => {
    const cases: readonly (readonly [string, string])[] = [
      ['', 'line 1: the file ends early'],
      ['{"a":\n', 'line 2: the file ends early'],
      ['{"a": 1,}', 'line 1: a key is not text in double quotes'],
      ['[1 2]', "line 1: ',' or ']' is missing"],
      ["{'a': 1}", 'line 1: not JSON'],
      ['[1]\n[2]', 'line 1: more than one value'],
      ['nul', 'line 1: not JSON'],
      ['01', 'line 1: more than one value'],
      ['"a\nb"', 'line 2: a text with characters that JSON wants escaped'],
      [`${'['.repeat(100)}`, 'line 1: nested deeper than 64 levels'],
    ];
    for (const [text, said] of cases) assert.equal(await problem('a.json', text), said, text);
    assert.equal(await problem('a.json', '\ufeff{}'), 'line 1: not JSON');
  });

  test('TOML has whole numbers, fractions and dates', async () => {
    const text = 'i = 9007199254740993\nf = 1.0\ne = 1e20\nn = nan\nd = 2024-01-02\nl = [1, "a"]\n[t.u]\nb = true\n';
    assert.deepEqual(await parse('a.toml', text), {
      i: '9007199254740993',
      f: '1.0',
      e: '1e+20',
      n: 'nan',
      d: '2024-01-02',
      l: ['1', 'a'],
      t: { u: { b: true } },
    });
    assert.match(await problem('a.toml', 'a = 1\na = \n'), /^line 2: /);
  });
});
