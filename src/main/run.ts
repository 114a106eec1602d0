import { readConfiguration } from '../git/configuration.ts';
import { errorKinds, HelperError, isAbort } from '../model/error.ts';
import { serve } from '../remote-helper/serve.ts';
import type { SessionContext } from '../remote-helper/session.ts';
import { GitGone, openWire } from '../remote-helper/wire.ts';
import { diagnose, formatDiagnosis } from '../report/diagnose.ts';
import type { ProcessContext } from './context.ts';

const usage = 'usage: git-remote-dvcexp <remote> [<url>]\n   or: git-remote-dvcexp --version\n';

/** What is said about an error that ends the program, on stderr, and the exit code. */
function report(error: unknown, { stderr }: ProcessContext): number {
  if (error instanceof GitGone || isAbort(error)) return errorKinds.interrupted.exitCode;
  stderr(formatDiagnosis('fatal', diagnose(error)));
  return error instanceof HelperError ? errorKinds[error.code].exitCode : 128;
}

/** For `git dvcexp setup` and `doctor`: which helper Git finds, told without a conversation. */
async function tellVersion(context: ProcessContext): Promise<number> {
  const { version } = await import('../model/version.ts');
  const wire = openWire(context.stdin, context.stdout);
  await wire.answer(`git-remote-dvcexp version ${version} (node ${process.versions.node})`);
  await wire.drained();
  return 0;
}

/** One run of the helper: arguments and streams in, exit code out. */
export async function runRemoteHelper(
  context: ProcessContext,
  openDataMover: SessionContext['openDataMover'],
): Promise<number> {
  const { argv, env, cwd, platform, stderr, signal } = context;
  if (argv.length === 1 && argv[0] === '--version') return await tellVersion(context);
  // Nothing else can begin before this, so it goes first.
  const reading = readConfiguration({ env, cwd, signal });
  reading.catch(() => undefined);
  const wire = openWire(context.stdin, context.stdout);
  const [remoteName, url = remoteName] = argv;
  try {
    if (remoteName === undefined || url === undefined || argv.length > 2) {
      stderr(usage);
      return errorKinds.usage.exitCode;
    }
    const configuration = await reading;
    const code = await serve(
      { remoteName, url, cwd, env, platform, configuration, wire, stderr, openDataMover },
      { signal },
    );
    if (!signal.aborted) await wire.drained();
    return context.signalExitCode() ?? code;
  } catch (error) {
    const code = report(error, context);
    return context.signalExitCode() ?? code;
  }
}
