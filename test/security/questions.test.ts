// What is said to Git's credential helpers, and heard from them, whatever a repository, a service or a helper has put
// into hosts, paths, users and passwords: never a line more, never a byte that steers a terminal, never another host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFor, parseRequest } from '../../src/credential-helper/request.ts';
import { type CredentialQuestion, parseAnswer, serialize } from '../../src/git/credential.ts';
import { createOrigin, type Origin, originUrl } from '../../src/model/origin.ts';
import { type Dice, openDice } from '../fuzz/dice.ts';

const pieces = [
  ...[
    'example.com',
    'a',
    'B',
    '1',
    '.',
    ':',
    '/',
    '@',
    '%',
    '%0a',
    '%00',
    '\n',
    '\r',
    '\0',
    '\t',
    '\u001b[2J',
    '\u007f',
  ],
  ...[
    '\u0085',
    '\u009b',
    '\u202e',
    '\u2028',
    '\ud800',
    '[',
    ']',
    '::1',
    ':443',
    ':99999',
    '?',
    '#',
    '=',
    ' ',
    '\\',
    '-',
  ],
  ...['host=evil', '\nhost=evil\n', '\n\n', 'ünï', '日本', 'xn--', '..', '*', 'quit=1', 'password=x'],
];
const cases = 20_000;

function invent(dice: Dice, most = 4): string {
  return Array.from({ length: dice.below(most + 1) }, () => dice.pick(pieces)).join('');
}
/** As a helper reads it: lines up to the first empty one (git-credential(1)). */
function fieldsOf(text: string): Map<string, string> {
  const lines = text.split('\n');
  return new Map(lines.slice(0, lines.indexOf('')).map((line) => line.split(/=(.*)/s, 2) as [string, string]));
}

test('a question has the lines that it should have', () => {
  const dice = openDice(20_260_101);
  let said = 0;
  for (let count = 0; count < cases; count++) {
    const question: CredentialQuestion = {
      protocol: dice.chance(0.9) ? 'https' : invent(dice),
      host: invent(dice),
      ...(dice.chance(0.5) ? { path: invent(dice) } : {}),
      ...(dice.chance(0.5) ? { username: invent(dice) } : {}),
    };
    const password = dice.chance(0.5) ? invent(dice) : undefined;
    const text = serialize(question, password);
    if (text === undefined) continue;
    said += 1;
    const wanted = Object.entries({ ...question, password }).filter(
      ([name, value]) => value !== undefined && !(name === 'path' && value === ''),
    );
    assert.deepEqual(Object.fromEntries(fieldsOf(text)), Object.fromEntries(wanted), JSON.stringify(text));
    assert.ok(text.endsWith('\n\n') && text.indexOf('\n\n') === text.length - 2, JSON.stringify(text));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/);
  }
  assert.ok(said > 1_000, `${said} were questions`);
});

test('a place is named in plain characters, so a prompt shows what it is', () => {
  const dice = openDice(20_260_102);
  const more = { provider: false, namedBy: 'repository' } as const;
  for (let count = 0; count < cases; count++) {
    const [address, path] = [invent(dice), invent(dice)];
    const origin = createOrigin(dice.pick(['https', 'http', 'ssh']), address, path, more);
    for (const text of [origin.host, origin.path, originUrl(origin)])
      assert.match(text, /^[\x21-\x7e]*$/, JSON.stringify([address, path]));
    assert.ok(origin.host !== 'example.com' || /^example\.com\.?(?::\d*)?$/i.test(address), JSON.stringify(address));
    // It stays one host and one path for whoever reads the URL again.
    assert.doesNotMatch(origin.host, /[/@?#\\]/, JSON.stringify(address));
    assert.doesNotMatch(origin.path, /[?#@\\]/, JSON.stringify(path));
  }
});

test('an answer is a user and a password for what was asked, or nothing', () => {
  const dice = openDice(20_260_103);
  const asked: CredentialQuestion = { protocol: 'https', host: 'h' };
  let heard = 0;
  for (let count = 0; count < cases; count++) {
    const names = ['username', 'password', 'host', 'quit', 'password_expiry_utc', invent(dice, 1)];
    const lines = Array.from({ length: dice.below(8) }, () => `${dice.pick(names)}=${invent(dice, 2)}`);
    const answer = parseAnswer(`${lines.join('\n')}\n`, asked);
    if (answer === undefined) continue;
    heard += 1;
    assert.notEqual(answer.password, '');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    assert.doesNotMatch(answer.username + answer.password, /[\u0000-\u001f\u007f]/);
  }
  assert.ok(heard > 500, `${heard} were answers`);
});

test('our own helper hears no host but the one that is asked about', () => {
  const dice = openDice(20_260_104);
  const place: Origin = createOrigin('https', 'example.com', '', { provider: false, namedBy: 'user' });
  let asked = 0;
  for (const host of [
    'example.com\\.evil.org',
    'example.com/.evil.org',
    'example.com?.evil',
    'ex%61mple.com',
    'evil@example.com',
  ]) {
    const request = parseRequest(`protocol=https\nhost=${host}\n\n`);
    assert.ok(request === undefined || !isFor(request, place), host);
  }
  for (let count = 0; count < cases; count++) {
    const host = dice.chance(0.5) ? invent(dice) : `example.com${invent(dice, 1)}`;
    const request = parseRequest(`protocol=https\nhost=${host}\npath=${invent(dice)}\n\n`);
    if (request === undefined || !isFor(request, place)) continue;
    asked += 1;
    const [line = ''] = host.split('\n');
    assert.match(line.toLowerCase(), /^example\.com\.?(?::0*443|:)?$/, JSON.stringify(host));
  }
  assert.ok(asked > 100, `${asked} were about it`);
});
