import type { Argv } from 'yargs';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';

/** The last of several: `-r a -r b` means `b`, as with Git. */
export function last<T>(value: T | readonly T[]): T {
  return Array.isArray(value) ? value.at(-1) : (value as T);
}

/** Reads the last of several numbers. The function throws `usage` for one out of the range. */
export function wholeNumber(
  option: string,
  least: number,
  most: number,
): (value: number | readonly number[] | undefined) => number | undefined {
  return (value: number | readonly number[] | undefined): number | undefined => {
    const number = last(value as number | undefined);
    if (number === undefined || (Number.isInteger(number) && number >= least && number <= most)) return number;
    const range = least < 0 ? 'a whole number' : `a number from ${least} to ${most}`;
    throw new HelperError('usage', `'${option}' takes ${range}`);
  };
}

export interface SelectionOptions {
  readonly rev: readonly string[];
  readonly num: number | undefined;
  readonly 'all-commits': boolean;
}

/** Which experiments: `--rev`, `-n`, `-A`. */
export function selecting<T>(command: Argv<T>, what: string): Argv<T & SelectionOptions> {
  return command
    .option('rev', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: `${what} made from this commit; may be repeated`,
      requiresArg: true,
    })
    .option('num', {
      alias: 'n',
      type: 'number',
      requiresArg: true,
      coerce: wholeNumber('-n', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      describe: 'and from so many commits in all, by first parents; negative: from all of them',
    })
    .option('all-commits', {
      alias: 'A',
      type: 'boolean',
      default: false,
      describe: `${what} made from any commit`,
    }) as unknown as Argv<T & SelectionOptions>;
}

export interface TransferOptions {
  readonly remote: string | undefined;
  readonly jobs: number | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly 'no-cache'?: boolean;
  readonly 'run-cache'?: boolean;
  readonly 'no-run-cache'?: boolean;
}

/** What `push` and `pull` take. */
export interface SharingOptions extends SelectionOptions, TransferOptions {
  /** The Git remote, if it is named, and experiments. */
  readonly words: readonly string[];
  readonly force: boolean;
  readonly 'no-cache': boolean;
  readonly 'run-cache': boolean;
  readonly 'no-run-cache': boolean;
  readonly 'dry-run': boolean;
  readonly json: boolean;
}

/** How data moves: `-r`, `-j`, `-q`, `-v`. */
export function moving<T>(command: Argv<T>): Argv<T & TransferOptions> {
  return command
    .option('remote', {
      alias: 'r',
      type: 'string',
      requiresArg: true,
      coerce: last<string | undefined>,
      describe: 'storage remote to use instead of the default one',
    })
    .option('jobs', {
      alias: 'j',
      type: 'number',
      requiresArg: true,
      coerce: wholeNumber('-j', 1, 9999),
      describe: 'most transfers at once',
    })
    .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print errors only' })
    .option('verbose', {
      alias: 'v',
      type: 'boolean',
      default: false,
      describe: 'print more',
    }) as unknown as Argv<T & TransferOptions>;
}

/** `-q` of a verb that moves no data. */
export function quieting<T>(command: Argv<T>): Argv<T & { readonly quiet: boolean }> {
  return command.option('quiet', {
    alias: 'q',
    type: 'boolean',
    default: false,
    describe: 'print errors only',
  }) as unknown as Argv<T & { readonly quiet: boolean }>;
}

/** `--json`. */
export function asJson<T>(command: Argv<T>): Argv<T & { readonly json: boolean }> {
  return command.option('json', {
    type: 'boolean',
    default: false,
    describe: 'print JSON, as git-dvcexp(1) describes it',
  }) as unknown as Argv<T & { readonly json: boolean }>;
}

/** Throws `usage` when two options are given that exclude each other. */
export function refuseBoth(options: Readonly<Record<string, boolean>>): void {
  const given = Object.entries(options).flatMap(([name, is]) => (is ? [`'${printable(name)}'`] : []));
  if (given.length > 1) throw new HelperError('usage', `${given.join(' and ')} cannot be used together`);
}
