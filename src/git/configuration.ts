import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { type ProcessOptions, runGit } from './process.ts';

/**
 * Git's configuration as one process sees it: files, `-c` options and environment. Keys are `section.name` or
 * `section.subsection.name`; section and name in any case, the subsection exactly as written (git-config(1), "Syntax").
 */
export interface Configuration {
  /** The last value of a key, '' for a key without value; undefined when it is not set. */
  get(key: string): string | undefined;
  /** Every value of a key, in the order of the files. */
  all(key: string): readonly string[];
  /** The last value read as Git reads a boolean; undefined when it is not set. Throws `config` when it is none. */
  bool(key: string): boolean | undefined;
  /** Values of `<section>.<subsection>.<name>` with their subsections, in the order of the files. */
  subsections(section: string, name: string): readonly { readonly subsection: string; readonly value: string }[];
  /** `url.<base>.insteadOf` and `.pushInsteadOf`, in the order of the files. */
  rewrites(kind: 'insteadOf' | 'pushInsteadOf'): readonly Rewrite[];
}

export interface Rewrite {
  readonly base: string;
  readonly prefix: string;
}

/** A key without value is true as a boolean, a key with an empty value is false; `get` answers '' for both. */
const noValue = Symbol('no value');
type Value = string | typeof noValue;

function normalKey(key: string): string {
  const first = key.indexOf('.');
  const last = key.lastIndexOf('.');
  if (first < 0) return key.toLowerCase();
  return key.slice(0, first).toLowerCase() + key.slice(first, last) + key.slice(last).toLowerCase();
}

function parseBoolean(value: Value, key: string): boolean {
  if (value === noValue || /^(?:true|yes|on)$/i.test(value)) return true;
  if (/^(?:false|no|off|)$/i.test(value)) return false;
  if (/^[+-]?(?:0x[0-9a-f]+|[0-9]+)[kmg]?$/i.test(value)) return !/^[+-]?(?:0x)?0+[kmg]?$/i.test(value);
  throw new HelperError('config', `bad boolean config value '${printable(value)}' for '${printable(key)}'`);
}

/** Reads the output of `git config --list -z`: `key LF value NUL`, without the LF for a key that has no value. */
export function parseConfiguration(text: string): Configuration {
  const values = new Map<string, Value[]>();
  for (const entry of text.split('\0')) {
    if (entry === '') continue;
    const end = entry.indexOf('\n');
    const key = normalKey(end < 0 ? entry : entry.slice(0, end));
    const known = values.get(key) ?? [];
    known.push(end < 0 ? noValue : entry.slice(end + 1));
    values.set(key, known);
  }
  const find = (key: string): readonly Value[] => values.get(normalKey(key)) ?? [];
  const shown = (value: Value): string => (value === noValue ? '' : value);
  const subsections: Configuration['subsections'] = (section, name) => {
    const [prefix, suffix] = [`${section.toLowerCase()}.`, `.${name.toLowerCase()}`];
    return [...values]
      .filter(([key]) => key.startsWith(prefix) && key.endsWith(suffix) && key.length >= prefix.length + suffix.length)
      .flatMap(([key, found]) =>
        found.map((value) => ({ subsection: key.slice(prefix.length, -suffix.length), value: shown(value) })),
      );
  };
  return {
    get: (key) => {
      const last = find(key).at(-1);
      return last === undefined ? undefined : shown(last);
    },
    all: (key) => find(key).map(shown),
    bool: (key) => {
      const last = find(key).at(-1);
      return last === undefined ? undefined : parseBoolean(last, key);
    },
    subsections,
    rewrites: (kind) => subsections('url', kind).map(({ subsection, value }) => ({ base: subsection, prefix: value })),
  };
}

/** One `git config` for the whole session. Throws `io` with Git's own words when a file cannot be parsed. */
export async function readConfiguration(options: ProcessOptions): Promise<Configuration> {
  const { stdout } = await runGit(['config', '--list', '-z'], options);
  return parseConfiguration(stdout.toString());
}
