import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Harvest, parseMetafile } from '../../src/dvc/metafile.ts';

const hash = '0cc175b9c0f1b6a831c399e269772661';
const parse = (text: string, file = 'data/x.dvc', root = ''): Harvest =>
  parseMetafile(Buffer.from(text), { file, root });
const fixture = (name: string): Harvest => parse(readFileSync(`test/fixtures/dvc/${name}`, 'utf8'));

describe('a .dvc file', () => {
  test('of today', () => {
    const { outputs, problems } = parse(`outs:\n- md5: ${hash}\n  size: 1\n  hash: md5\n  path: x\n`);
    assert.deepEqual(problems, []);
    assert.deepEqual(outputs, [
      {
        path: 'data/x',
        object: { kind: 'md5', id: hash },
        cache: true,
        push: true,
        remote: undefined,
        imported: undefined,
        file: 'data/x.dvc',
        stage: undefined,
        size: 1,
        executable: false,
        versioned: undefined,
      },
    ]);
  });

  test('of DVC 2, whose objects are named in another way', () => {
    assert.deepEqual(parse(`outs:\n- md5: ${hash}.dir\n  path: x\n`).outputs[0]?.object, {
      kind: 'md5-dos2unix',
      id: `${hash}.dir`,
    });
  });

  test('says how the output moves', () => {
    const [output] = parse(
      `outs:\n- {md5: ${hash}, hash: md5, path: x, cache: false, push: false, remote: Big}\n`,
    ).outputs;
    assert.deepEqual([output?.cache, output?.push, output?.remote], [false, false, 'big']);
  });

  test('keeps hashes that look like numbers', () => {
    const digits = '12345678901234567890123456789012';
    const { outputs } = parse(
      `outs:\n- md5: ${digits}\n  hash: md5\n  path: 1.50\n- md5: 1e234567890123456789012345678901\n  path: x\n`,
    );
    assert.deepEqual(
      outputs.map(({ path, object }) => [path, object?.id]),
      [
        ['data/1.50', digits],
        ['data/x', '1e234567890123456789012345678901'],
      ],
    );
  });

  test('finds its outputs from its working folder', () => {
    const paths = (text: string, file: string, root = ''): unknown =>
      parse(text, file, root).outputs.map(({ path, object }) => [path, object !== undefined]);
    const out = (path: string): string => `outs:\n- md5: ${hash}\n  path: ${path}\n`;
    assert.deepEqual(paths(`wdir: ../raw\n${out('./x//y/')}`, 'data/x.dvc'), [['raw/x/y', true]]);
    assert.deepEqual(paths(out('../up'), 'p/data/x.dvc', 'p'), [['p/up', true]]);
    // Outside the project: not in any cache.
    for (const path of ['../../up', '/absolute', 's3://bucket/x', 'remote://name/x', '..'])
      assert.deepEqual(paths(out(path), 'p/x.dvc', 'p'), [[path, false]]);
    assert.deepEqual(paths(out('../up'), 'x.dvc'), [['../up', false]]);
    assert.deepEqual(paths(out('../pp/x'), 'p/x.dvc', 'p'), [['../pp/x', false]]);
  });

  test('tells imports apart', () => {
    const imported = (text: string): unknown =>
      parse(`${text}outs:\n- {md5: ${hash}, hash: md5, path: x}\n`).outputs[0]?.imported;
    assert.equal(fixture('import.dvc').outputs[0]?.imported, 'repo');
    assert.equal(imported('deps:\n- {path: x, repo: {url: u}}\n'), 'repo');
    assert.equal(imported('deps:\n- {etag: 1e5, path: "https://example.org/x"}\n'), 'url');
    assert.equal(imported('deps:\n- {path: q, db: {query: q}}\n'), undefined);
    assert.equal(imported('cmd: run\ndeps:\n- {path: x}\n'), undefined);
    assert.equal(imported('deps:\n- {path: x}\n- {path: y}\n'), undefined);
    assert.equal(parse('deps:\n- {path: x}\nouts:\n- {hash: md5, path: x}\n').outputs[0]?.object, undefined);
  });

  test('of a cloud-versioned folder gets the listing DVC makes of it', () => {
    const { outputs, problems } = fixture('cloud-versioned.dvc');
    assert.deepEqual(problems, []);
    const [output] = outputs;
    assert.deepEqual(output?.object, { kind: 'md5', id: '75613aba71ca72fbccd250c0387ea880.dir' });
    assert.deepEqual([output?.size, output?.remote], [3, 'ver']);
    assert.deepEqual(output?.versioned, [
      {
        relpath: 'b c',
        object: { kind: 'md5', id: 'b6d767d2f8ed5d21a44b0e5886680cb9' },
        versions: new Map([['ver', '89de1317-4a']]),
      },
      {
        relpath: 'a/ü',
        object: { kind: 'md5', id: hash },
        versions: new Map([
          ['ver', '12345'],
          ['second', 'v'],
        ]),
      },
    ]);
  });

  test('of a cloud-versioned file', () => {
    const object = { kind: 'md5', id: 'b6d767d2f8ed5d21a44b0e5886680cb9' };
    const [output] = fixture('cloud-versioned-file.dvc').outputs;
    assert.deepEqual(output?.object, object);
    assert.deepEqual(output?.versioned, [{ relpath: '', object, versions: new Map([['ver', '1e10']]) }]);
    const [old] = parse(`outs:\n- {path: x, hash: md5, md5: ${object.id}, remote: Ver, version_id: 12}\n`).outputs;
    assert.deepEqual(old?.versioned, [{ relpath: '', object, versions: new Map([['ver', '12']]) }]);
  });

  test('with versions and without hashes to check them by is a problem', () => {
    for (const [text, message] of [
      ['- path: d\n  hash: md5\n  files:\n  - relpath: a\n    size: 1\n', "output 1: 'a' under 'files' has no 'md5'"],
      ['- path: f\n  hash: md5\n  cloud: {r: {etag: e, version_id: v}}\n', "an output with a version has no 'md5'"],
      [
        `- path: d\n  hash: md5\n  files:\n  - {relpath: ../../.bashrc, md5: ${hash}}\n`,
        "path '../../.bashrc' under 'files' is not safe",
      ],
    ] as const) {
      const { outputs, problems } = parse(`outs:\n${text}`);
      assert.deepEqual(outputs, []);
      assert.ok(problems[0]?.message.includes(message), problems[0]?.message);
    }
    // Of a hash that is not MD5, such as those of external outputs, nothing is known anyway.
    const [output] = parse('outs:\n- {path: d, hash: etag, files: [{relpath: a, etag: e}]}\n').outputs;
    assert.equal(output?.object, undefined);
  });

  test('of an import whose source keeps versions is never pushed, as DVC has it', () => {
    const dep = (extra: string): boolean | undefined =>
      parse(`deps:\n- {path: 's3://b/x', hash: md5, ${extra}}\nouts:\n- {md5: ${hash}, hash: md5, path: x}\n`)
        .outputs[0]?.push;
    assert.equal(dep('etag: e, version_id: v'), false);
    assert.equal(dep('files: [{relpath: a, etag: e, version_id: v}]'), false);
    assert.equal(dep('etag: e'), true);
  });

  test('may be empty', () => {
    for (const text of ['', '# nothing\n', '{}', 'outs:\n', 'outs: []\n'])
      assert.deepEqual(parse(text), { outputs: [], problems: [] });
  });

  const good = `- {md5: ${hash}, path: good}\n`;
  const malformed: readonly (readonly [string, string])[] = [
    [
      `outs:\n${good}- {md5: ../../../etc/passwd, path: x}\n`,
      `output 2: 'md5': "../../../etc/passwd" is not an object name`,
    ],
    [
      `outs:\n${good}- {md5: ${hash.toUpperCase()}, path: x}\n`,
      `output 2: 'md5': "${hash.toUpperCase()}" is not an object name`,
    ],
    [`outs:\n${good}- {md5: ${hash}.dir.dir, path: x}\n`, `output 2: 'md5': "${hash}.dir.dir" is not an object name`],
    [`outs:\n${good}- {md5: "${hash}\\0", path: x}\n`, `output 2: 'md5': "${hash}\\u0000" is not an object name`],
    [`outs:\n${good}- {md5: [${hash}], path: x}\n`, "output 2: 'md5' is not text"],
    [`outs:\n${good}- {md5: ${hash}}\n`, "output 2: 'path' is missing"],
    [`outs:\n${good}- {path: {a: b}}\n`, "output 2: 'path' is not text"],
    [`outs:\n${good}- x\n`, 'output 2: not a map of keys and values'],
    [`outs:\n${good}- {path: x, hash: {}}\n`, "output 2: 'hash' is not text"],
    [`outs:\n${good}- {path: x, files: [1]}\n`, "output 2: a file under 'files' has no 'relpath'"],
    [`outs:\n${good}- {path: x, files: [{relpath: a, md5: b}]}\n`, `output 2: 'md5': "b" is not an object name`],
  ];
  for (const [text, message] of malformed) {
    test(`with a bad entry keeps the good one: ${JSON.stringify(text.slice(text.indexOf('- ', 10)))}`, () => {
      const { outputs, problems } = parse(text);
      assert.deepEqual(
        outputs.map(({ path }) => path),
        ['data/good'],
      );
      assert.deepEqual(problems, [{ path: 'data/x.dvc', message }]);
    });
  }

  const hopeless: readonly (readonly [string, string])[] = [
    ['outs:\n- md5: a\n path: b\n', 'line 3: sequence item without - indicator'],
    ['outs:\n<<<<<<< HEAD\n- a\n=======\n- b\n>>>>>>> x\n', 'line 2: a merge conflict is not resolved'],
    ['text', 'not a map of keys and values'],
    ['- a\n', 'not a map of keys and values'],
    ['outs: 1\n', "'outs' is not a list"],
    ['deps: {}\nouts: []\n', "'deps' is not a list"],
    ['wdir: []\nouts: []\n', "'wdir' is not text"],
    ['a: &a [*a]\n', "line 1: alias 'a' has no anchor before it"],
  ];
  for (const [text, message] of hopeless) {
    test(`that is no metafile is a problem: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parse(text), { outputs: [], problems: [{ path: 'data/x.dvc', message }] });
    });
  }
});
