import { type Experiment, shortId } from '../experiments/experiment.ts';
import type { GitOid } from '../model/git.ts';
import { choosePaint, type Style } from '../report/color.ts';
import { printable } from '../report/printable.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import type { SharingOptions } from './options.ts';
import type { CommandRepository } from './repository.ts';
import type { Target } from './target.ts';

/** What became of one experiment that was to be pushed or pulled. */
export interface Outcome {
  readonly experiment: Experiment;
  /** `done`: its ref moved, or would. `diverged`: it is another one over there, and was left. */
  readonly state: 'done' | 'up to date' | 'diverged' | 'failed';
  /** Where the ref stood on the other side until then; undefined: it was not there, or stood here already. */
  readonly other: GitOid | undefined;
  /** Why it failed. */
  readonly reason: string | undefined;
  /** Why its data is not whole where it was to go; undefined: it is, or was not to go. */
  readonly data: string | undefined;
}

interface Report {
  readonly options: SharingOptions;
  readonly target: Target;
  /** Refs only. */
  readonly bare: boolean;
  readonly repository: CommandRepository;
  readonly context: CommandContext;
}

const words = {
  push: { verb: 'push', done: 'pushed', there: 'on', data: 'pushed' },
  pull: { verb: 'pull', done: 'pulled', there: 'of', data: 'pulled' },
} as const;

/** A line for each experiment on stdout, or JSON. Answers the exit code: 1 unless all is done that was asked for. */
export function reportOutcomes(kind: 'push' | 'pull', outcomes: readonly Outcome[], report: Report): number {
  const { options, context, bare } = report;
  const isDone = ({ state, data }: Outcome): boolean =>
    (state === 'done' || state === 'up to date') && data === undefined;
  const code = outcomes.every(isDone) ? 0 : 1;
  if (options.json) {
    context.stdout(`${JSON.stringify(toJson(kind, outcomes, report), null, 2)}\n`);
    return code;
  }
  if (options.quiet) return code;
  const say = (line: string): void => context.stdout(`${line}\n`);
  if (outcomes.length === 0) say(`no experiments to ${kind}`);
  for (const outcome of outcomes) say(lineOf(kind, outcome, report));
  if (outcomes.some(({ state }) => state === 'diverged')) {
    const loser = kind === 'push' ? `those on ${report.target.shown}` : 'those here';
    say(`to replace ${loser}: git dvcexp ${kind} --force ...`);
  }
  if (bare && outcomes.some(isDone)) {
    const how = options['no-cache'] ? '--no-cache' : 'dvcexp.noCache is set';
    say(`their data was not ${words[kind].data} (${how}); to do that: ${again(kind, report)}`);
  }
  return code;
}

function again(kind: 'push' | 'pull', { options, target }: Report): string {
  const rest = options.words.slice(options.words[0] === target.address ? 1 : 0);
  return ['git dvcexp', kind, word(target.address), ...rest.map(word)].join(' ');
}

function lineOf(kind: 'push' | 'pull', outcome: Outcome, { options, target, repository, context }: Report): string {
  const paint = choosePaint(context.stdoutTerminal, repository.configuration.get, context.env);
  const { experiment, state, other, reason, data } = outcome;
  const label = state !== 'done' ? state : options['dry-run'] ? `would ${words[kind].verb}` : words[kind].done;
  const style: Style = state === 'failed' || state === 'diverged' || data !== undefined ? 'bad' : 'good';
  const name = `${printable(experiment.name)} (${paint('id', shortId(experiment.id))})`;
  const side = kind === 'push' ? `on ${target.shown}` : 'here';
  const notes = [
    ...(state === 'done' && other !== undefined ? [`in place of ${shortId(other)}`] : []),
    ...(state === 'diverged' && other !== undefined ? [`it is ${shortId(other)} ${side}`] : []),
    ...(reason === undefined ? [] : [printable(reason)]),
    ...(data === undefined || data === reason ? [] : [`its data is not whole: ${printable(data)}`]),
  ];
  return `${paint(style, label.padEnd(10))}  ${name}${notes.length === 0 ? '' : `: ${notes.join('; ')}`}`;
}

/** A dry run looks at the data of what would move, and can promise nothing. */
function knowsData(state: Outcome['state'], { options, bare }: Report): boolean {
  return !bare && (state === 'up to date' || (state === 'done' && !options['dry-run']));
}

function toJson(kind: 'push' | 'pull', outcomes: readonly Outcome[], report: Report): unknown {
  const { options, target } = report;
  return {
    gitRemote: target.address,
    dryRun: options['dry-run'],
    experiments: outcomes.map(({ experiment: { name, ref, id, baseline }, state, other, reason, data }) => ({
      name,
      ref,
      id,
      baseline,
      state: state === 'done' ? words[kind].done : state.replaceAll(' ', '-'),
      replaced: state === 'done' ? (other ?? null) : null,
      other: state === 'diverged' ? (other ?? null) : null,
      reason: reason ?? null,
      data: data ?? (knowsData(state, report) ? 'whole' : null),
    })),
  };
}
