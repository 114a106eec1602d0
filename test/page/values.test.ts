// What a page of experiments computes, without a browser.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { filterOf, scaleOf, shownIn, varyingColumns } from '../../page/values.ts';
import type { PageData, PageRow } from '../../src/table/page-data.ts';

const row = (name: string, ...cells: readonly (string | null)[]): PageRow => ({
  kind: 'experiment',
  name,
  id: 'abcdef0',
  group: 'main',
  created: '',
  cells,
  changed: [],
});
const rows = [
  row('one', '0.5', '0.0001', 'adam'),
  row('two', '0.123456789', '0.1', 'sgd'),
  row('three', null, '0.01', 'adam'),
  row('four', 'nan', '0.01', 'None'),
];
const data: PageData = {
  title: '',
  made: '',
  precision: 3,
  columns: [
    { label: 'acc', kind: 'metrics', numeric: true },
    { label: 'm.lr', kind: 'params', numeric: true },
    { label: 'opt', kind: 'params', numeric: false },
  ],
  rows,
};
const found = (text: string): readonly string[] => rows.filter(filterOf(text, data)).map(({ name }) => name);

describe('the filter', () => {
  test('takes words and comparisons, all of which must hold', () => {
    assert.deepEqual(found('ADAM'), ['one', 'three']);
    assert.deepEqual(found('acc>0.2'), ['one']);
    assert.deepEqual(found('acc<=0.5'), ['one', 'two']);
    assert.deepEqual(found('m.lr=1e-2'), ['three', 'four']);
    assert.deepEqual(found('opt!=adam m.lr>=0.01'), ['two', 'four']);
    assert.deepEqual(found('  '), ['one', 'two', 'three', 'four']);
    assert.deepEqual(found('acc>x'), []);
    assert.deepEqual(found('nosuch>1'), [], 'a word like any other');
  });
});

describe('scales', () => {
  test('run from the least to the most, and leave out what is no number', () => {
    const scale = scaleOf(0, rows, data);
    assert.deepEqual(rows.map(scale.place), [1, 0, undefined, undefined]);
    assert.deepEqual(
      scale.ticks.map(({ text }) => text),
      ['0.2', '0.3', '0.4', '0.5'],
    );
  });

  test('go by factors where values differ a thousandfold', () => {
    const scale = scaleOf(1, rows, data);
    assert.equal(scale.log, true);
    assert.deepEqual(
      scale.ticks.map(({ text }) => text),
      ['0.0001', '0.001', '0.01', '0.1'],
    );
    assert.ok(Math.abs((scale.place(rows[2] as PageRow) ?? 0) - 2 / 3) < 1e-9);
    assert.equal(scaleOf(1, rows.slice(1), data).log, false);
  });

  test('put names in their order, and one value in the middle', () => {
    assert.deepEqual(rows.map(scaleOf(2, rows, data).place), [0.5, 1, 0.5, 0]);
    assert.deepEqual(rows.slice(0, 1).map(scaleOf(0, rows.slice(0, 1), data).place), [0.5]);
    assert.deepEqual(scaleOf(0, [], data).ticks, []);
  });
});

test('fractions are rounded, whole numbers and text are not', () => {
  assert.deepEqual(
    rows.map((each) => shownIn(each, 0, data)),
    ['0.5', '0.123', '', 'nan'],
  );
  assert.equal(shownIn(row('x', '123456'), 0, data), '123456');
  assert.deepEqual(varyingColumns(data), [0, 1, 2]);
  assert.deepEqual(varyingColumns({ ...data, rows: rows.slice(2) }), [0, 2]);
});
