import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import yargs from 'yargs';
import { errorKinds, HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { diagnose, formatDiagnosis } from '../report/diagnose.ts';
import { printable } from '../report/printable.ts';
import { Complaint, explainComplaint, readUsage } from './complaint.ts';
import type { CommandContext } from './context.ts';
import { openManual } from './help.ts';
import type { CommonOptions, Verb } from './verb.ts';
import { listVerb, statusVerb } from './verbs/listing.ts';
import { branchVerb, removeVerb, renameVerb } from './verbs/naming.ts';
import { addVerb, checkoutVerb } from './verbs/placing.ts';
import { completionVerb, doctorVerb, fetchVerb, setupVerb, trustVerb } from './verbs/repository.ts';
import { credentialVerb, withCredentialsVerb } from './verbs/secrets.ts';
import { pullVerb, pushVerb } from './verbs/sharing.ts';
import { showVerb } from './verbs/showing.ts';
import { fsckVerb, gcVerb } from './verbs/upkeep.ts';
import { helpAbout, markWords, unknownVerb, unmark, unmarkWords, verbIn } from './words.ts';

/** In the order of the help. */
const verbs: Readonly<Record<string, Verb>> = {
  push: pushVerb,
  pull: pullVerb,
  list: listVerb,
  show: showVerb,
  status: statusVerb,
  branch: branchVerb,
  rename: renameVerb,
  remove: removeVerb,
  fetch: fetchVerb,
  checkout: checkoutVerb,
  add: addVerb,
  fsck: fsckVerb,
  gc: gcVerb,
  setup: setupVerb,
  doctor: doctorVerb,
  trust: trustVerb,
  credential: credentialVerb,
  'with-credentials': withCredentialsVerb,
  completion: completionVerb,
};
const aliases: Readonly<Record<string, string>> = { ls: 'list', rm: 'remove' };

const summary =
  '$0 <command>\n\nShares DVC experiments with their data, sets up Git remotes for it, and finds what is wrong.';

/** Runs `git dvcexp <args>`; answers the exit code. Errors are told, never thrown. */
export async function runCompanion(
  args: readonly string[],
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const about = helpAbout(args);
  const verb = about ?? verbIn(args);
  try {
    if (verb !== undefined && verb !== '' && verbs[aliases[verb] ?? verb] === undefined) {
      throw unknownVerb(verb, Object.keys(verbs));
    }
    if (about === undefined) return await parse(args, context, operation);
    if (await openManual(context, operation)) return 0;
    return await parse([...(about === '' ? [] : [about]), '-h'], context, operation);
  } catch (thrown) {
    const error = thrown instanceof Complaint ? await explain(thrown, args, verb, context, operation) : thrown;
    context.stderr(formatDiagnosis('error', diagnose(error)));
    return error instanceof HelperError ? errorKinds[error.code].exitCode : 1;
  }
}

/** Looks the verb up where people do. */
async function explain(
  complaint: Complaint,
  args: readonly string[],
  verb: string | undefined,
  context: CommandContext,
  operation: Operation,
): Promise<HelperError> {
  const name = aliases[verb ?? ''] ?? verb ?? '';
  let help = '';
  await parse(name === '' ? ['-h'] : [name, '-h'], { ...context, stdout: (text) => (help += text) }, operation);
  return explainComplaint(complaint, args, readUsage(name, help));
}

async function parse(args: readonly string[], context: CommandContext, operation: Operation): Promise<number> {
  let code = 0;
  const start = yargs()
    .scriptName('git dvcexp')
    // As Git's own companions: one language, and one that scripts can read.
    .detectLocale(false)
    .usage(summary)
    // An option that may be repeated takes one word each time, not all that follow; and `--no-cache` is an option of
    // that name, as with DVC.
    .parserConfiguration({ 'greedy-arrays': false, 'boolean-negation': false })
    .option('C', {
      type: 'string',
      array: true,
      requiresArg: true,
      global: true,
      describe: 'change to this directory first',
    });
  const parser = Object.values(verbs)
    .reduce(
      (above, verb) =>
        verb(above, async (options, command) => {
          code = await command({ ...context, cwd: directoryOf(options, context) }, operation);
        }),
      start as unknown as Parameters<Verb>[0],
    )
    .middleware(unmarkWords)
    .demandCommand(1, "say what to do; 'git dvcexp -h' lists the commands")
    .strict()
    .version(false)
    .help('h')
    .epilogue("'git dvcexp help' opens the manual page.")
    .exitProcess(false)
    .fail((message, error) => {
      // What a value cannot be comes as an error of the parser's own, whatever was thrown.
      if (error !== undefined && error !== null && error.name !== 'YError') throw error;
      throw new Complaint(unmark(message).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()));
    });
  await parser.parseAsync(markWords(args), {}, (error, _argv, output) => {
    if (error == null && output !== '') context.stdout(`${output}\n`);
  });
  return code;
}

/** As `git -C`: each counts from the one before it, an empty one changes nothing. */
function directoryOf({ C = [] }: CommonOptions, { cwd }: CommandContext): string {
  let directory = cwd;
  for (const folder of C) {
    directory = resolve(directory, folder);
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new HelperError('config', `cannot change to '${printable(folder)}': no such directory`);
    }
  }
  return directory;
}
