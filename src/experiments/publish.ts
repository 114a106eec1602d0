import { runGit } from '../git/process.ts';
import type { RefName } from '../model/git.ts';
import type { GitOptions } from './local-refs.ts';
import type { RefChange } from './ref-change.ts';

/** How `git push` is run. */
export interface PublishOptions {
  /** Name or URL of the Git remote. */
  readonly address: string;
  readonly git: GitOptions;
  readonly pushOptions: readonly string[];
  readonly dryRun: boolean;
  /** Draw meters. */
  readonly progress: boolean;
  /** 0: errors only. */
  readonly verbosity: number;
  readonly stderr: (text: string) => void;
}

/** Bytes of arguments that every system takes in one command. */
const mostBytes = 100_000;

/**
 * Changes refs of a Git remote by `git push`, each only from what it is expected to be, so that nothing another person
 * has put there meanwhile is lost. Answers the refs that did not change, with the reason; Git and the helper have told more on `stderr`.
 */
export async function publish(
  changes: readonly RefChange[],
  options: PublishOptions,
): Promise<ReadonlyMap<RefName, string>> {
  const refused = new Map<RefName, string>();
  for (const batch of batches(changes))
    for (const [ref, reason] of await pushBatch(batch, options)) refused.set(ref, reason);
  return refused;
}

function* batches(changes: readonly RefChange[]): Generator<readonly RefChange[]> {
  let batch: RefChange[] = [];
  let bytes = 0;
  for (const change of changes) {
    const size = argumentsFor(change).reduce((sum, each) => sum + Buffer.byteLength(each) + 1, 0);
    if (batch.length > 0 && bytes + size > mostBytes) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(change);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function argumentsFor({ ref, commit, expected }: RefChange): readonly [lease: string, refspec: string] {
  return [`--force-with-lease=${ref}:${expected ?? ''}`, `${commit ?? ''}:${ref}`];
}

async function pushBatch(
  changes: readonly RefChange[],
  options: PublishOptions,
): Promise<ReadonlyMap<RefName, string>> {
  const { address, git, pushOptions, dryRun, progress, verbosity, stderr } = options;
  const both = changes.map(argumentsFor);
  const held: string[] = [];
  const { code, stdout } = await runGit(
    [
      'push',
      '--porcelain',
      progress ? '--progress' : '--no-progress',
      ...(dryRun ? ['--dry-run'] : []),
      ...(verbosity > 1 ? ['--verbose'] : []),
      // Nothing but what is said here, whatever the configuration adds to a push.
      '--no-follow-tags',
      '--recurse-submodules=no',
      ...pushOptions.map((option) => `--push-option=${option}`),
      ...both.map(([lease]) => lease),
      '--',
      address,
      ...both.map(([, refspec]) => refspec),
    ],
    {
      ...git,
      asTyped: true,
      accept: 'any',
      // `--quiet` would leave out what stdout is read for.
      stderr: verbosity === 0 ? (text) => held.push(text) : stderr,
    },
  );
  if (verbosity === 0 && code !== 0) stderr(held.join(''));
  const status = parseStatus(stdout.toString());
  return new Map(
    changes.flatMap(({ ref }) => {
      const reason = status.has(ref) ? status.get(ref) : 'git push ended before';
      return reason === undefined ? [] : [[ref, reason] as const];
    }),
  );
}

/** `<flag> TAB <from>:<to> TAB <summary> (<reason>)` of git-push(1), OUTPUT. Answers the reason of each ref that was refused, undefined for the others. */
function parseStatus(text: string): ReadonlyMap<string, string | undefined> {
  const status = new Map<string, string | undefined>();
  for (const line of text.split('\n')) {
    const [flag = '', refspec = '', summary = ''] = line.split('\t');
    const ref = refspec.slice(refspec.lastIndexOf(':') + 1);
    if (refspec === '' || flag.length !== 1) continue;
    status.set(ref, flag === '!' ? reasonIn(summary) : undefined);
  }
  return status;
}

function reasonIn(summary: string): string {
  const [, reason = summary] = /\((.*)\)$/.exec(summary) ?? [];
  return reason === 'stale info' ? 'it was changed there meanwhile' : withoutPrefix(reason);
}

/** A reason as it is worded for Git says that it is about DVC's data, which goes without saying here. */
export function withoutPrefix(reason: string): string {
  return reason.replace(/^dvc: /, '');
}
