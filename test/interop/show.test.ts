// `git dvcexp show` beside `dvc exp show` on repositories that the real DVC made: parameters, metrics, names, baselines.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCompanion } from '../../src/cli/app.ts';
import { type Dvc, openDvc } from '../kit/dvc.ts';
import { openWorkshop } from '../kit/workshop.ts';

let dvc: Dvc;
before(() => {
  dvc = openDvc();
});
after(async () => {
  await dvc?.close();
});

/** What `dvc exp show --json` says of one commit. */
interface Theirs {
  readonly rev: string;
  readonly name: string | null;
  readonly data: {
    readonly timestamp: string | null;
    readonly params: Readonly<Record<string, { readonly data?: unknown; readonly error?: unknown }>>;
    readonly metrics: Readonly<Record<string, { readonly data?: unknown; readonly error?: unknown }>>;
  };
  readonly experiments: readonly { readonly name: string; readonly revs: readonly Theirs[] }[] | null;
}

type Files = Readonly<Record<string, { readonly data?: unknown; readonly lack?: { readonly kind: string } }>>;
interface OursRow {
  readonly id: string;
  readonly name: string | null;
  readonly params: Files;
  readonly metrics: Files;
  readonly experiments: readonly OursRow[];
}

/** What both must say alike of one commit. A file without values is `null` on both sides. */
interface Said {
  readonly params: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, unknown>>;
}

const dataOf = (files: Files | Theirs['data']['params']): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(files).map(([path, { data }]) => [path, data ?? null]));
const said = ({ params, metrics }: Pick<OursRow, 'params' | 'metrics'> | Theirs['data']): Said => ({
  params: dataOf(params),
  metrics: dataOf(metrics),
});

async function show(cwd: string, ...args: readonly string[]): Promise<string> {
  let stdout = '';
  const code = await runCompanion(
    ['show', ...args],
    {
      cwd,
      env: dvc.env,
      platform: process.platform,
      nodeVersion: process.versions.node,
      home: dvc.env.HOME ?? '',
      stdout: (text) => (stdout += text),
      stderr: () => {},
      terminal: false,
      stdoutTerminal: false,
      manual: '',
      completion: '',
    },
    { signal: AbortSignal.timeout(60_000) },
  );
  assert.equal(code, 0);
  return stdout;
}

/** Both tables of one repository, as far as they have to agree. */
async function compare(top: string, ...args: readonly string[]): Promise<void> {
  const theirs: readonly Theirs[] = JSON.parse(
    // Python writes what JSON has not.
    (await dvc.run(top, 'exp', 'show', '--json', ...args)).replaceAll(': NaN', ': "nan"'),
  );
  const ours: { readonly workspace: OursRow; readonly baselines: readonly OursRow[] } = JSON.parse(
    await show(top, '--json', ...args),
  );
  const [workspace, ...baselines] = theirs;
  assert.deepEqual(said(ours.workspace), said((workspace as Theirs).data), 'workspace');
  const flat = baselines.map(({ rev, name, data, experiments }) => ({
    id: rev,
    name,
    ...said(data),
    experiments: (experiments ?? []).map((each) => ({
      id: each.revs[0]?.rev,
      name: each.name,
      ...said((each.revs[0] as Theirs).data),
    })),
  }));
  const plain = ours.baselines.map((row) => ({
    id: row.id,
    name: row.name,
    ...said(row),
    experiments: row.experiments.map((each) => ({ id: each.id, name: each.name, ...said(each) })),
  }));
  const byId = (one: { id: string }, other: { id: string }): number => (one.id < other.id ? -1 : 1);
  // DVC shows all parameters of baselines also with --param-deps.
  const comparable = <Row extends Said>(rows: readonly Row[]): readonly Row[] =>
    args.includes('--param-deps') ? rows.map((row) => ({ ...row, params: {} })) : rows;
  assert.deepEqual(comparable(plain.sort(byId)), comparable(flat.sort(byId)));
}

/** A table of CSV by heading, a row each, without what only one of them has. */
function readCsv(text: string): readonly Readonly<Record<string, string>>[] {
  const lines = text
    .split(/\r?\n/)
    .slice(0, -1)
    .map((line) => {
      const cells = [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)];
      return cells.map(([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain);
    });
  const [heads = [], ...rows] = lines;
  return rows.map((row) =>
    Object.fromEntries(
      heads.flatMap((head, index) => (/^(?:Created|parent)$/.test(head) ? [] : [[head, row[index] ?? '']])),
    ),
  );
}

/** Columns of dependencies are DVC's alone. */
async function compareCsv(top: string): Promise<void> {
  const theirs = readCsv(await dvc.run(top, 'exp', 'show', '--csv'));
  const ours = readCsv(await show(top, '--csv'));
  assert.deepEqual(
    ours,
    theirs.map((row) => Object.fromEntries(Object.entries(row).filter(([head]) => head !== 'train.sh'))),
  );
}

describe('a pipeline with parameters and metrics', () => {
  test('of HEAD and its experiments, the work tree changed', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'plain');
    shop.write({
      'params.yaml':
        'lr: 0.001\nepochs: 10\nmodel: {depth: 3, name: "n: 1", layers: [1, 2.5, a]}\nnothing: null\nflag: true\nbig: 1e-7\nempty: {}\n',
      'train.sh':
        'lr=$(sed -n "s/^lr: //p" params.yaml)\nprintf \'{"acc": 0.9%s, "loss": {"train": 0.25, "val": NaN}, "list": [1], "whole": 3, "ok": true, "word": "a,\\"b", "none": null}\' "$(echo $lr | cut -c3-)" > metrics.json\n',
      'dvc.yaml':
        'stages:\n  train:\n    cmd: sh train.sh\n    params: [lr, model.depth]\n    metrics:\n    - metrics.json: {cache: false}\n',
    });
    await shop.dvc('repro', '-q');
    shop.commit('first');
    await shop.dvc('exp', 'run', '-q', '-n', 'one', '-S', 'lr=0.01');
    await shop.dvc('exp', 'run', '-q', '-n', 'two', '-S', 'lr=0.02', '-S', 'model.depth=4');
    shop.git('checkout', '-q', '.');
    await compare(top);
    await compareCsv(top);
    await compare(top, '--param-deps');
    shop.write({ 'params.yaml': 'lr: 5\n' });
    await compare(top);
    await compareCsv(top);
    shop.commit('second');
    shop.git('tag', 'v2');
    shop.git('branch', 'other', 'HEAD~');
    await compare(top, '-n', '2');
    await compare(top, '--all-branches');
    await compare(top, '-T');
    await compare(top, '--rev', 'HEAD~', '--sha');
  });

  test('of files of every kind, in folders, named at the top, cached, in directories', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'kinds');
    shop.write({
      'params.yaml': 'lr: 0.001\nname: sub\n',
      'conf/a.json': '{"deep": {"er": 1.50, "list": [1, {"x": true}]}, "plain": "text", "big": 12345678901234567890}',
      'conf/b.toml': 'title = "t"\nfloat = 1.0\n[table]\nint = 3\nlist = [1, 2]\n',
      'conf/c.py': 'lr = 0.5\nclass Train:\n    epochs = 3\n',
      'conf/d.yaml': 'used: 7\nunused: 8\n',
      'sub/params.yaml': 'inner: 1\n',
      'sub/dvc.yaml': `
vars: [../conf/d.yaml]
params: [../conf/a.json]
metrics: [more]
stages:
  n:
    cmd: echo \${used} > n.txt
    params: [inner]
    outs: [n.txt]
`,
      'sub/more/x.json': '{"x": 1}',
      'sub/more/y.yaml': 'y: {z: 2}\n',
      'dvc.yaml': `
params: [conf/b.toml]
stages:
  cached:
    cmd: echo '{"cached":0.5}' > cached.json && mkdir -p dir && echo 'in_dir 1' | sed 's/ /. /;s/\\./:/' > dir/m.yaml
    wdir: .
    params:
    - conf/a.json: [deep.er, missing]
    - conf/c.py: [lr, Train.epochs]
    metrics: [cached.json, dir]
  each:
    foreach: [p, q]
    do:
      cmd: echo '{"\${item}":1}' > m-\${item}.json
      metrics:
      - m-\${item}.json: {cache: false}
`,
    });
    // A parameter that is not there keeps the stage from running.
    shop.write({ 'dvc.yaml': readFileSync(join(top, 'dvc.yaml'), 'utf8').replace(', missing', '') });
    await shop.dvc('repro', '-q', '-P');
    shop.commit('first');
    await shop.dvc('exp', 'run', '-q', '-n', 'json', '-S', 'conf/a.json:deep.er=2.5');
    shop.git('checkout', '-q', '.');
    await compare(top);
  });

  test('of files that templates take values from', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'vars');
    shop.write({
      'params.yaml': 'root: 1\n',
      'sub/params.yaml':
        'models: {a: {lr: 1, deep: {er: 2}}, b: {lr: 3, deep: {er: 4}}}\nlist: [x, y]\nmodel: {p: 1, q: [1, 2]}\nunused: 9\nplain: 5\nwd: w\n',
      'sub/w/stage.yaml': 'sv: 7\n',
      'sub/extra.json': '{"j": {"k": 1.0, "l": 2}, "n": 3}',
      'sub/t.toml': 'tt = 1\n',
      'sub/dvc.yaml': `
vars:
- extra.json:j
- local: 3
stages:
  each:
    foreach: \${models}
    do:
      cmd: echo \${item.lr} \${key} > \${key}.txt
      outs: ["\${key}.txt"]
  lists:
    matrix:
      l: \${list}
    cmd: echo \${item.l} \${plain} > l-\${item.l}.txt
    outs: ["l-\${item.l}.txt"]
  dict:
    cmd: echo \${model} \${local} \${j.k} \${model.q[0]} > d.txt
    outs: [d.txt]
  st:
    wdir: \${wd}
    vars: [stage.yaml]
    cmd: echo \${sv} > s.txt
    outs: [s.txt]
`,
    });
    shop.commit('first');
    await compare(top);
  });

  test('of files that cannot be read or are not there', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'broken');
    shop.write({
      'params.yaml': 'lr: 1\n',
      'conf.yaml': 'lr: 1\n',
      'dvc.yaml': 'params: [gone.yaml, conf.yaml]\nmetrics: [m.json, n.json]\n',
      'm.json': '{"a": 1}',
    });
    shop.commit('good');
    shop.write({ 'conf.yaml': 'lr: [1\n', 'm.json': '{"a": ' });
    shop.commit('bad');
    await compare(top, '-n', '2');
  });

  test('of a project in a subdirectory, alone', async () => {
    const { top, ...shop } = await openWorkshop(dvc, 'outer');
    shop.git('rm', '-rq', '--cached', '.dvc', '.dvcignore');
    rmSync(join(top, '.dvc'), { recursive: true });
    rmSync(join(top, '.dvcignore'));
    mkdirSync(join(top, 'inner'));
    await shop.dvcIn('inner', 'init', '-q', '--subdir');
    shop.write({ 'inner/params.yaml': 'lr: 1\n', 'inner/dvc.yaml': 'metrics: [m.json]\n', 'inner/m.json': '{"a": 1}' });
    shop.commit('inner');
    const [, theirs]: readonly Theirs[] = JSON.parse(await dvc.run(join(top, 'inner'), 'exp', 'show', '--json'));
    const { baselines } = JSON.parse(await show(join(top, 'inner'), '--json'));
    assert.deepEqual(said(baselines[0]), {
      params: { 'inner/params.yaml': theirs?.data.params['params.yaml']?.data },
      metrics: { 'inner/m.json': theirs?.data.metrics['m.json']?.data },
    });
    assert.deepEqual(said(baselines[0]).params, { 'inner/params.yaml': { lr: 1 } });
  });
});
