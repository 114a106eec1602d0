import { asJson, last, moving, selecting } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Verbs that look and change nothing. */
export const listVerb: Verb = (parser, run) =>
  parser.command(
    ['list [git-remote]', 'ls'],
    'List experiments, here or on a Git remote, and whether their data is here',
    (command) =>
      moving(asJson(selecting(command, 'those')))
        .positional('git-remote', { type: 'string', describe: 'name or URL; this repository when left out' })
        .option('name-only', { alias: 'names-only', type: 'boolean', default: false, describe: 'print names alone' })
        .option('sha-only', { alias: 'shas-only', type: 'boolean', default: false, describe: 'print commit IDs alone' })
        .option('storage', {
          type: 'boolean',
          default: false,
          describe: 'also ask the storage remotes whether they have all data',
        }),
    (options) =>
      run(options, async (context, operation) => {
        const { listCommand } = await import('../list.ts');
        return await listCommand({ ...options, 'git-remote': last(options['git-remote']) }, context, operation);
      }),
  );

export const statusVerb: Verb = (parser, run) =>
  parser.command(
    'status [revision..]',
    'Say whether the data of commits is shared: what is missing where, and what a push or fetch would move',
    (command) =>
      moving(asJson(selecting(command, 'experiments')))
        .positional('revision', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'branches, tags, commits or experiments; HEAD when nothing is said',
        })
        .option('git-remote', {
          alias: 'g',
          type: 'string',
          requiresArg: true,
          coerce: last<string | undefined>,
          describe: 'also ask this Git remote whether it has the commits',
        })
        .option('all-branches', { alias: 'a', type: 'boolean', default: false, describe: 'all branches' })
        .option('all-tags', { alias: 'T', type: 'boolean', default: false, describe: 'all tags' }),
    (options) =>
      run(options, async (context, operation) => {
        const { statusCommand } = await import('../status.ts');
        return await statusCommand(options, context, operation);
      }),
  );
