import { runGit } from '../git/process.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import type { GitOptions } from './local-refs.ts';

const format = '--format=%(refname:lstrip=2)%00%(objecttype) %(objectname)%00%(*objecttype) %(*objectname)';

/** Names and commits of the refs below these prefixes, tags peeled, by name. Tags of what is no commit are left out. */
export async function namedTips(
  prefixes: readonly string[],
  git: GitOptions,
): Promise<readonly (readonly [name: string, commit: GitOid])[]> {
  if (prefixes.length === 0) return [];
  const { stdout } = await runGit(['for-each-ref', format, ...prefixes], { ...git, maxBytes: 512 * 1024 * 1024 });
  return stdout
    .toString()
    .split('\n')
    .flatMap((line) => {
      const [name = '', ...objects] = line.split('\0');
      const commit = objects.find((each) => each.startsWith('commit '));
      const id = commit === undefined ? undefined : parseGitOid(commit.slice('commit '.length));
      return id === undefined ? [] : [[name, id] as const];
    });
}

/** The commits that the refs below a prefix point at, tags peeled, each once. */
export async function tipsOf(prefix: string, git: GitOptions): Promise<readonly GitOid[]> {
  return [...new Set((await namedTips([prefix], git)).map(([, commit]) => commit))];
}
