import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCollector } from '../../src/dvc/collector.ts';
import type { Project } from '../../src/dvc/outputs.ts';
import { type MadeFolder, makeReader } from '../kit/object-reader.ts';

const hash = (digit: string | number): string => String(digit).repeat(32).slice(0, 32);

async function collect(files: MadeFolder): Promise<Project> {
  const reader = makeReader();
  const [project] = await createCollector(reader).projects(reader.root({ '.dvc': { config: '' }, ...files }));
  assert.ok(project);
  return project;
}

/** A dvc.lock in which every output of a stage has a hash of its number. */
function lock(stages: Readonly<Record<string, readonly string[]>>): string {
  const blocks = Object.entries(stages).map(([name, outs]) => {
    const entries = outs.map((path, index) => `    - path: ${path}\n      hash: md5\n      md5: ${hash(index + 1)}\n`);
    return `  ${name}:\n    cmd: run\n    outs:\n${entries.join('')}`;
  });
  return `schema: '2.0'\nstages:\n${blocks.join('')}`;
}

const seen = ({ outputs }: Project): unknown =>
  outputs.map(({ path, object, cache, push, remote }) =>
    [path, object?.id[0] ?? '-', cache ? '' : 'uncached', push ? '' : 'unpushed', remote ?? ''].join(' ').trim(),
  );

async function expect(files: MadeFolder, outputs: readonly string[], problems: readonly string[] = []): Promise<void> {
  const project = await collect(files);
  assert.deepEqual(
    project.problems.map(({ path, message }) => `${path}: ${message}`),
    problems,
  );
  assert.deepEqual(seen(project), outputs);
}

describe('dvc.yaml and dvc.lock', () => {
  test('flags come from the one, hashes from the other', async () => {
    await expect(
      {
        'dvc.yaml':
          'stages:\n  a:\n    cmd: x\n    outs: [x, y: {cache: false}, z: {remote: Far, push: false}, new]\n    metrics: [m]\n    plots: [p: [{x: a}, {push: false}]]\n',
        'dvc.lock': lock({ a: ['x', 'y', 'z', 'm', 'p', 'gone'], deleted: ['d'] }),
      },
      ['x 1', 'y 2 uncached', 'z 3  unpushed far', 'new -', 'm 4', 'p 5  unpushed'],
    );
  });

  test('paths meet whichever way they are written', async () => {
    await expect(
      {
        'dvc.yaml': 'stages:\n  a:\n    wdir: w\n    outs: [./dot/../x, d/, ../up, /abs]\n',
        'dvc.lock': lock({ a: ['x', 'd', './../up', '/abs'] }),
      },
      ['w/x 1', 'w/d 2', 'up 3', '/abs - uncached'],
    );
  });

  test('a path named twice has the options of both', async () => {
    await expect(
      {
        'dvc.yaml': 'stages:\n  a:\n    outs: [x: {push: false}, x, x: {remote: r}]\n',
        'dvc.lock': lock({ a: ['x'] }),
      },
      ['x 1  unpushed r'],
    );
  });

  test('a lock from before DVC 1.0 is read', async () => {
    const old = `a:\n  cmd: x\n  outs:\n  - path: x\n    md5: ${hash(1)}\n`;
    const project = await collect({ 'dvc.yaml': 'stages: {a: {outs: [x]}}', 'dvc.lock': old });
    assert.deepEqual(project.outputs[0]?.object, { kind: 'md5-dos2unix', id: hash(1) });
  });

  test('without a lock, or with an ignored one, nothing has been computed', async () => {
    const yaml = 'stages: {a: {outs: [x]}}';
    await expect({ 'dvc.yaml': yaml }, ['x -']);
    await expect({ 'dvc.yaml': yaml, 'dvc.lock': lock({ a: ['x'] }), '.dvcignore': 'dvc.lock\n' }, ['x -']);
  });

  test('a symbolic link to a lock is followed', async () => {
    const files = { 'dvc.yaml': ['symlink', 'p/dvc.yaml'], 'dvc.lock': ['symlink', 'p/dvc.lock'] } as const;
    const p = { 'dvc.yaml': 'stages: {a: {outs: [x]}}', 'dvc.lock': lock({ a: ['x'] }) };
    await expect({ ...files, p }, ['x 1', 'p/x 1']);
  });

  const yaml = 'stages: {a: {outs: [x, y]}}';
  const broken: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
    [
      yaml,
      'schema: [',
      ['x -', 'y -'],
      ['dvc.lock: line 1: flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    [yaml, "schema: '3.0'\nstages: {}\n", ['x -', 'y -'], ["dvc.lock: schema '3.0' is not known, only 2.0"]],
    [yaml, "schema: '2.0'\nstages: []\n", ['x -', 'y -'], ["dvc.lock: 'stages' is not a map of keys and values"]],
    [yaml, 'text', ['x -', 'y -'], ['dvc.lock: not a map of keys and values']],
    [
      yaml,
      lock({ a: ['x', 'y'] }).replace(hash(1), '../../x'),
      ['x -', 'y 2'],
      [`dvc.yaml: stage 'a': 'x': in dvc.lock: 'md5': "../../x" is not an object name`],
    ],
    // Of a stage that is not there any more nothing matters.
    [
      yaml,
      `${lock({ a: ['x', 'y'], old: ['z'] })}`
        .replace('path: z', 'path: z\n      cloud: 1')
        .replace(/1{32}(?=\n$)/, '../x'),
      ['x 1', 'y 2'],
      [],
    ],
    [
      'stages: {a: {outs: [x]}, b: 1, c: {outs: x}, d: {outs: [[x]]}, e: {foreach: [a]}}',
      lock({ a: ['x'] }),
      ['x 1'],
      [
        "dvc.yaml: stage 'b': not a map of keys and values",
        "dvc.yaml: stage 'c': 'outs' is not a list",
        "dvc.yaml: stage 'd': an item of 'outs' is no path",
        "dvc.yaml: stage 'e': 'foreach' without 'do'",
      ],
    ],
    ['stages: [a]', lock({}), [], ["dvc.yaml: 'stages' is not a map of keys and values"]],
    ['[a]', lock({}), [], ['dvc.yaml: not a map of keys and values']],
    [
      'stages: {a: {outs: [x]}',
      lock({ a: ['x'] }),
      [],
      ['dvc.yaml: line 1: flow map in block collection must be sufficiently indented and end with a }'],
    ],
    ['', lock({ a: ['x'] }), [], []],
  ];
  for (const [dvcYaml, dvcLock, outputs, problems] of broken) {
    test(`damage is told and contained: ${JSON.stringify(problems[0] ?? dvcYaml.slice(0, 30))}`, () =>
      expect({ 'dvc.yaml': dvcYaml, 'dvc.lock': dvcLock }, outputs, problems));
  }
});

describe('templates that cannot be resolved', () => {
  const vars = 'vars: [conf.py]\n';
  const code = { 'conf.py': 'name = "n"\n' };

  test('are matched with what the lock has', async () => {
    await expect(
      {
        ...code,
        'dvc.yaml': `${vars}stages:\n  a:\n    outs: ["\${name}.bin", "\${dir}/m.json": {cache: false}, fixed, "gone-\${x}"]\n`,
        'dvc.lock': lock({ a: ['n.bin', 'some/dir/m.json', 'fixed', 'old.txt'] }),
      },
      ['fixed 3', 'n.bin 1', 'some/dir/m.json 2 uncached'],
    );
  });

  test('that fit one output with different flags let it move, and say so', async () => {
    await expect(
      {
        ...code,
        'dvc.yaml': `${vars}stages:\n  a:\n    outs: ["\${x}.bin", "n.\${y}": {push: false, remote: far}]\n`,
        'dvc.lock': lock({ a: ['n.bin'] }),
      },
      ['n.bin 1'],
      [
        "dvc.yaml: stage 'a': 'n.bin': several templates fit, taken as cached and pushed: 'conf.py': values in .py files are not read",
      ],
    );
  });

  test('that fit with the same flags need no word', async () => {
    const outs = `["\${x}.bin": {push: false}, "n.\${y}": {push: false}]`;
    await expect({ 'dvc.yaml': `stages:\n  a:\n    outs: ${outs}\n`, 'dvc.lock': lock({ a: ['n.bin'] }) }, [
      'n.bin 1  unpushed',
    ]);
  });

  test("of 'remote' leave the default one, and say so", async () => {
    await expect(
      { 'dvc.yaml': `stages:\n  a:\n    outs: [x: {remote: "\${far}"}]\n`, 'dvc.lock': lock({ a: ['x'] }) },
      ['x 1'],
      ["dvc.yaml: stage 'a': 'x': the template of 'remote' cannot be resolved, the default is taken"],
    );
  });

  test('of foreach and matrix take the instances of the lock', async () => {
    await expect(
      {
        ...code,
        // Hidden by the item of each instance, known or not.
        'params.yaml': 'item: wrong\n',
        'dvc.yaml': `${vars}stages:\n  f:\n    foreach: \${list}\n    do:\n      outs: ["f-\${item}"]\n  m:\n    matrix: {a: [1, 2], b: "\${list}"}\n    outs: ["m-\${item.a}-\${item.b}": {push: false}]\n`,
        'dvc.lock': lock({ 'f@x': ['f-x'], 'f@y@z': ['other'], 'f@': ['f-'], 'm@1-q': ['m-1-q'], f: ['f-0'] }),
      },
      ['f-x 1', 'f- 1', 'm-1-q 1  unpushed'],
    );
  });

  test('values that are missing, broken or defined twice leave names open', async () => {
    await expect(
      {
        'params.yaml': 'a: 1\nb: {c: 1}\n',
        'bad.yaml': 'x: [',
        'dvc.yaml': `vars: [{a: 2, b: {d: 2}}, none.yaml, bad.yaml, params.yaml, ../../outside.yaml]\nstages:\n  s:\n    outs: ["a-\${a}", "\${b.c}-\${b.d}"]\n`,
        'dvc.lock': lock({ s: ['a-7', '1-2'] }),
      },
      ['1-2 2', 'a-7 1'],
    );
  });

  test('an escaped one is plain text', async () => {
    await expect({ 'dvc.yaml': `stages:\n  s:\n    outs: ['\\\${x}']\n`, 'dvc.lock': lock({ s: [`'\${x}'`] }) }, [
      `\${x} 1`,
    ]);
  });

  test('bombs end soon', async () => {
    const started = performance.now();
    const ten = '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]';
    const dimensions = 'abcdefghij'.split('').map((name) => `${name}: ${ten}`);
    await expect(
      { 'dvc.yaml': `stages:\n  s:\n    matrix: {${dimensions.join(', ')}}\n    outs: [x]\n` },
      [],
      ["dvc.yaml: stage 's': a matrix of more than 100000 stages"],
    );
    const holes = `\${x}a`.repeat(3000);
    await expect(
      { 'dvc.yaml': `stages:\n  s:\n    outs: ["${holes}b"]\n`, 'dvc.lock': lock({ s: ['a'.repeat(10_000)] }) },
      [],
    );
    await expect(
      { 'dvc.yaml': `stages:\n  s:\n    outs: ["${'${'.repeat(300_000)}"]\n`, 'dvc.lock': lock({ s: ['x'] }) },
      ['x 1'],
    );
    assert.ok(performance.now() - started < 15_000);
  });
});
