import { HelperError } from '../model/error.ts';
import type { Yaml } from './yaml-value.ts';

const deepest = 64;
const token = /[\t\n\r ]*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)|([-\w]+))/y;
const words: ReadonlyMap<string, Yaml> = new Map<string, Yaml>([
  ['true', true],
  ['false', false],
  ['null', null],
  // Python writes and reads these, and a loss that diverged is one of them.
  ['NaN', { number: '.nan' }],
  ['Infinity', { number: '.inf' }],
  ['-Infinity', { number: '-.inf' }],
]);

/**
 * JSON as Python's json module reads it, as the values that a YAML file gives: numbers keep their digits, and whether they
 * are whole. Throws `corrupt` with what is wrong.
 */
export function parseJson(text: string): Yaml {
  let at = 0;
  const fail = (what: string): HelperError =>
    new HelperError('corrupt', `line ${text.slice(0, at).split('\n').length}: ${what}`);
  const matched = (): RegExpExecArray | null => {
    try {
      return token.exec(text);
    } catch {
      // What a search may remember of millions of escapes has an end.
      throw fail('a text that is too long');
    }
  };
  const next = (): RegExpExecArray => {
    token.lastIndex = at;
    const match = matched();
    if (match === null) {
      const early = text.slice(at).trim() === '';
      if (early) at = text.length;
      throw fail(early ? 'the file ends early' : 'not JSON');
    }
    at = token.lastIndex;
    return match;
  };
  const textOf = (source: string): string => {
    try {
      return JSON.parse(source);
    } catch {
      throw fail('a text with characters that JSON wants escaped');
    }
  };
  const list = (depth: number): Yaml => {
    const items: Yaml[] = [];
    let match = next();
    if (match[1] === ']') return items;
    for (;;) {
      items.push(value(match, depth));
      const mark = next()[1];
      if (mark === ']') return items;
      if (mark !== ',') throw fail("',' or ']' is missing");
      match = next();
    }
  };
  const map = (depth: number): Yaml => {
    const entries = new Map<string, Yaml>();
    let match = next();
    if (match[1] === '}') return entries;
    for (;;) {
      if (match[2] === undefined) throw fail('a key is not text in double quotes');
      const key = textOf(match[2]);
      if (next()[1] !== ':') throw fail("':' is missing");
      entries.set(key, value(next(), depth));
      const mark = next()[1];
      if (mark === '}') return entries;
      if (mark !== ',') throw fail("',' or '}' is missing");
      match = next();
    }
  };
  const value = ([, mark, quoted, number, word]: RegExpExecArray, depth: number): Yaml => {
    if (depth > deepest) throw fail(`nested deeper than ${deepest} levels`);
    if (quoted !== undefined) return textOf(quoted);
    if (number !== undefined) return { number };
    if (mark === '{') return map(depth + 1);
    if (mark === '[') return list(depth + 1);
    const known = word === undefined ? undefined : words.get(word);
    if (known === undefined) throw fail('not JSON');
    return known;
  };
  const whole = value(next(), 0);
  if (text.slice(at).trim() !== '') throw fail('more than one value');
  return whole;
}
