import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { valuesOf } from '../../src/dvc/file-values.ts';
import { parseYaml } from '../../src/dvc/yaml.ts';
import type { GitOid } from '../../src/model/git.ts';
import { columnsOf } from '../../src/table/columns.ts';
import { csvLines } from '../../src/table/csv.ts';
import { tableToJson, valueToJson } from '../../src/table/json.ts';
import type { Row, Table } from '../../src/table/rows.ts';
import { cutLine, markdownLines, textLines, widestOf, widthOf } from '../../src/table/text.ts';

const row = (name: string, ref: string | undefined, text: string): Row => ({
  id: 'abcdef0123456789'.repeat(3).slice(0, 40) as GitOid,
  name,
  ref,
  created: undefined,
  metrics: new Map(),
  params: new Map([['p', valuesOf('p', parseYaml(Buffer.from(text)))]]),
  known: true,
  problems: [],
});
const looks = { precision: 5, empty: '-' };
const tableOf = (baseline: string, ...texts: readonly string[]): Table => ({
  workspace: undefined,
  head: undefined,
  groups: [
    {
      baseline: row('main', undefined, baseline),
      experiments: texts.map((text, index) => row(`x${index}`, `refs/exps/x${index}`, text)),
    },
  ],
});
const linesOf = (table: Table, paint: Parameters<typeof textLines>[3] = (_style, text) => text): readonly string[] =>
  textLines(table, columnsOf(table), looks, paint);

describe('lines for a terminal', () => {
  test('stand below each other, digits and text, marked or not, also where letters are wide or have no width', () => {
    const lines = linesOf(tableOf('{n: 1, t: a, e: 5}', '{n: 100, t: 日本, e: 5}', '{n: 1, t: "e\u0301", e: 5}'));
    assert.deepEqual(lines, [
      'Experiment        Created    n   t      e',
      'main              -          1   a      5',
      '├── abcdef0 [x0]  -        100*  日本*  5',
      '└── abcdef0 [x1]  -          1   e\u0301*     5',
    ]);
  });

  test('hold nothing that a terminal obeys, and no value longer than 40 letters', () => {
    const [, , line = ''] = linesOf(tableOf('x: 1', `x: ${JSON.stringify(`\u001b[31m\n${'y'.repeat(60)}`)}`));
    assert.ok([...line].every((letter) => letter >= ' '));
    assert.match(line, / \\x1b\[31m\\x0ay{27}…\*$/);
  });

  test('are painted without moving', () => {
    const table = tableOf('x: 1', 'x: 2');
    const painted = linesOf(table, (style, text) => `\u001b[${style === 'changed' ? 1 : 2}m${text}\u001b[m`);
    assert.equal(widestOf(painted), widestOf(linesOf(table)));
    assert.ok(painted[2]?.includes('\u001b[1m2*\u001b[m'));
  });

  test('are cut at the edge, colours ended', () => {
    assert.equal(cutLine('abcdef', 6), 'abcdef');
    assert.equal(cutLine('abcdef', 5), 'abcd…');
    assert.equal(cutLine('日本語', 5), '日本…');
    assert.equal(cutLine('\u001b[1mabc\u001b[mdef', 6), '\u001b[1mabc\u001b[mdef');
    assert.equal(cutLine('\u001b[1mabcdef\u001b[m\u001b[2mx\u001b[m', 3), '\u001b[1mab\u001b[m…');
    assert.equal(widthOf('a日\u0301\u200b'), 3);
  });
});

test('Markdown has no markup of strangers', () => {
  const table = tableOf('"a|b": 1', '"a|b": "<b>*x*`|&"');
  const [head, , , last] = markdownLines(table, columnsOf(table), looks);
  assert.equal(head, '| Experiment | Created | a\\|b |');
  assert.equal(last, '| └── abcdef0 \\[x0\\] | - | **&lt;b\\>\\*x\\*\\`\\|&amp;** |');
});

test('CSV quotes what needs it', () => {
  const table = tableOf('{"a,b": 1}', '{"a,b": "x\\"\\ny"}');
  assert.deepEqual(csvLines(table, columnsOf(table), { precision: undefined, empty: '' }), [
    'Experiment,rev,typ,Created,parent,"a,b"',
    ',main,baseline,,,1',
    'x0,abcdef0,branch_base,,main,"x""\ny"',
  ]);
});

test('JSON keeps digits, and has text where it has no number', () => {
  const text = '{a: 12345678901234567890, b: 1.0, c: .nan, d: -.inf, e: 1e-7, f: [null, true, "x"], "\\"": {}}';
  assert.equal(
    valueToJson(parseYaml(Buffer.from(text))),
    '{"a":12345678901234567890,"b":1.0,"c":"nan","d":"-inf","e":1e-07,"f":[null,true,"x"],"\\"":{}}',
  );
  assert.deepEqual(JSON.parse(tableToJson({ workspace: undefined, head: undefined, groups: [] })), {
    workspace: null,
    baselines: [],
  });
});
