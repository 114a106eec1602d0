import { nearest } from '../experiments/nearest.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';

/** No argument can hold it. */
const mark = '\0';

/** Words behind `--` are words, whatever they begin with. The parser would not count them as any that a verb asks for. */
export function markWords(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  if (end < 0) return [...args];
  return [...args.slice(0, end), ...args.slice(end + 1).map((word) => `${mark}${word}`)];
}

/** Takes the mark off every word of what the parser has made of them. Those that had one are repeated under `--`. */
export function unmarkWords(options: Record<string, unknown>): void {
  options['--'] = Object.entries(options)
    .flatMap(([name, value]) => (name === '_' || name === '--' || !Array.isArray(value) ? [] : value))
    .filter((value): value is string => typeof value === 'string' && value.startsWith(mark))
    .map(unmark);
  const bare = (value: unknown): unknown => (typeof value === 'string' ? unmark(value) : value);
  for (const [name, value] of Object.entries(options)) {
    options[name] = Array.isArray(value) ? value.map(bare) : bare(value);
  }
}

export function unmark(text: string): string {
  return text.replaceAll(mark, '');
}

/** The first word, which is the verb; undefined when there are only options. */
export function verbIn(args: readonly string[]): string | undefined {
  return args.find((word, index) => !word.startsWith('-') && args[index - 1] !== '-C');
}

/**
 * The verb that a call for help is about, '' for none in particular; undefined when nobody calls for help. `-h` is a
 * short answer and the parser's affair.
 */
export function helpAbout(args: readonly string[]): string | undefined {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const verb = verbIn(own);
  if (verb === 'help') return verbIn(own.slice(own.indexOf(verb) + 1)) ?? '';
  return own.includes('--help') ? (verb ?? '') : undefined;
}

/** What is said of a verb that there is not. */
export function unknownVerb(verb: string, known: readonly string[]): HelperError {
  const similar = nearest(verb, known).map((each) => `did you mean '${each}'?`);
  return new HelperError('usage', `there is no command '${printable(verb)}'`, {
    hints: [...similar, "'git dvcexp -h' lists commands and options"],
  });
}
