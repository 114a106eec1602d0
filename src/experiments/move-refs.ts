import { runGit } from '../git/process.ts';
import type { RefName } from '../model/git.ts';
import type { GitOptions } from './local-refs.ts';
import type { RefChange } from './ref-change.ts';

/**
 * Changes refs of this repository, each only from what it is expected to be. One that does not change leaves the
 * others alone. Answers those that did not, with Git's reason.
 */
export async function moveRefs(
  changes: readonly RefChange[],
  git: GitOptions,
  reflog: string,
): Promise<ReadonlyMap<RefName, string>> {
  const failed = new Map<RefName, string>();
  if (changes.length === 0 || (await moveTogether(changes, git, reflog)) === undefined) return failed;
  for (const change of changes) {
    const reason = await moveTogether([change], git, reflog);
    if (reason !== undefined) failed.set(change.ref, reason);
  }
  return failed;
}

/** Changes refs of this repository, all or none (git-update-ref(1)). Answers why none; undefined when all are done. */
export async function moveTogether(
  changes: readonly RefChange[],
  git: GitOptions,
  reflog: string,
): Promise<string | undefined> {
  const input = changes.map(instruction).join('');
  // Untranslated: the reason is looked into.
  const env = { ...git.env, LC_ALL: 'C', LANGUAGE: undefined };
  const { code, stderr } = await runGit(['update-ref', '-m', reflog, '--stdin'], { ...git, env, input, accept: 'any' });
  if (code === 0) return undefined;
  const said = stderr.trimEnd().split('\n').at(-1) ?? '';
  return /but expected|reference already exists|unable to resolve reference/.test(said)
    ? 'it was changed here meanwhile'
    : said.replace(/^fatal: /, '');
}

function instruction({ ref, commit, expected }: RefChange): string {
  if (commit === undefined) return `delete ${ref}${expected === undefined ? '' : ` ${expected}`}\n`;
  return expected === undefined ? `create ${ref} ${commit}\n` : `update ${ref} ${commit} ${expected}\n`;
}
