import { type Environment, runGit } from '../git/process.ts';
import type { GitOid, RefName } from '../model/git.ts';
import type { GitOptions } from './local-refs.ts';

/** How `git fetch` is run. */
export interface ReceiveOptions {
  /** Name or URL of the Git remote. */
  readonly address: string;
  readonly git: GitOptions;
  /** What the helper is told, beside what is configured. */
  readonly env: Environment;
  readonly progress: boolean;
  /** 0: errors only. */
  readonly verbosity: number;
  readonly stderr: (text: string) => void;
}

/**
 * Brings the commits of refs of a Git remote, and through the helper their data, by `git fetch`. No ref of this repository moves but
 * remote-tracking ones. Answers whether Git took all for well; Git and the helper have told more on `stderr`.
 */
export async function receive(refs: readonly RefName[], options: ReceiveOptions): Promise<boolean> {
  if (refs.length === 0) return true;
  const { address, git, env, progress, verbosity, stderr } = options;
  const held: string[] = [];
  const filter = withoutRefLines(verbosity === 0 ? (text) => held.push(text) : stderr);
  const { code } = await runGit(
    [
      'fetch',
      progress ? '--progress' : '--no-progress',
      ...(verbosity > 1 ? ['--verbose'] : []),
      '--no-write-fetch-head',
      // Nothing but what is said here, whatever the configuration adds to a fetch.
      '--no-tags',
      '--no-prune',
      '--no-recurse-submodules',
      '--stdin',
      '--',
      address,
    ],
    {
      ...git,
      env: { ...git.env, ...env },
      asTyped: true,
      input: `${refs.join('\n')}\n`,
      accept: 'any',
      stderr: filter.write,
    },
  );
  filter.end();
  if (verbosity === 0 && code !== 0) stderr(held.join(''));
  return code === 0;
}

/**
 * What Git says of refs that go nowhere (`From <URL>` and ` * branch … -> FETCH_HEAD`) is left out; all else passes, meters at once.
 */
function withoutRefLines(write: (text: string) => void): { write(text: string): void; end(): void } {
  let rest = '';
  let line = '';
  const flush = (): void => {
    if (line !== '') write(line);
    line = '';
  };
  return {
    write(text) {
      rest += text;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const next = rest.slice(0, end + 1);
        rest = rest.slice(end + 1);
        if (/^ \S .* -> FETCH_HEAD\s*$/.test(next)) line = '';
        else {
          flush();
          line = next;
          // Only what may be the line above such ones, in whatever language, waits for the next.
          if (!/^[^\s:]+ /.test(next)) flush();
        }
      }
      if (!rest.includes('\r')) return;
      flush();
      write(rest);
      rest = '';
    },
    end() {
      flush();
      if (rest !== '') write(rest);
      rest = '';
    },
  };
}

/** True when everything that these commits need is in this repository, as Git checks it after a fetch. */
export async function areWhole(commits: readonly GitOid[], git: GitOptions): Promise<boolean> {
  if (commits.length === 0) return true;
  const options = ['--objects', '--exclude-promisor-objects', '--quiet', '--stdin'];
  const args = ['rev-list', ...options, '--not', '--all', '--alternate-refs'];
  const { code } = await runGit(args, { ...git, input: `${commits.join('\n')}\n`, accept: 'any' });
  return code === 0;
}
