import type { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { ConfigValue } from './configobj-line.ts';

export interface ConfigEntry {
  readonly value: ConfigValue;
  /** Counted from 1. */
  readonly line: number;
}

/** What the lines of a file say, names as written. `top` holds the keys before the first section. */
export interface RawConfig {
  readonly top: Map<string, ConfigEntry>;
  readonly sections: Map<string, Map<string, ConfigEntry>>;
}

/** Makes the error for a line of a file; `line` counts from 1. */
export type Fail = (line: number, what: string, ...hints: string[]) => HelperError;

// Each bound is far above any real file and stops the one that doubles itself at every step.
const depthLimit = 20;
const replacementLimit = 10_000;
const lengthLimit = 2 ** 16;

type Section = ReadonlyMap<string, ConfigEntry>;
type Lookup = { readonly entry: ConfigEntry; readonly section: Section };

/** Replaces every `%(key)s` by the key's value from the same section, the top of the file or `[DEFAULT]`. */
export function interpolate(config: RawConfig, fail: Fail): RawConfig {
  let replacements = 0;

  const lookUp = (key: string, section: Section): Lookup | undefined => {
    const own = section.get(key);
    if (own !== undefined) return { entry: own, section };
    // ConfigObj goes on from the top of the file, also for what it found in [DEFAULT].
    const above = config.top.get(key) ?? config.sections.get('DEFAULT')?.get(key);
    return above === undefined ? undefined : { entry: above, section: config.top };
  };

  const expand = (text: string, section: Section, trail: readonly ConfigEntry[], line: number): string => {
    let done = '';
    let rest = 0;
    for (let start = text.indexOf('%('); start !== -1; start = text.indexOf('%(', Math.max(start + 1, rest))) {
      const end = text.indexOf(')', start);
      if (end === -1) break;
      // Every '%(' before this ')' would end at it too.
      if (text[end + 1] !== 's') {
        start = end;
        continue;
      }
      const key = text.slice(start + 2, end);
      const found = lookUp(key, section);
      const reference = `'%(${printable(key)})s'`;
      if (found === undefined || typeof found.entry.value !== 'string') {
        throw fail(
          line,
          `${reference} stands for a key that is not there`,
          `set '${printable(key)}' in the same section`,
        );
      }
      if (trail.includes(found.entry)) throw fail(line, `${reference} stands for itself`);
      if (++replacements > replacementLimit || trail.length >= depthLimit) {
        throw fail(line, `${reference} leads to too many replacements`);
      }
      done += text.slice(rest, start) + expand(found.entry.value, found.section, [...trail, found.entry], line);
      if (done.length > lengthLimit) throw fail(line, `${reference} makes a value longer than 64 KiB`);
      rest = end + 2;
    }
    return done + text.slice(rest);
  };

  const all = (section: Section): Map<string, ConfigEntry> => {
    const value = (entry: ConfigEntry): ConfigValue =>
      typeof entry.value === 'string'
        ? expand(entry.value, section, [entry], entry.line)
        : entry.value.map((item) => expand(item, section, [entry], entry.line));
    return new Map([...section].map(([key, entry]) => [key, { value: value(entry), line: entry.line }]));
  };
  return {
    top: all(config.top),
    sections: new Map([...config.sections].map(([name, section]) => [name, all(section)])),
  };
}
