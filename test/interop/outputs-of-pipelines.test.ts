import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createCollector } from '../../src/dvc/collector.ts';
import { isExperiment } from '../../src/model/git.ts';
import { type Dvc, openDvc } from '../kit/dvc.ts';
import { readRepository } from '../kit/object-reader.ts';
import { compareWithDvc, openWorkshop, outputOf } from '../kit/workshop.ts';

let dvc: Dvc;
before(() => {
  dvc = openDvc();
});
after(async () => {
  await dvc?.close();
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
    const projects = await compareWithDvc(dvc, top, shop.commit('run'));
    assert.equal(outputOf(projects, 'up.bin').object?.kind, 'md5');
    assert.equal(outputOf(projects, 'over').remote, 'other');
    const before = readFileSync(join(top, 'dvc.yaml'), 'utf8');
    shop.write({
      'dvc.yaml': before
        .replace('  two:', '  renamed:')
        .replace('    - q.csv\n', '    - never.csv\n')
        .replace('frozen: false', 'frozen: true'),
    });
    const changed = await compareWithDvc(dvc, top, shop.commit('renamed'));
    assert.equal(outputOf(changed, 'never.csv').object, undefined);
    rmSync(join(top, 'dvc.lock'));
    await compareWithDvc(dvc, top, shop.commit('no lock'));
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
    const projects = await compareWithDvc(dvc, top, first);
    const missing = projects[0]?.outputs.filter(({ object }) => object === undefined).map(({ path }) => path);
    assert.deepEqual(missing, []);

    const params = readFileSync(join(top, 'params.yaml'), 'utf8');
    shop.write({
      'params.yaml': params.replace('[first, second]', '[third, second]').replace('us: {id: 2}', 'us: {id: 3}'),
    });
    const second = shop.commit('less');
    const collector = createCollector(readRepository(top));
    for (const commit of [first, second, first]) await compareWithDvc(dvc, top, commit, collector);
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
    await compareWithDvc(dvc, top, shop.commit('values'));
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
    const projects = await compareWithDvc(dvc, top, shop.commit('anchors'));
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
    for (const commit of experiments) await compareWithDvc(dvc, top, commit, collector);
  });
});
