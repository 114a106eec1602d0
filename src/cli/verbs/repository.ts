import { asJson, moving } from '../options.ts';
import type { Verb } from '../verb.ts';

/** Verbs about Git remotes and what they need. */
export const setupVerb: Verb = (parser, run) =>
  parser.command(
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
        .option('credential-helper', {
          type: 'boolean',
          default: false,
          describe: 'instead: have Git ask git-credential-dvcexp for passwords of HTTPS remotes',
        })
        .option('checkout', {
          type: 'boolean',
          default: false,
          describe: 'instead: hooks that put data in place after git checkout and git pull',
        })
        .option('undo', { type: 'boolean', default: false, describe: 'have the configuration back as it was' }),
    (options) =>
      run(options, async (context, operation) => {
        const { setupCommand } = await import('../setup.ts');
        return await setupCommand(options, context, operation);
      }),
  );

export const doctorVerb: Verb = (parser, run) =>
  parser.command(
    'doctor [remote]',
    'Find what keeps data from moving, and say what to type',
    (command) =>
      asJson(command)
        .positional('remote', { type: 'string', describe: 'Git remote; all of them when left out' })
        .option('write', {
          type: 'boolean',
          default: false,
          describe: 'also write the object of the empty file to each storage remote',
        }),
    (options) =>
      run(options, async (context, operation) => {
        const { doctorCommand } = await import('../doctor.ts');
        return await doctorCommand(options, context, operation);
      }),
  );

export const trustVerb: Verb = (parser, run) =>
  parser.command(
    'trust [storage]',
    'Say that your keys and data may go where a repository wants them',
    (command) =>
      asJson(command)
        .positional('storage', {
          type: 'string',
          describe: 'storage remote, or URL as a refusal names it; the default storage remote when left out',
        })
        .option('read', { type: 'boolean', default: false, describe: 'only to fetch from there' })
        .option('never', { type: 'boolean', default: false, describe: 'do not ask again, and use nothing there' })
        .option('remove', { type: 'boolean', default: false, describe: 'forget what was said and met' })
        .option('list', { type: 'boolean', default: false, describe: 'show what is remembered' })
        .option('global', { type: 'boolean', default: false, describe: 'for all your repositories' }),
    (options) =>
      run(options, async (context, operation) => {
        const { trustCommand } = await import('../trust.ts');
        return await trustCommand(options, context, operation);
      }),
  );

export const fetchVerb: Verb = (parser, run) =>
  parser.command(
    'fetch [revision..]',
    'Bring the data of commits into the DVC cache: what a git fetch left in storage or failed on',
    (command) =>
      moving(command)
        .usage('$0 fetch [<revision>..] [-- <path>..]')
        .positional('revision', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'branch, tag, experiment ref or commit, HEAD without any; behind -- outputs, or files in them',
        }),
    (options) =>
      run(options, async (context, operation) => {
        const { fetchCommand } = await import('../fetch.ts');
        // Words behind `--` are paths, as with Git.
        const path = (options as { readonly '--'?: readonly string[] })['--'] ?? [];
        const revision = options.revision.slice(0, options.revision.length - path.length);
        return await fetchCommand({ ...options, revision, path }, context, operation);
      }),
  );

export const completionVerb: Verb = (parser, run) =>
  parser.command(
    'completion <shell>',
    'Print what completes git dvcexp in bash, zsh or fish',
    (command) => command.positional('shell', { type: 'string', demandOption: true, describe: 'bash, zsh or fish' }),
    (options) =>
      run(options, async (context) => {
        const { completionCommand } = await import('../completion.ts');
        return completionCommand(options.shell, context);
      }),
  );
