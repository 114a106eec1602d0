import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { type ConfigEntry, type Fail, interpolate, type RawConfig } from './configobj-interpolation.ts';
import { parseKeyLine, parseSectionLine, parseValue, tripleQuoted } from './configobj-line.ts';

export type ConfigSection = ReadonlyMap<string, ConfigEntry>;

/** A configuration file, names of sections and keys in lower case, interpolation done. */
export interface ConfigObj {
  /** Keys before the first section. */
  readonly top: ConfigSection;
  /** By name without brackets and outer quotes, in the order of the file: `core`, `remote "storage"`. */
  readonly sections: ReadonlyMap<string, ConfigSection>;
}

/** Characters; a real one has some hundred. */
const sizeLimit = 2 ** 20;

/**
 * Parses the dialect of Python's ConfigObj with the defaults that DVC leaves on: one level of sections, `#` comments,
 * lists by unquoted commas, triple quotes over several lines, `%(key)s` interpolation. Throws `config` at the first
 * mistake, naming `where` and the line.
 */
export function parseConfigObj(text: string, where: string): ConfigObj {
  const fail: Fail = (line, what, ...hints) =>
    new HelperError('config', `'${printable(where)}' line ${line}: ${what}`, { hints });
  if (text.length > sizeLimit) throw new HelperError('config', `'${printable(where)}' is larger than 1 MiB`);
  if (text.startsWith('\ufeff')) {
    throw fail(1, 'the file starts with a byte order mark', 'save it as UTF-8 without a byte order mark');
  }
  return fold(interpolate(parseLines(splitLines(text), fail), fail));
}

/** As Python's universal newlines and then str.splitlines: the rarer ends of line stay in their line, as blanks. */
function splitLines(text: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the separators that Python splits at
  return text.split(/\r\n|\r|\n|(?<=[\v\f\x1c-\x1e\x85\u2028\u2029])/);
}

function parseLines(lines: readonly string[], fail: Fail): RawConfig {
  const config: RawConfig = { top: new Map(), sections: new Map() };
  let section = config.top;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const number = index + 1;
    // What a decoder puts in place of bytes that are not UTF-8.
    if (line.includes('\ufffd')) throw fail(number, 'not UTF-8 text', 'save the file as UTF-8');
    const header = parseSectionLine(line);
    if (header === 'blank') continue;
    if (header !== undefined) {
      section = openSection(config, header, (what, ...hints) => fail(number, what, ...hints));
      continue;
    }
    const pair = parseKeyLine(line);
    if (pair === undefined) {
      throw fail(
        number,
        "neither '[section]' nor 'key = value'",
        "a key is followed by '=', a comment starts with '#'",
      );
    }
    const name = printable(pair.key);
    const parsed = tripleQuoted(pair.rest, lines, index) ?? { value: parseValue(pair.rest), last: index };
    if (parsed.value === undefined) {
      throw fail(
        number,
        `the value of '${name}' has a quote or a comma that does not fit`,
        `put a value that holds commas or '#' in double quotes`,
      );
    }
    if (section.has(pair.key) || (section === config.top && config.sections.has(pair.key))) {
      throw fail(number, `duplicate key '${name}'`, 'remove one of them');
    }
    section.set(pair.key, { value: parsed.value, line: number });
    index = parsed.last;
  }
  return config;
}

function openSection(
  config: RawConfig,
  header: { readonly name: string; readonly open: number; readonly close: number },
  fail: (what: string, ...hints: string[]) => HelperError,
): Map<string, ConfigEntry> {
  const name = printable(header.name);
  if (header.open !== header.close) throw fail(`the brackets around '${name}' do not match`);
  if (header.open > 1) throw fail(`nested section '${name}'`, 'use one pair of brackets');
  if (config.sections.has(header.name) || config.top.has(header.name)) {
    throw fail(`duplicate section '${name}'`, 'join the two');
  }
  const section = new Map<string, ConfigEntry>();
  config.sections.set(header.name, section);
  return section;
}

/** Names differ only in case: the later one counts, of sections with all that is in it. DVC does the same. */
function fold(config: RawConfig): ConfigObj {
  const lower = <Value>(map: ReadonlyMap<string, Value>): Map<string, Value> =>
    new Map([...map].map(([name, value]) => [name.toLowerCase(), value]));
  const sections = lower(config.sections);
  return { top: lower(config.top), sections: new Map([...sections].map(([name, keys]) => [name, lower(keys)])) };
}
