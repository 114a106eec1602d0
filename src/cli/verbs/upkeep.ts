import { asJson, last, moving, wholeNumber } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Verbs that keep cache and storage in order. */
export const fsckVerb: Verb = (parser, run) =>
  parser.command(
    'fsck [revision..]',
    'Check objects in cache and storage against their names, and repair them from the other side',
    (command) =>
      moving(asJson(command))
        .positional('revision', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe:
            'branches, tags, commits or experiments whose objects are checked; all of the cache when nothing is said',
        })
        .option('storage', {
          type: 'boolean',
          default: false,
          describe: 'also in storage: what the revisions, or HEAD, need there',
        })
        .option('sample', {
          type: 'string',
          requiresArg: true,
          coerce: last<string | undefined>,
          describe: 'read and hash a random share of the objects only, as 5%',
        })
        .option('seed', {
          type: 'string',
          requiresArg: true,
          coerce: last<string | undefined>,
          describe: 'the same share again',
        })
        .option('repair', {
          type: 'boolean',
          default: false,
          describe: 'put right bytes from the other side in the place of wrong and lost ones',
        }),
    (options) =>
      run(options, async (context, operation) => {
        const { fsckCommand } = await import('../fsck.ts');
        return await fsckCommand(options, context, operation);
      }),
  );

export const gcVerb: Verb = (parser, run) =>
  parser.command(
    'gc',
    'Show, and with --yes remove, objects that no commit needs, from the cache or from a storage remote',
    (command) =>
      asJson(command)
        .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print errors only' })
        .option('storage', {
          type: 'string',
          requiresArg: true,
          coerce: last<string | undefined>,
          describe: 'from this storage remote, and not from the cache',
        })
        .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'remove; else it is only shown' })
        .option('tips-only', {
          type: 'boolean',
          default: false,
          describe: 'keep what refs point at, and not what their history needs',
        })
        .option('older-than', {
          type: 'number',
          requiresArg: true,
          coerce: wholeNumber('--older-than', 0, 36_500),
          describe: 'remove only what is older, in days; 14 when nothing is said',
        })
        .option('except', {
          type: 'string',
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: 'a commit that needs nothing; may be repeated',
        })
        .option('projects', {
          alias: 'p',
          type: 'string',
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: 'keep what this repository needs as well; may be repeated',
        })
        .option('unshared', {
          type: 'boolean',
          default: false,
          describe: 'no other repository uses the cache',
        })
        .option('run-cache', {
          type: 'boolean',
          default: false,
          describe: 'also entries of the run cache whose results no commit needs',
        })
        .option('fetch', {
          type: 'boolean',
          default: false,
          describe: 'first fetch commits of Git remotes that are not here, without data',
        }),
    (options) =>
      run(options, async (context, operation) => {
        const { gcCommand } = await import('../gc.ts');
        return await gcCommand(options, context, operation);
      }),
  );
