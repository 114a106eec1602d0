import { asJson, last, quieting, selecting, wholeNumber } from '../options.ts';
import type { Verb } from '../verb.ts';

/** The verb that shows what experiments came to. */
export const showVerb: Verb = (parser, run) =>
  parser.command(
    'show [experiment..]',
    'Show the parameters and metrics of experiments beside those of the commits they were made from',
    (command) =>
      quieting(asJson(selecting(command, 'those')))
        .positional('experiment', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'name, full ref, commit ID or the beginning of one',
        })
        .option('all-branches', {
          alias: 'a',
          type: 'boolean',
          default: false,
          describe: 'those made from the tip of any branch',
        })
        .option('all-tags', { alias: 'T', type: 'boolean', default: false, describe: 'those made from any tag' })
        .option('hide-workspace', { type: 'boolean', default: false, describe: 'leave out the work tree' })
        .option('param-deps', {
          type: 'boolean',
          default: false,
          describe: 'only parameters that a stage depends on',
        })
        .option('only-changed', {
          type: 'boolean',
          default: false,
          describe: 'only columns whose values are not all the same',
        })
        .option('drop', {
          type: 'string',
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: 'leave out columns that begin with this regular expression; may be repeated',
        })
        .option('keep', {
          type: 'string',
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: 'show columns that begin with this one whatever else is said; may be repeated',
        })
        .option('sort-by', {
          type: 'string',
          requiresArg: true,
          coerce: last<string | undefined>,
          describe: 'sort the experiments of each commit by this column',
        })
        .option('sort-order', {
          choices: ['asc', 'desc'] as const,
          default: 'asc' as const,
          requiresArg: true,
          coerce: last<'asc' | 'desc'>,
          describe: 'least or most first',
        })
        .option('precision', {
          type: 'number',
          requiresArg: true,
          coerce: wholeNumber('--precision', 1, 100),
          describe: 'significant digits of fractions: 5, and with --csv all',
        })
        .option('sha', { type: 'boolean', default: false, describe: 'IDs of commits in place of branches and tags' })
        .option('md', { type: 'boolean', default: false, describe: 'print a table of Markdown' })
        .option('csv', { type: 'boolean', default: false, describe: 'print comma-separated values' })
        .option('html', {
          type: 'string',
          requiresArg: true,
          coerce: last<string | undefined>,
          describe: 'write a page with table and plots to this file, - for stdout',
        })
        .option('verbose', {
          alias: 'v',
          type: 'boolean',
          default: false,
          describe: 'tell of every commit what could not be read',
        })
        .option('no-pager', { type: 'boolean', default: false, describe: 'do not page what is long' }),
    (options) =>
      run(options, async (context, operation) => {
        const { showCommand } = await import('../show.ts');
        return await showCommand(options, context, operation);
      }),
  );
