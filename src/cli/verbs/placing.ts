import { asJson } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Verbs about files of the work tree that DVC tracks. */
export const checkoutVerb: Verb = (parser, run) =>
  parser.command(
    'checkout [path..]',
    'Put the data of the work tree in place, out of the DVC cache',
    (command) =>
      asJson(command)
        .positional('path', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'outputs, files in them, folders, .dvc files or stages; everything when left out',
        })
        .option('force', {
          alias: 'f',
          type: 'boolean',
          default: false,
          describe: 'also replace and remove files whose bytes are nowhere else',
        })
        .option('relink', {
          type: 'boolean',
          default: false,
          describe: 'also make links and copies anew that are not of the kind cache.type wants',
        })
        .option('allow-missing', {
          type: 'boolean',
          default: false,
          describe: 'what the cache has not got is no failure',
        })
        .option('summary', { type: 'boolean', default: false, describe: 'print numbers of files alone' })
        .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print errors only' })
        .option('verbose', { alias: 'v', type: 'boolean', default: false, describe: 'print more' }),
    (options) =>
      run(options, async (context, operation) => {
        const { checkoutCommand } = await import('../checkout.ts');
        return await checkoutCommand(options, context, operation);
      }),
  );

export const addVerb: Verb = (parser, run) =>
  parser.command(
    'add <path..>',
    'Have DVC track files and directories: data into the cache, and .dvc files as DVC writes them',
    (command) =>
      command
        .positional('path', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'files and directories; what is in a tracked directory stands for all of it',
        })
        .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print errors only' }),
    (options) =>
      run(options, async (context, operation) => {
        const { addCommand } = await import('../add.ts');
        return await addCommand(options, context, operation);
      }),
  );
