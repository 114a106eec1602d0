import yargs from 'yargs';
import { errorKinds, HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { diagnose, formatDiagnosis } from '../report/diagnose.ts';
import type { CommandContext } from './context.ts';
import { fetchCommand } from './fetch.ts';

/** Runs `git dvcexp <args>`; answers the exit code. Errors are told, never thrown. */
export async function runCompanion(
  args: readonly string[],
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  let code = 0;
  const parser = yargs()
    .scriptName('git dvcexp')
    .usage('$0 <command>\n\nBrings the DVC data of commits that Git already has.')
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
    .demandCommand(1, "say what to do; 'git dvcexp --help' lists the commands")
    .strict()
    .version(false)
    .help('help')
    .alias('help', 'h')
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new HelperError('usage', message, { hints: ["'git dvcexp --help' lists commands and options"] });
    });
  try {
    await parser.parseAsync([...args], {}, (error, _argv, output) => {
      if (error == null && output !== '') context.stdout(`${output}\n`);
    });
    return code;
  } catch (error) {
    const diagnosis = diagnose(error);
    context.stderr(
      formatDiagnosis('error', {
        ...diagnosis,
        message: diagnosis.message.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()),
      }),
    );
    return error instanceof HelperError ? errorKinds[error.code].exitCode : 1;
  }
}
