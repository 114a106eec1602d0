import yargs from 'yargs';
import { errorKinds, HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { diagnose, formatDiagnosis } from '../report/diagnose.ts';
import type { CommandContext } from './context.ts';
import { doctorCommand } from './doctor.ts';
import { fetchCommand } from './fetch.ts';
import { setupCommand } from './setup.ts';

/** Runs `git dvcexp <args>`; answers the exit code. Errors are told, never thrown. */
export async function runCompanion(
  args: readonly string[],
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  let code = 0;
  const parser = yargs()
    .scriptName('git dvcexp')
    .usage(
      '$0 <command>\n\nSets up Git remotes for DVC data, finds what is wrong, and brings data of commits that Git already has.',
    )
    .command(
      'fetch [revision..]',
      'Bring the data of commits into the DVC cache: what a git fetch left in storage or failed on',
      (command) =>
        command
          .positional('revision', {
            type: 'string',
            array: true,
            default: ['HEAD'],
            describe: 'branch, tag, experiment ref or commit',
          })
          .option('remote', {
            alias: 'r',
            type: 'string',
            describe: 'storage remote to use instead of the default one',
          })
          .option('jobs', { alias: 'j', type: 'number', describe: 'most transfers at once' })
          .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print errors only' })
          .option('verbose', { alias: 'v', type: 'boolean', default: false, describe: 'print more' }),
      async (options) => {
        code = await fetchCommand(options, context, operation);
      },
    )
    .command(
      'setup [remote]',
      'Have git push and git fetch of a Git remote carry DVC data along',
      (command) =>
        command
          .positional('remote', { type: 'string', describe: 'Git remote; the one that git push takes when left out' })
          .option('experiments', {
            type: 'boolean',
            default: false,
            describe: 'also show its experiments as remote-tracking refs',
          })
          .option('undo', { type: 'boolean', default: false, describe: 'have the configuration back as it was' }),
      async (options) => {
        code = await setupCommand(options, context, operation);
      },
    )
    .command(
      'doctor [remote]',
      'Find what keeps data from moving, and say what to type',
      (command) =>
        command
          .positional('remote', { type: 'string', describe: 'Git remote; all of them when left out' })
          .option('write', {
            type: 'boolean',
            default: false,
            describe: 'also write the object of the empty file to each storage remote',
          }),
      async (options) => {
        code = await doctorCommand(options, context, operation);
      },
    )
    .demandCommand(1, "say what to do; 'git dvcexp --help' lists the commands")
    .strict()
    .version(false)
    .help('help')
    .alias('help', 'h')
    .exitProcess(false)
    .fail((message, error) => {
      if (error) throw error;
      const said = message.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
      throw new HelperError('usage', said, { hints: ["'git dvcexp --help' lists commands and options"] });
    });
  try {
    await parser.parseAsync([...args], {}, (error, _argv, output) => {
      if (error == null && output !== '') context.stdout(`${output}\n`);
    });
    return code;
  } catch (error) {
    context.stderr(formatDiagnosis('error', diagnose(error)));
    return error instanceof HelperError ? errorKinds[error.code].exitCode : 1;
  }
}
