import type { Operation } from '../model/operation.ts';
import { countOf } from '../report/progress.ts';
import type { CommandContext } from './context.ts';
import { checkPrograms } from './doctor-programs.ts';
import { checkRemotes } from './doctor-remotes.ts';
import { checkState } from './doctor-state.ts';
import { checkStorage } from './doctor-storage.ts';
import { type Finding, failed, findingsToJson, formatFinding, ok } from './finding.ts';
import { type CommandRepository, findRepository, gitOptions } from './repository.ts';

export interface DoctorOptions {
  /** Git remote to look at; undefined: all of them. */
  readonly remote: string | undefined;
  /** Write one object to storage. */
  readonly write: boolean;
  readonly json: boolean;
}

/**
 * `git dvcexp doctor [<remote>] [--write]`: one line for each check on stdout, as soon as it is done. Changes nothing here, asks the Git
 * remote nothing, and the storage remotes one question each. Exit code 1 when an error was found.
 */
export async function doctorCommand(
  options: DoctorOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const counts = { ok: 0, warn: 0, error: 0 };
  const found: Finding[] = [];
  for await (const finding of findings(options, context, operation)) {
    counts[finding.level] += 1;
    found.push(finding);
    if (!options.json) context.stdout(formatFinding(finding));
  }
  if (options.json) context.stdout(findingsToJson(found));
  else if (counts.error + counts.warn > 0)
    context.stdout(`${countOf(counts.error, 'error')}, ${countOf(counts.warn, 'warning')}\n`);
  return counts.error > 0 ? 1 : 0;
}

async function* findings(
  options: DoctorOptions,
  context: CommandContext,
  operation: Operation,
): AsyncGenerator<Finding> {
  if (!(yield* checkPrograms(gitOptions(context, operation), context))) return;
  let repository: CommandRepository | undefined;
  try {
    repository = await findRepository(context, operation);
  } catch (thrown) {
    operation.signal.throwIfAborted();
    yield failed(thrown);
    return;
  }
  if (repository === undefined) {
    yield ok('not inside a Git repository: only programs were looked at');
    return;
  }
  yield* checkRemotes(options.remote, repository, context, operation);
  yield* checkStorage(options, repository, context, operation);
  yield* checkState(repository);
}
