import { nearest } from '../experiments/nearest.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';

const leaveItOut = 'leave it out';
const allLooked = 'all outputs of a commit are looked at: leave it out';
const stages = 'what stages depend on is known to DVC alone: dvc status --cloud --with-deps';
const nothingKept = 'nothing is kept from one time to the next: leave it out';

const dry = `nothing is removed without '--yes': ${leaveItOut}`;
const inStorage = "name the storage remote: '--storage <name>'";
const allKept = `what any ref leads to is kept: ${leaveItOut}`;

/** Options of DVC that the verb has not, and what of it: somebody's fingers know them. */
const dvcAlone: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  show: {
    '--hide-failed': `experiments that failed are in no ref, and never shown: ${leaveItOut}`,
    '--hide-queued': `experiments that are queued are in no ref, and never shown: ${leaveItOut}`,
    '--no-fetch': `nothing is fetched: ${leaveItOut}`,
    '--force': nothingKept,
    '-f': nothingKept,
  },
  status: {
    '--cloud': `storage is asked always: ${leaveItOut}`,
    '-c': `storage is asked always: ${leaveItOut}`,
    '--no-updates': `updates of imports are not looked for: ${leaveItOut}`,
    '--with-deps': stages,
    '-d': stages,
    '--recursive': allLooked,
    '-R': allLooked,
  },
  gc: {
    '--dry': dry,
    '--dry-run': dry,
    '--cloud': inStorage,
    '-c': inStorage,
    '--remote': inStorage,
    '-r': inStorage,
    '--workspace': allKept,
    '-w': allKept,
    '--all-branches': allKept,
    '-a': allKept,
    '--all-tags': allKept,
    '-T': allKept,
    '--all-commits': allKept,
    '-A': allKept,
    '--all-experiments': allKept,
    '--force': "nothing is asked: '--yes' removes",
    '-f': "nothing is asked: '--yes' removes",
    '--skip-failed': "a commit that cannot be read is left out by '--except <commit>'",
  },
};

/** What the parser has against a command line, in its own words. */
export class Complaint extends Error {}

/** The verb as `-h` tells of it. */
export interface VerbUsage {
  readonly verb: string;
  /** `git dvcexp branch <experiment> [branch]` */
  readonly usage: string;
  /** `--force` and so on. */
  readonly options: readonly string[];
}

/** Reads what `-h` has printed. */
export function readUsage(verb: string, help: string): VerbUsage {
  const options = new Set([...help.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option));
  return { verb, usage: help.split('\n', 1)[0] ?? '', options: [...options] };
}

/**
 * The complaint as people are told of it: an option that there is not before all else, since the word behind it may have been
 * taken for its value.
 *
 * @param args the command line as it was typed
 */
export function explainComplaint({ message }: Complaint, args: readonly string[], about: VerbUsage): HelperError {
  const { verb, usage, options } = about;
  const of = verb === '' ? "'git dvcexp -h' lists commands" : `'git dvcexp ${verb} -h' lists what it takes`;
  const error = (said: string, ...hints: readonly string[]): HelperError =>
    new HelperError('usage', said, { hints: [...hints, of] });

  const [, list] = /^Unknown (?:argument|command)s?: (.*)$/is.exec(message) ?? [];
  const unknown = list?.split(', ') ?? [];
  const option = unknownOption(args, unknown, options);
  if (option !== undefined) {
    const reason = dvcAlone[verb]?.[option];
    const similar = option.startsWith('--')
      ? nearest(
          option.slice(2),
          options.map((each) => each.slice(2)),
        )
      : [];
    const hints = reason === undefined ? similar.map((each) => `did you mean '--${each}'?`) : [reason];
    const who = verb === '' ? 'there is' : `'${verb}' has`;
    return error(`${who} no option '${printable(option)}'`, ...hints);
  }
  if (unknown.length > 0) {
    const words = unknown.map((word) => `'${printable(word)}'`).join(', ');
    return error(`${words} ${unknown.length > 1 ? 'are' : 'is'} more than '${verb}' takes`);
  }
  const [, got] = /^Not enough non-option arguments: got (\d+)/i.exec(message) ?? [];
  if (got !== undefined) {
    const needed = [...usage.matchAll(/<[^>]+>/g)].map(([word]) => word).slice(Number(got));
    return error(`'${verb}' needs ${needed.join(' and ')}`, usage);
  }
  const [, valueless] = /^Not enough arguments following: (.+)$/i.exec(message) ?? [];
  if (valueless !== undefined) return error(`'${dashed(valueless)}' needs a value`);
  const [, name = '', given = '', choices] =
    /^Invalid values:\s+Argument: (.+), Given: "(.*)", Choices: (.*)$/is.exec(message) ?? [];
  if (choices !== undefined)
    return error(
      `'${dashed(name)}' takes ${choices.replaceAll('"', '').replaceAll(', ', ' or ')}, not '${printable(given)}'`,
    );
  return error(message);
}

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

/** The first option that is none of the verb's, without its value. Of short ones only what the parser has complained of. */
function unknownOption(
  args: readonly string[],
  unknown: readonly string[],
  options: readonly string[],
): string | undefined {
  const end = args.indexOf('--');
  for (const word of end < 0 ? args : args.slice(0, end)) {
    const [option = ''] = word.split('=', 1);
    if (option.startsWith('--')) {
      if (unknown.includes(option.slice(2)) || !options.includes(option)) return option;
    } else if (option.startsWith('-')) {
      const letter = unknown.find((each) => each.length === 1 && option.includes(each));
      if (letter !== undefined) return `-${letter}`;
    }
  }
  return undefined;
}
