import { asJson } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Verbs about the user's keys and passwords. */
export const credentialVerb: Verb = (parser, run) =>
  parser.command(
    'credential <action> [storage]',
    "Move storage secrets between DVC's configuration and Git's credential helpers",
    (command) =>
      asJson(command)
        .positional('action', {
          type: 'string',
          demandOption: true,
          describe: 'import, export, check, or login (in a browser)',
        })
        .positional('storage', { type: 'string', describe: 'storage remote' })
        .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'do not ask' }),
    (options) =>
      run(options, async (context, operation) => {
        const { credentialCommand } = await import('../credential.ts');
        return await credentialCommand(options, context, operation);
      }),
  );

export const withCredentialsVerb: Verb = (parser, run) =>
  parser.command(
    'with-credentials [command..]',
    'Run a program that finds the secret of a storage remote as Git keeps it',
    (command) =>
      command
        .positional('command', { type: 'string', array: true, default: [], describe: 'behind --: dvc pull' })
        .option('remote', { alias: 'r', type: 'string', describe: 'storage remote instead of the default one' }),
    (options) =>
      run(options, async (context, operation) => {
        const { withCredentialsCommand } = await import('../with-credentials.ts');
        return await withCredentialsCommand(options, context, operation);
      }),
  );
