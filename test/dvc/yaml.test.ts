import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parseAnyYaml, parseYaml } from '../../src/dvc/yaml.ts';
import { parseBlockYaml } from '../../src/dvc/yaml-block.ts';
import { formatNumber, isYamlMap, parsePlain, type Yaml } from '../../src/dvc/yaml-value.ts';
import { HelperError } from '../../src/model/error.ts';

const fixtures = 'test/fixtures/dvc';
const texts = readdirSync(fixtures).map((name) => ({ name, text: readFileSync(`${fixtures}/${name}`, 'utf8') }));

function slow(text: string): Yaml | 'error' {
  try {
    return parseAnyYaml(text);
  } catch (error) {
    assert.ok(error instanceof HelperError, String(error));
    return 'error';
  }
}

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('the fast path', () => {
  for (const { name, text } of texts) {
    test(`reads ${name}, written by DVC, like the full parser`, () => {
      const fast = parseBlockYaml(text);
      assert.notEqual(fast, undefined);
      assert.deepEqual(fast, parseAnyYaml(text));
    });
  }

  test('never differs from the full parser, whatever happens to a file', () => {
    const random = randomFrom(7);
    const pieces = [
      '\n',
      ' ',
      '  ',
      '- ',
      ': ',
      ':',
      '#',
      ' # x',
      "'",
      '"',
      '[]',
      '{',
      '&a ',
      '*a',
      '|',
      '>',
      '\\',
      ',',
      '? ',
      '~',
    ];
    pieces.push(
      '1e5',
      'true',
      '---\n',
      '\n\n',
      '%',
      '@',
      '`',
      '!x ',
      'a: b\n',
      '- - ',
      '<<: ',
      '\t',
      '\r',
      'é',
      '-',
      '=',
      '...\n',
      '""',
    );
    let taken = 0;
    for (let round = 0; round < 4000; round += 1) {
      const lines = (texts[random(texts.length)]?.text ?? '').split('\n');
      const from = random(lines.length);
      let text = lines.slice(from, from + 1 + random(12)).join('\n');
      for (let change = 1 + random(3); change > 0; change -= 1) {
        const at = random(text.length + 1);
        text =
          text.slice(0, at) +
          (pieces[random(pieces.length)] ?? '') +
          text.slice(at + (random(3) === 0 ? random(6) : 0));
      }
      const fast = parseBlockYaml(text);
      if (fast === undefined) continue;
      taken += 1;
      assert.deepEqual(fast, slow(text), JSON.stringify(text));
    }
    assert.ok(taken > 500, `only ${taken} texts took the fast path`);
  });

  test('gives up on what it does not know', () => {
    const unknown = [
      'a: &x b',
      'a: *x',
      'a: |\n  b',
      'a: >\n  b',
      'a: [b]',
      'a: {b: c}',
      '? a',
      'a: b # c',
      '%YAML 1.1',
      '---\na: b',
    ];
    for (const text of [
      ...unknown,
      'a: b\na: c',
      '<<: x',
      'a:\tb',
      'a: b\r\n',
      "a: 'b",
      ': b',
      'a: b: c',
      '- a\nb: c',
      'text',
      'a: !x b',
    ])
      assert.equal(parseBlockYaml(text), undefined, text);
  });
});

describe('scalars', () => {
  test('are told apart as DVC does', () => {
    for (const text of [
      'yes',
      'no',
      'on',
      'y',
      '0o8',
      '0X1f',
      '1e',
      '.e5',
      '_1',
      '1:30:00',
      '2020-01-01',
      '1.2.3',
      'tRue',
      'nUll',
    ])
      assert.equal(parsePlain(text), text);
    for (const text of ['', '~', 'null', 'Null', 'NULL']) assert.equal(parsePlain(text), null);
    assert.equal(parsePlain('True'), true);
    assert.equal(parsePlain('FALSE'), false);
  });

  test('numbers are printed as Python prints them', () => {
    const printed = {
      '+1': '1',
      '-0': '0',
      '017': '17',
      '0o17': '15',
      '-0o17': '-15',
      '0x1F': '31',
      '0b101': '5',
      '1_000': '1000',
      '1_': '1',
      '100000000000000000000': '100000000000000000000',
      '1e3': '1000.0',
      '1E+3': '1000.0',
      '1.': '1.0',
      '.5': '0.5',
      '1.10': '1.1',
      '-0.0': '-0.0',
      '1e-4': '0.0001',
      '0.00001': '1e-05',
      '1.5e-7': '1.5e-07',
      '1e15': '1000000000000000.0',
      '1e16': '1e+16',
      '123456789012345678.0': '1.2345678901234568e+17',
      '1e400': 'inf',
      '-.inf': '-inf',
      '.nan': 'nan',
      '0.30000000000000004': '0.30000000000000004',
      '5e-324': '5e-324',
    };
    for (const [written, expected] of Object.entries(printed))
      assert.equal(formatNumber({ number: written }), expected, written);
  });

  test('hashes that look like numbers keep every digit', () => {
    const value = parseYaml(
      Buffer.from('md5: 12345678901234567890123456789012\netag: 1e234567890123456789012345678901\n'),
    );
    assert.ok(isYamlMap(value));
    assert.deepEqual(
      [...value.values()],
      [{ number: '12345678901234567890123456789012' }, { number: '1e234567890123456789012345678901' }],
    );
  });
});

describe('the full parser', () => {
  test('merges maps like DVC', () => {
    const value = parseAnyYaml('a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n');
    assert.ok(isYamlMap(value));
    assert.deepEqual(
      value.get('c'),
      new Map([
        ['x', { number: '3' }],
        ['y', { number: '1' }],
        ['z', { number: '2' }],
      ]),
    );
  });

  test('keys cannot reach a prototype', () => {
    const value = parseAnyYaml('__proto__: {polluted: yes}\nconstructor: x\n');
    assert.ok(isYamlMap(value));
    assert.equal(value.size, 2);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  });

  const broken: Readonly<Record<string, string>> = {
    'a: b\na: c\n': 'line 2: map keys must be unique',
    'a: [1,\nb: 2\n': 'line 2: flow sequence in block collection must be sufficiently indented and end with a ]',
    'a: "b\n': 'line 2: missing closing "quote',
    'a: b: c\n': 'line 1: nested mappings are not allowed in compact mappings',
    'a:\n\t- b\n': 'line 2: tabs are not allowed as indentation',
    'a: *nowhere\n': "line 1: alias 'nowhere' has no anchor before it",
    '{a: 1}: b\n': 'line 1: a map key is not text',
    'a: 1\n---\nb: 2\n': 'line 2: more than one document',
    '<<: 1\n': "line 1: '<<' merges something that is not a map",
    '- a\n- &x [*x]\n': "line 2: alias 'x' has no anchor before it",
  };
  for (const [text, message] of Object.entries(broken)) {
    test(`says what is wrong with ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseYaml(Buffer.from(text)), { code: 'corrupt', message });
    });
  }

  test('refuses what is no text, and what is too large', () => {
    assert.throws(() => parseYaml(Buffer.from([0x61, 0x3a, 0x20, 0xff])), { message: 'not UTF-8 text' });
    assert.throws(() => parseYaml(Buffer.alloc(17 * 1024 * 1024, ' ')), { message: 'more than 16 MiB are not read' });
    const other = Buffer.alloc(1024 * 1024 + 6, '- [a]\n');
    assert.throws(() => parseYaml(other), { message: /^more than 1 MiB in another style than the one DVC writes/ });
    const own = parseYaml(Buffer.alloc(6 * 1024 * 1024, '- ab\n'));
    assert.ok(Array.isArray(own));
  });

  test('many keys and many brackets take no time that grows faster than they do', () => {
    const before = process.cpuUsage();
    const keys = Array.from({ length: 20_000 }, (_, index) => `a${index}: [x]\n`).join('');
    assert.ok(isYamlMap(parseAnyYaml(keys)));
    assert.throws(() => parseAnyYaml('['.repeat(1024 * 1024)), { message: 'line 1: nested deeper than 64 levels' });
    assert.ok(process.cpuUsage(before).user < 6_000_000);
    for (const text of ['? a\n? a\n', '[{a: 1, a: 2}]', '<<: {}\n<<: {}\n', ': 1\n: 2\n'])
      assert.throws(() => parseAnyYaml(text), { message: /map keys must be unique/ }, text);
  });

  test('bombs end soon', () => {
    const laughs = [
      'a0: &a0 [x,x,x,x,x,x,x,x,x]',
      ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
    ];
    assert.throws(() => parseAnyYaml(laughs.join('\n')), {
      message: 'line 5: aliases stand for more than 10000 nodes',
    });
    assert.throws(() => parseAnyYaml(`a: ${'['.repeat(100)}${']'.repeat(100)}`), {
      message: 'line 1: nested deeper than 64 levels',
    });
    assert.throws(() => parseYaml(Buffer.from('['.repeat(20_000))), { code: 'corrupt' });
    assert.throws(() => parseYaml(Buffer.from('- '.repeat(20_000))), { code: 'corrupt' });
    const started = performance.now();
    parseYaml(Buffer.from(`a: "${'x\n  '.repeat(200_000)}"\n`));
    assert.ok(performance.now() - started < 10_000);
  });
});
