import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObj } from '../../src/dvc/configobj.ts';
import type { ConfigValue } from '../../src/dvc/configobj-line.ts';
import { HelperError } from '../../src/model/error.ts';

/** The file as plain objects, the keys before the first section under ''. */
function parse(text: string): Record<string, Record<string, ConfigValue>> {
  const { top, sections } = parseConfigObj(text, '.dvc/config');
  const plain = [['', top] as const, ...sections]
    .filter(([name, keys]) => name !== '' || keys.size > 0)
    .map(([name, keys]) => [name, Object.fromEntries([...keys].map(([key, { value }]) => [key, value]))]);
  return Object.fromEntries(plain);
}

/** What a line `x = …` means. */
const value = (text: string): ConfigValue | undefined => parse(`[s]\nx = ${text}`).s?.x;

const accepted: readonly (readonly [name: string, text: string, meaning: ReturnType<typeof parse>])[] = [
  ['an empty file', '', {}],
  ['comments and blank lines', '# a\n\n   # b\n\t\n', {}],
  ['a quoted section', '[\'remote "s"\']\nurl = /x\n', { 'remote "s"': { url: '/x' } }],
  ['an unquoted section', '[remote "s"]\nurl = /x\n', { 'remote "s"': { url: '/x' } }],
  ['blanks around names', '  [ core ]  # c\n\t remote  =  s  \n', { core: { remote: 's' } }],
  ['names in lower case', '[CORE]\nRemote = Big\n', { core: { remote: 'Big' } }],
  ['of names that differ in case the later', '[core]\na = 1\nA = 2\n[Core]\nb = 3\n', { core: { b: '3' } }],
  ['CRLF', '[core]\r\nremote = s\r\n', { core: { remote: 's' } }],
  ['a lone CR as an end of line', '[core]\rremote = s', { core: { remote: 's' } }],
  ['a quoted key', '[s]\n"a key" = 1\n', { s: { 'a key': '1' } }],
  ['an equals sign in a value', '[s]\nx = a=b\n', { s: { x: 'a=b' } }],
  ['a bracket in a name', '[remote "a]b"]\nurl = /x', { 'remote "a]b"': { url: '/x' } }],
  ['keys without a section', 'x = 1\n[s]\n', { '': { x: '1' }, s: {} }],
  ['triple quotes', '[s]\nx = """a # "b"\n  c""" # d\ny = 1', { s: { x: 'a # "b"\n  c', y: '1' } }],
  ['triple quotes on one line', "[s]\nx = '''it's'''\n", { s: { x: "it's" } }],
  ['a key of the same section', '[s]\nx = %(y)s/%(y)s\ny = 1', { s: { x: '1/1', y: '1' } }],
  ['a key of DEFAULT', '[s]\nx = %(y)s\n[DEFAULT]\ny = 1', { s: { x: '1' }, default: { y: '1' } }],
  ['replacement in what replaces', '[s]\nx = %(y)s\ny = <%(z)s>\nz = 1', { s: { x: '<1>', y: '<1>', z: '1' } }],
  ['other per cent signs', '[s]\nx = a%20b %% %(c %(d)e', { s: { x: 'a%20b %% %(c %(d)e' } }],
];

for (const [name, text, meaning] of accepted) {
  test(`reads ${name}`, () => assert.deepEqual(parse(text), meaning));
}

const values: readonly (readonly [text: string, meaning: ConfigValue])[] = [
  ['', ''],
  ['# c', ''],
  ['""', ''],
  ['a#b', 'a'],
  ['a;b ; c', 'a;b ; c'],
  ['"a#b" # c', 'a#b'],
  ["'a, b'", 'a, b'],
  ['"it\'s"', "it's"],
  ["'it's'", "it's"],
  ['a "b" c', 'a "b" c'],
  ['a\\nb', 'a\\nb'],
  ['$HOME', '$HOME'],
  ['/a, b', ['/a', 'b']],
  ['"a, b", c # d', ['a, b', 'c']],
  ['a,', ['a']],
  [',', []],
];

for (const [text, meaning] of values) {
  test(`takes the value ${JSON.stringify(text)}`, () => assert.deepEqual(value(text), meaning));
}

const refused: readonly (readonly [name: string, text: string, message: string])[] = [
  ['a colon', '[core]\nremote: s\n', "line 2: neither '[section]' nor 'key = value'"],
  ['a section without its end', '\n[core\nremote = s', "line 2: neither '[section]' nor 'key = value'"],
  ['text behind a section', '[core] x\n', "line 1: neither '[section]' nor 'key = value'"],
  ['a line without a key', '[core]\n= s\n', "line 2: neither '[section]' nor 'key = value'"],
  ['a duplicate key', '[core]\nremote = a\n\nremote = b\n', "line 4: duplicate key 'remote'"],
  ['a duplicate section', '[core]\n[cache]\n["core"]\n', "line 3: duplicate section 'core'"],
  ['a section named like a key', 'core = 1\n[core]\n', "line 2: duplicate section 'core'"],
  ['a nested section', '[core]\n[[deep]]\n', "line 2: nested section 'deep'"],
  ['brackets that do not match', '[[core]\n', "line 1: the brackets around 'core' do not match"],
  ['an open quote', '[s]\nurl = "a\n', "line 2: the value of 'url' has a quote or a comma that does not fit"],
  ['text behind a quote', '[s]\nurl = "a"b\n', "line 2: the value of 'url' has a quote or a comma that does not fit"],
  ['a comma too many', '[s]\nurl = a,,b\n', "line 2: the value of 'url' has a quote or a comma that does not fit"],
  ['open triple quotes', '[s]\nx = """a\nb\n', "line 2: the value of 'x' has a quote or a comma that does not fit"],
  [
    'text behind triple quotes',
    '[s]\nx = """a"""b',
    "line 2: the value of 'x' has a quote or a comma that does not fit",
  ],
  ['an unknown reference', '[s]\nx = %(y)s\n', "line 2: '%(y)s' stands for a key that is not there"],
  ['a reference in another case', '[s]\nx = %(Y)s\ny = 1', "line 2: '%(Y)s' stands for a key that is not there"],
  ['a circle', '[s]\nx = %(y)s\ny = %(x)s', "line 2: '%(x)s' stands for itself"],
  ['a byte order mark', '\ufeff[core]\n', 'line 1: the file starts with a byte order mark'],
  ['text that was no UTF-8', '[core]\nremote = \ufffd\n', 'line 2: not UTF-8 text'],
  ['control characters in a name', '[s]\n\u001b[2J = 1\n\u001b[2J = 2', "line 3: duplicate key '\\x1b[2J'"],
];

for (const [name, text, message] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseConfigObj(text, '.dvc/config'),
      (error) => {
        assert.ok(error instanceof HelperError);
        assert.equal(error.code, 'config');
        assert.equal(error.message, `'.dvc/config' ${message}`);
        return true;
      },
    );
  });
}

test('refuses a file of more than 1 MiB', () => {
  assert.throws(() => parseConfigObj('#'.repeat(2 ** 20 + 1), 'c'), { message: "'c' is larger than 1 MiB" });
});

test('keeps names that mean something to JavaScript apart from it', () => {
  const { sections } = parseConfigObj('[__proto__]\n__proto__ = 1\nconstructor = 2\n', 'c');
  assert.equal(sections.get('__proto__')?.get('__proto__')?.value, '1');
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
  assert.equal(({} as Record<string, unknown>).constructor, Object);
});

const bombs: readonly (readonly [name: string, text: string])[] = [
  ['quoted items that never fit', `[s]\nx = ${'"a",'.repeat(200_000)}"`],
  ['quotes that never close', `[s]\nx = ${'"'.repeat(1_000_001)}x`],
  ['blanks without an equals sign', `[s]\nx${' '.repeat(1_000_000)}y`],
  ['brackets', `${'['.repeat(500_000)}a${'] '.repeat(250_000)}x`],
  ['references that never close', `[s]\nx = ${'%('.repeat(500_000)}`],
  [
    'references that double',
    `[s]\n${Array.from({ length: 15 }, (_, i) => `k${i} = ${`%(k${i + 1})s`.repeat(8)}`).join('\n')}\nk15 =`,
  ],
  ['a long chain', `[s]\n${Array.from({ length: 20_000 }, (_, i) => `k${i} = %(k${i + 1})s`).join('\n')}\nk20000 = 1`],
  ['many sections', Array.from({ length: 20_000 }, (_, i) => `[s${i}]\nk=1`).join('\n')],
];

for (const [name, text] of bombs) {
  test(`is done at once with ${name}`, () => {
    const started = performance.now();
    try {
      parseConfigObj(text, 'c');
    } catch (error) {
      assert.ok(error instanceof HelperError, String(error));
    }
    // A tenth of a second on an idle machine; what it must not be is a matter of minutes.
    assert.ok(performance.now() - started < 10_000, `took ${performance.now() - started} ms`);
  });
}
