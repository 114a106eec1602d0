import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkOut } from '../checkout/checkout.ts';
import { type CheckoutPlan, type ChosenOutput, type Missing, planCheckout } from '../checkout/plan.ts';
import type { Change, CheckoutResult } from '../checkout/terms.ts';
import { refuseStrangers } from '../dvc/targets.ts';
import { runGit } from '../git/process.ts';
import { keyOf } from '../model/object.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { countOf } from '../report/progress.ts';
import { openVoice, type Voice } from '../report/voice.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { loudness } from './data-side.ts';
import { refuseBoth } from './options.ts';
import { type CommandRepository, requireRepository } from './repository.ts';
import { targetsOf, type Whereabouts, whereabouts } from './targets.ts';
import { type WorkTreeOutputs, workTreeOutputs } from './work-tree-outputs.ts';

export interface CheckoutOptions {
  readonly path: readonly string[];
  readonly force: boolean;
  readonly relink: boolean;
  readonly 'allow-missing': boolean;
  readonly summary: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
}

/** `git dvcexp checkout [<path>…]`. Exit code 0 only when every output that was meant is as its metafile says. */
export async function checkoutCommand(
  options: CheckoutOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  refuseBoth({ '--summary': options.summary, '--json': options.json });
  const repository = await requireRepository(context, operation);
  const targets = targetsOf(options.path, repository, context);
  const outputs = await workTreeOutputs(repository, context, operation);
  const chosen: ChosenOutput[] = [];
  const declared = new Set<string>();
  for (const { outputs: own, ...project } of outputs.projects) {
    for (const output of own) {
      declared.add(output.path);
      const part = output.cache ? targets.of(output) : undefined;
      if (part !== undefined) chosen.push({ ...project, output, part });
    }
  }
  refuseStrangers(targets.strangers(), 'the work tree');
  const plan = planCheckout(chosen);
  // A listing that is not here cannot say what is in it; and a file that no listing has may be meant to go.
  if (plan.missing.length === 0) {
    const unmet = targets.unmet().filter((each) => !existsSync(resolve(context.cwd, each)));
    refuseStrangers(unmet, 'the work tree');
  }
  const voice = openVoice({ ...context, ...loudness(options, context) });
  for (const warning of outputs.warnings) voice.warn(warning);
  const result = await run(plan, { options, outputs, declared, repository, voice }, operation);
  const where = whereabouts(repository, context);
  if (options.json) context.stdout(`${JSON.stringify(toJson(result, outputs), undefined, 2)}\n`);
  else if (options.summary) context.stdout(`${summaryOf(result.changes)}\n`);
  else if (!options.quiet) for (const change of result.changes) context.stdout(`${lineOf(change, where)}\n`);
  return tellTroubles(result, outputs, options, voice, where);
}

interface Running {
  readonly options: CheckoutOptions;
  readonly outputs: WorkTreeOutputs;
  readonly declared: ReadonlySet<string>;
  readonly repository: CommandRepository;
  readonly voice: Voice;
}

async function run(
  plan: CheckoutPlan,
  { options, outputs, declared, repository, voice }: Running,
  operation: Operation,
): Promise<CheckoutResult> {
  const { location, git } = repository;
  const files = plan.outputs.reduce((sum, output) => sum + output.files.size, 0);
  const meter = voice.meter('Checking out data', { objects: files, bytes: undefined, still: true });
  let whole = false;
  try {
    const result = await checkOut(
      plan,
      {
        ...options,
        top: location.workTree ?? '',
        gitDirectory: location.gitDirectory,
        declared,
        // Of what a metafile that cannot be read may still tell of, nothing is taken away.
        unneeded: options.path.length === 0 && outputs.problems.length === 0,
        caches: outputs.projects.map(({ cache }) => cache),
        async tracked(paths) {
          const args = ['ls-files', '-z', '--full-name', '--', ...paths.map((path) => `:(top,literal)${path}`)];
          const { stdout } = await runGit(args, { ...git, cwd: location.workTree ?? git.cwd });
          return new Set(stdout.toString().split('\0'));
        },
        onFile: meter.object,
      },
      operation,
    );
    whole = true;
    return result;
  } finally {
    meter.finish(whole);
  }
}

/** As DVC prints it, and of a directory how many of its files. */
function lineOf({ path, isFolder, kind, ...tally }: Change, { here }: Whereabouts): string {
  const shown = printable(`${here(path)}${isFolder ? '/' : ''}`);
  const counts = Object.entries(tally).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []));
  return `${kind.slice(0, 1).toUpperCase()}\t${shown}${isFolder && kind === 'modified' ? `\t${counts.join(', ')}` : ''}`;
}

/** `2 files added and 1 file deleted`. */
function summaryOf(changes: readonly Change[]): string {
  const parts = (['modified', 'added', 'deleted', 'relinked'] as const).flatMap((name) => {
    const count = changes.reduce((sum, change) => sum + change[name], 0);
    return count > 0 ? [`${countOf(count, 'file')} ${name}`] : [];
  });
  if (parts.length < 2) return parts[0] ?? 'No changes.';
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** Says what was not done, and answers the exit code. */
function tellTroubles(
  { kept, missing, refused }: CheckoutResult,
  { problems }: WorkTreeOutputs,
  options: CheckoutOptions,
  voice: Voice,
  { here }: Whereabouts,
): number {
  const paths = (list: readonly string[]): string =>
    list.length > 3
      ? ''
      : ` ${list
          .map(here)
          .map((path) => word(path))
          .join(' ')}`;
  const block = (what: string, lines: readonly string[], ...hints: string[]): void => {
    voice.fail(what);
    voice.list(lines, options.verbose ? lines.length : 10);
    for (const hint of hints) voice.hint(hint);
  };
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `${here(path)}: ${message}`);
    block('these cannot be read, so what they tell of is left as it is', lines);
  }
  if (refused.length > 0) {
    const lines = refused.map(({ path, reason }) => `${here(path)}: ${reason}`);
    block(`${countOf(refused.length, 'path')} cannot be checked out`, lines);
  }
  if (kept.length > 0) {
    block(
      `${countOf(kept.length, 'file')} changed or added by hand stay${kept.length === 1 ? 's' : ''}: the bytes are nowhere in the cache`,
      kept.map(here),
      `to give up what was done to them: git dvcexp checkout --force${paths(kept)}`,
    );
  }
  const absent = options['allow-missing'] ? [] : missing;
  const told = (damaged: boolean): readonly Missing[] => absent.filter((each) => each.damaged === damaged);
  const shown = ({ path, object }: Missing): string => `${here(path)} (md5 ${object.id})`;
  if (told(false).length > 0) {
    const lost = told(false).map(({ path }) => path);
    const which = paths(lost);
    block(
      `${countOf(lost.length, 'object')} not in the cache`,
      told(false).map(shown),
      `to bring ${lost.length === 1 ? 'it' : 'them'}: git dvcexp fetch${which === '' ? '' : ` --${which}`}, then this command again`,
    );
  }
  if (told(true).length > 0) {
    block(
      `${countOf(told(true).length, 'object')} in the cache ${told(true).length === 1 ? 'is' : 'are'} damaged`,
      told(true).map(({ path, object }) => `${here(path)} (${keyOf(object)})`),
      'to have them whole from storage: git dvcexp fsck --repair',
    );
  }
  return problems.length + refused.length + kept.length + absent.length > 0 ? 1 : 0;
}

/** As git-dvcexp(1) describes it under JSON. */
function toJson({ changes, kept, missing, refused }: CheckoutResult, { problems }: WorkTreeOutputs): unknown {
  return {
    outputs: changes.map(({ path, isFolder, kind, ...tally }) => ({
      path,
      isDirectory: isFolder,
      change: kind,
      ...tally,
    })),
    kept,
    missing: missing.map(({ path, object, damaged }) => ({ path, object: keyOf(object), damaged })),
    refused,
    problems,
  };
}
