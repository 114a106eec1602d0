// A page is mailed to colleagues, and every name and value in it may be a stranger's.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { valuesOf } from '../../src/dvc/file-values.ts';
import { parseYaml } from '../../src/dvc/yaml.ts';
import type { GitOid } from '../../src/model/git.ts';
import { printable } from '../../src/report/printable.ts';
import { columnsOf } from '../../src/table/columns.ts';
import { pageDataOf, pageOf } from '../../src/table/page.ts';
import type { Row, Table } from '../../src/table/rows.ts';

const hostile = [
  '</script><script>alert(1)</script>',
  '<!--<script>',
  '"><img/src=x/onerror=alert(1)>',
  "'&amp;&lt;\u2028\u2029]]>",
  '__proto__',
  '$&$`\\u003c',
];

const row = (id: string, name: string, ref: string | undefined, text: string): Row => ({
  id: id.repeat(40) as GitOid,
  name,
  ref,
  created: 0,
  metrics: new Map(),
  params: new Map([['p.yaml', valuesOf('p.yaml', parseYaml(Buffer.from(text)))]]),
  known: true,
  problems: [],
});

const yaml = (text: string): string => JSON.stringify(text);
const experiments = hostile.map((text) => row('b', text, `refs/exps/${text}`, `${yaml(text)}: 1\nx: ${yaml(text)}\n`));
const baseline = row('a', hostile[0] ?? '', undefined, 'x: 1\n');
const table: Table = { workspace: undefined, head: undefined, groups: [{ baseline, experiments }] };
const columns = columnsOf(table);
const data = pageDataOf(table, columns, { title: hostile[0] ?? '', made: new Date(0), precision: 5 });
const assets = { script: 'console.log("our own")', style: 'b{color:red}' };
const page = pageOf(data, assets);

describe('a page', () => {
  test('holds foreign text as JSON, in which no markup is left, and gives it back whole', () => {
    const [, block = ''] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page) ?? [];
    assert.doesNotMatch(block, /[<>&\u2028\u2029]/);
    assert.deepEqual(JSON.parse(block), data);
    assert.deepEqual(
      data.rows.slice(1).map(({ name }) => name),
      hostile.map(printable),
    );
    for (const text of hostile)
      assert.ok(
        data.columns.some(({ label }) => label === printable(text)),
        text,
      );
  });

  test('has two scripts, the data and our own, and a title that is text', () => {
    assert.equal(page.match(/<script/gi)?.length, 2);
    assert.equal(page.match(/<\/script/gi)?.length, 2);
    assert.match(page, /<title>&lt;\/script&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;<\/title>/);
    assert.doesNotMatch(page, /<img|<!--/);
  });

  test('lets nothing else run, and loads nothing', () => {
    const [, policy = ''] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    assert.deepEqual(policy.split('; ').slice(0, 3), [
      "default-src 'none'",
      `script-src ${hash(assets.script)}`,
      `style-src ${hash(assets.style)}`,
    ]);
    assert.ok(page.indexOf('Content-Security-Policy') < page.indexOf('<style'), 'before what it speaks of');
    assert.doesNotMatch(page.replace(/id="data">.*?<\//s, ''), /https?:|\bsrc=|\bhref=|\bon\w+=/);
    assert.throws(() => pageOf(data, { ...assets, script: '"</script>"' }), /damaged/);
  });

  test('marks what differs from the baseline', () => {
    const x = data.columns.findIndex(({ label }) => label === 'x');
    assert.deepEqual(data.rows[0]?.changed, []);
    for (const each of data.rows.slice(1)) assert.ok(each.changed.includes(x));
  });
});
