import { runGit } from '../git/process.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import type { GitOptions } from './local-refs.ts';

/** The commits that the refs below a prefix point at, tags peeled, each once. */
export async function tipsOf(prefix: string, git: GitOptions): Promise<readonly GitOid[]> {
  const args = ['for-each-ref', '--format=%(objecttype) %(objectname)%00%(*objecttype) %(*objectname)', prefix];
  const { stdout } = await runGit(args, git);
  const found = stdout
    .toString('latin1')
    .split(/[\n\0]/)
    .filter((each) => each.startsWith('commit '));
  return [...new Set(found.flatMap((each) => parseGitOid(each.slice('commit '.length)) ?? []))];
}
