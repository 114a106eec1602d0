import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { parseConfigObj } from './configobj.ts';
import { parseKeyLine, parseSectionLine, tripleQuoted } from './configobj-line.ts';

/** Lines of one file, with their ends. */
const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
const bare = (line: string | undefined): string => (line ?? '').replace(/\r?\n$/, '');

/** True for the title of a storage remote's section, as DVC takes it: case does not matter. */
function isTitleOf(title: string, name: string): boolean {
  return /^\s*remote\s*"(.*)"\s*$/is.exec(title)?.[1]?.toLowerCase() === name.toLowerCase();
}

/** Where the section of a storage remote begins and ends, as indices of lines; undefined: there is none. */
function sectionOf(lines: readonly string[], name: string): { readonly from: number; readonly to: number } | undefined {
  let from: number | undefined;
  for (let index = 0; index < lines.length; index += 1) {
    const header = parseSectionLine(bare(lines[index]));
    if (header === 'blank') continue;
    if (header === undefined) {
      index = lastLineOf(lines, index);
      continue;
    }
    if (from !== undefined) return { from, to: index };
    if (isTitleOf(header.name, name)) from = index;
  }
  return from === undefined ? undefined : { from, to: lines.length };
}

/** A value in triple quotes goes on over several lines. */
function lastLineOf(lines: readonly string[], index: number): number {
  const pair = parseKeyLine(bare(lines[index]));
  return pair === undefined ? index : (tripleQuoted(pair.rest, lines.map(bare), index)?.last ?? index);
}

/**
 * The text without these keys of a storage remote, all else as it was. A section that is empty then goes as well.
 *
 * @param path for messages
 */
export function withoutKeys(text: string, name: string, keys: readonly string[], path: string): string {
  const lines = linesOf(text);
  const section = sectionOf(lines, name);
  if (section === undefined) return text;
  const gone = new Set<number>();
  let left = 0;
  for (let index = section.from + 1; index < section.to; index += 1) {
    if (parseSectionLine(bare(lines[index])) === 'blank') continue;
    const pair = parseKeyLine(bare(lines[index]));
    const last = lastLineOf(lines, index);
    if (pair !== undefined && keys.includes(pair.key.toLowerCase())) {
      for (let each = index; each <= last; each += 1) gone.add(each);
    } else left += 1;
    index = last;
  }
  if (left === 0) gone.add(section.from);
  const result = lines.filter((_, index) => !gone.has(index)).join('');
  return checked(result, path, name, (held) => keys.every((key) => held?.get(key) === undefined));
}

/**
 * The text with these keys of a storage remote set, all else as it was. Throws `config` for a value that the file cannot
 * hold.
 *
 * @param path for messages
 */
export function withKeys(text: string, name: string, values: Readonly<Record<string, string>>, path: string): string {
  const added = Object.entries(values).map(([key, value]) => `    ${key} = ${quoted(value, key, path)}\n`);
  const lines = linesOf(withoutKeys(text, name, Object.keys(values), path));
  const section = sectionOf(lines, name);
  if (section === undefined) {
    if (lines.at(-1)?.endsWith('\n') === false) lines.push('\n');
    lines.push(`['remote "${name}"']\n`, ...added);
  } else lines.splice(section.from + 1, 0, ...added);
  return checked(lines.join(''), path, name, (held) =>
    Object.entries(values).every(([key, value]) => held?.get(key)?.value === value),
  );
}

/** As DVC's own parser reads it back: quotes where a character would else have a meaning. */
function quoted(value: string, key: string, path: string): string {
  if (/^[\w+/=.:@~-]+$/.test(value)) return value;
  const quote = ["'", '"'].find((each) => !value.includes(each));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  if (quote !== undefined && !/[\u0000-\u001f\u007f]|%\(/.test(value)) return `${quote}${value}${quote}`;
  throw new HelperError('config', `'${printable(path)}' cannot hold the value of '${key}'`);
}

type Keys = ReadonlyMap<string, { readonly value: unknown }> | undefined;

/** What was edited is read back before anybody relies on it. */
function checked(text: string, path: string, name: string, isRight: (keys: Keys) => boolean): string {
  const { sections } = parseConfigObj(text, path);
  if (isRight([...sections].find(([title]) => isTitleOf(title, name))?.[1])) return text;
  throw new HelperError('config', `'${printable(path)}' could not be edited: do it by hand`);
}
