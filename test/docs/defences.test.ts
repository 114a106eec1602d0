// What `npm run defences` takes out must still be there, and what must not be done twice is done in one place.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { defences } from '../../scripts/defences/list.ts';

test('every defence of the list stands in its file, once, and its tests are there', () => {
  const names = new Set<string>();
  for (const { name, file, find, replace, tests } of defences) {
    assert.ok(!names.has(name), `${name} stands twice in the list`);
    names.add(name);
    assert.equal(readFileSync(file, 'utf8').split(find).length, 2, `'${find}' in ${file}`);
    assert.notEqual(find, replace, name);
    for (const path of tests) assert.ok(existsSync(join('test', path)), `${name}: test/${path}`);
  }
});

test('the page about them has a row for each', () => {
  const page = readFileSync('docs/security-tests.md', 'utf8');
  for (const { name, file } of defences) {
    const row = page.split('\n').find((line) => line.startsWith(`| ${name} `)) ?? '';
    assert.ok(row.includes(`\`${file}\``), `${name}: ${row}`);
  }
});

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ file: join('src', name).replaceAll('\\', '/'), text: readFileSync(join('src', name), 'utf8') }));
const withText = (pattern: RegExp): readonly string[] =>
  sources
    .filter(({ text }) => pattern.test(text.replace(/^\s*(?:\*|\/\/|\/\*\*).*$/gm, '')))
    .map(({ file }) => file)
    .sort();

for (const [what, pattern, homes] of [
  ['programs are started', /\bchild_process\b/, ['src/git/process.ts']],
  // A partial file's name holds the digits of an object's, to find it; it makes no path of them.
  ['names of objects are parsed', /\[0-9a-f\]\{(?:32|30)\}/, ['src/dvc/partial-name.ts', 'src/model/object.ts']],
  ['redirects are followed', /(?<![.\w])follow\(answer/, ['src/storage/http/client.ts']],
  [
    'requests are sent',
    /\bhttps?\.request\b|\bfetch\(\s*['"`]|new (?:http|https)\.Agent/,
    ['src/storage/wire/wire.ts'],
  ],
  ['bodies are unpacked', /node:zlib/, []],
  ['control characters are shown', /\\\\x\$\{/, ['src/report/printable.ts']],
  ['secrets are left out', /<redacted>'/, ['src/report/conceal.ts']],
  ['private addresses are listed', /new BlockList/, ['src/model/origin.ts', 'src/storage/http/redirect.ts']],
  ['credentials are put into lines', /\$\{name\}=\$\{value\}\\n/, ['src/git/credential.ts']],
  ['verdicts on places are found', /why: 'stranger'/, ['src/trust/rule.ts']],
  ['metadata services are known', /169\.254\.0\.0', 16, 'ipv4'/, ['src/model/origin.ts']],
] as const) {
  test(`${what} in one place`, () => {
    assert.deepEqual(withText(pattern), homes);
  });
}
