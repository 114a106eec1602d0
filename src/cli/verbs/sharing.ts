import type { Argv } from 'yargs';
import { asJson, moving, type SharingOptions, selecting } from '../options.ts';
import type { CommonOptions, Verb } from '../verb.ts';

function sharing(command: Argv<CommonOptions>, verb: 'push' | 'pull'): Argv<CommonOptions & SharingOptions> {
  const loser = verb === 'push' ? 'experiments of the Git remote' : 'experiments here';
  return moving(asJson(selecting(command, 'those')))
    .usage(`$0 ${verb} [<git remote>] [<experiment>..]`)
    .positional('words', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Git remote, by name or URL, and experiments by name, full ref or ID; those of HEAD when none is named',
    })
    .option('force', { alias: 'f', type: 'boolean', default: false, describe: `replace ${loser} that differ` })
    .option('no-cache', { type: 'boolean', default: false, describe: 'refs alone, without their data' })
    .option('run-cache', { type: 'boolean', default: false, describe: 'also the run cache of their DVC projects' })
    .option('no-run-cache', {
      type: 'boolean',
      default: false,
      describe: 'without it, also where dvcexp.runCache is set',
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: 'say what would be done',
    }) as unknown as Argv<CommonOptions & SharingOptions>;
}

export const pushVerb: Verb = (parser, run) =>
  parser.command(
    'push [words..]',
    'Push experiments with their data to a Git remote',
    (command) => sharing(command, 'push'),
    (options) =>
      run(options, async (context, operation) => {
        const { pushCommand } = await import('../push.ts');
        return await pushCommand(options, context, operation);
      }),
  );

export const pullVerb: Verb = (parser, run) =>
  parser.command(
    'pull [words..]',
    'Pull experiments with their data from a Git remote',
    (command) => sharing(command, 'pull'),
    (options) =>
      run(options, async (context, operation) => {
        const { pullCommand } = await import('../pull.ts');
        return await pullCommand(options, context, operation);
      }),
  );
