import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lacking, valuesOf } from '../../src/dvc/file-values.ts';
import { parseYaml } from '../../src/dvc/yaml.ts';
import type { GitOid } from '../../src/model/git.ts';
import { cellText, general } from '../../src/table/cell-text.ts';
import { chooseColumns, columnsOf, findColumn, sameValue, sortTable } from '../../src/table/columns.ts';
import { isChanged, textIn } from '../../src/table/format.ts';
import type { Row, Table } from '../../src/table/rows.ts';

type Files = Readonly<Record<string, string>>;
const value = (text: string) => parseYaml(Buffer.from(text));
const filesOf = (files: Files): Row['params'] =>
  new Map(Object.entries(files).map(([path, text]) => [path, valuesOf(path, value(text))]));
const row = (name: string, params: Files, metrics: Files = {}, ref: string | undefined = `refs/exps/${name}`): Row => ({
  id: 'a'.repeat(40) as GitOid,
  name,
  ref,
  created: undefined,
  metrics: filesOf(metrics),
  params: filesOf(params),
  known: true,
  problems: [],
});
const tableOf = (baseline: Row, ...experiments: readonly Row[]): Table => ({
  workspace: undefined,
  head: undefined,
  groups: [{ baseline: { ...baseline, ref: undefined }, experiments }],
});
const names = (table: Table): readonly (string | undefined)[] =>
  (table.groups[0]?.experiments ?? []).map(({ name }) => name);
const everything = { onlyChanged: false, drop: [], keep: [] };

describe('columns', () => {
  const table = tableOf(
    row('main', { 'p.yaml': '{lr: 1, m: {depth: 2}, seed: 42}' }, { 'm.json': '{acc: 0.5, lr: 1}' }),
    row(
      'one',
      { 'p.yaml': '{lr: 1.0, m: {depth: 3}, seed: 42, new: [1]}' },
      { 'm.json': '{acc: 0.6, lr: 2}', 's.json': '7' },
    ),
  );
  const columns = columnsOf(table);
  const labels = (choice: Partial<Parameters<typeof chooseColumns>[2]>): readonly string[] =>
    chooseColumns(columns, table, { ...everything, ...choice }).map(({ label }) => label);

  test('are metrics, then parameters, and say their file where two have the same key', () => {
    assert.deepEqual(labels({}), ['acc', 'm.json:lr', 's.json', 'p.yaml:lr', 'm.depth', 'seed', 'new']);
  });

  test('are dropped and kept by the beginning of their labels, keep first', () => {
    assert.deepEqual(labels({ drop: ['m\\.', 's'] }), ['acc', 'p.yaml:lr', 'new']);
    assert.deepEqual(labels({ drop: ['.*'], keep: ['seed', 'acc'] }), ['acc', 'seed']);
    assert.deepEqual(labels({ drop: ['eed'] }), labels({}), 'not in the middle');
    assert.throws(() => labels({ keep: ['('] }), /'--keep \(' is no regular expression/);
  });

  test('that are the same everywhere go with --only-changed, 1 and 1.0 among them', () => {
    assert.deepEqual(labels({ onlyChanged: true }), ['acc', 'm.json:lr', 's.json', 'm.depth', 'new']);
    assert.ok(labels({ onlyChanged: true, keep: ['seed'] }).includes('seed'));
  });

  test('are found by key, by file and key, and by label', () => {
    assert.equal(findColumn('acc', columns).path, 'm.json');
    assert.equal(findColumn('p.yaml:lr', columns).kind, 'params');
    assert.equal(findColumn(':seed', columns).key, 'seed');
    assert.throws(() => findColumn('lr', columns), /'lr' is in 2 columns/);
    assert.throws(
      () => findColumn('ac', columns),
      (error: Error & { hints?: readonly string[] }) => {
        assert.deepEqual([error.message, error.hints], ["there is no column 'ac' to sort by", ["did you mean 'acc'?"]]);
        return true;
      },
    );
  });
});

describe('sorting', () => {
  const rows = ['10', '9', 'null', 'b', '.nan', '-1', 'a'].map((each, index) => row(`${index}`, { p: `x: ${each}` }));
  const table = tableOf(row('main', { p: 'x: 0' }), ...rows, row('none', {}));
  const [column] = columnsOf(table);
  const sorted = (descending: boolean): readonly (string | undefined)[] =>
    column === undefined ? [] : names(sortTable(table, column, descending));

  test('goes by numbers, then text, and what has no value comes last either way', () => {
    assert.deepEqual(sorted(false).slice(0, 3), ['5', '1', '0']);
    assert.deepEqual(sorted(false).slice(-2), ['2', 'none']);
    assert.deepEqual(sorted(true).slice(0, 3), ['0', '1', '5']);
    assert.deepEqual(sorted(true).slice(-2), ['2', 'none']);
    assert.deepEqual(
      sorted(false).filter((name) => name === '6' || name === '3'),
      ['6', '3'],
    );
  });
});

describe('cells', () => {
  test('say what DVC says', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['true', 'True'],
      ["[1, 2.5, 'it', \"it's\", null, {a: [b]}]", `[1, 2.5, 'it', "it's", None, {'a': ['b']}]`],
      ['1e-7', '1e-07'],
      ['1.0', '1.0'],
      ['text', 'text'],
      ['12345678901234567890', '12345678901234567890'],
    ];
    for (const [from, to] of cases) assert.equal(cellText(value(from), undefined), to);
    assert.equal(cellText(value('0.123456789'), 5), '0.12346');
    assert.equal(cellText(value('123456'), 2), '123456', 'whole numbers stay');
  });

  test('are rounded as by printf', () => {
    // printf('%.5g') of the C library.
    const cases: readonly (readonly [number, string])[] = [
      [0.1, '0.1'],
      [123456.7, '1.2346e+05'],
      [99999.96, '1e+05'],
      [99999.4, '99999'],
      [0.0001234, '0.0001234'],
      [0.00001234, '1.234e-05'],
      [100, '100'],
      [-2.5, '-2.5'],
      [0, '0'],
      [Number.NaN, 'nan'],
      [Number.NEGATIVE_INFINITY, '-inf'],
      [1e300, '1e+300'],
    ];
    for (const [from, to] of cases) assert.equal(general(from, 5), to);
  });

  test('are changed where the baseline has another value or none', () => {
    const baseline = row('main', { p: '{a: 1, b: [1], c: x}' });
    const one = row('one', { p: '{a: 1.0, b: [2], d: 1}' });
    const columns = columnsOf(tableOf(baseline, one));
    const changed = columns.filter((column) => isChanged(one, baseline, column)).map(({ key }) => key);
    assert.deepEqual(changed, ['b', 'c', 'd']);
    assert.equal(isChanged(one, undefined, columns[1] as (typeof columns)[0]), false);
    const broken: Row = { ...one, params: new Map([['p', lacking('p', 'broken', 'line 1: bad')]]) };
    assert.deepEqual(
      columns.map((column) => isChanged(broken, baseline, column)),
      [false, false, false, false],
    );
    assert.equal(textIn(broken, columns[0] as (typeof columns)[0], { precision: 5, empty: '-' }), '!');
    assert.equal(textIn(one, columns[2] as (typeof columns)[0], { precision: 5, empty: '-' }), '-');
  });

  test('are the same by value and not by how they are written', () => {
    assert.ok(sameValue(value('1'), value('1.0')));
    assert.ok(sameValue(value('.nan'), value('.nan')));
    assert.ok(sameValue(value('{a: [1]}'), value('{a: [1]}')));
    assert.ok(!sameValue(value('"1"'), value('1')));
    assert.ok(!sameValue(value('null'), undefined));
  });
});
