import type { CommandContext } from '../context.ts';
import { last, quieting, selecting } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Verbs that change refs and no data. */
const there = {
  alias: 'g',
  type: 'string',
  requiresArg: true,
  coerce: last<string | undefined>,
  describe: 'on this Git remote, by name or URL, and not here',
} as const;

export const branchVerb: Verb = (parser, run) =>
  parser.command(
    'branch <experiment> [branch]',
    'Make a branch of an experiment',
    (command) =>
      quieting(command)
        .positional('experiment', { type: 'string', demandOption: true, describe: 'name, full ref or ID' })
        .positional('branch', { type: 'string', describe: "name of the branch; '<name>-branch' when left out" }),
    (options) =>
      run(options, async (context, operation) => {
        const { branchCommand } = await import('../branch.ts');
        return await branchCommand(options, heard(options, context), operation);
      }),
  );

export const removeVerb: Verb = (parser, run) =>
  parser.command(
    ['remove [experiment..]', 'rm'],
    'Remove experiments, here or on a Git remote; their data stays',
    (command) =>
      quieting(selecting(command, 'those'))
        .positional('experiment', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'names, full refs or IDs',
        })
        .option('git-remote', there)
        .option('keep', { type: 'boolean', default: false, describe: 'keep these and remove all others' })
        .option('queue', { type: 'boolean', default: false, hidden: true })
        .option('dry-run', { type: 'boolean', default: false, describe: 'say what would be removed' }),
    (options) =>
      run(options, async (context, operation) => {
        const { removeCommand } = await import('../remove.ts');
        return await removeCommand(options, heard(options, context), operation);
      }),
  );

export const renameVerb: Verb = (parser, run) =>
  parser.command(
    'rename <experiment> <name>',
    'Give an experiment another name, here or on a Git remote',
    (command) =>
      quieting(command)
        .positional('experiment', { type: 'string', demandOption: true, describe: 'name, full ref or ID' })
        .positional('name', { type: 'string', demandOption: true, describe: 'the new name' })
        .option('git-remote', there)
        .option('force', {
          alias: 'f',
          type: 'boolean',
          default: false,
          describe: 'replace an experiment of that name',
        }),
    (options) =>
      run(options, async (context, operation) => {
        const { renameCommand } = await import('../rename.ts');
        return await renameCommand(options, heard(options, context), operation);
      }),
  );

/** With `-q` what was done is not told. Errors go to stderr. */
function heard({ quiet }: { readonly quiet: boolean }, context: CommandContext): CommandContext {
  return quiet ? { ...context, stdout: () => undefined } : context;
}
