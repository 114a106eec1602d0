import { basename, dirname } from 'node:path';
import { type Environment, runGit } from './process.ts';

/**
 * True when the work tree that the file lies in tracks it: then whoever wrote the repository wrote it. True as well
 * where Git cannot tell (a repository of somebody else's): what is not proven to be the user's own is not.
 *
 * @param path absolute, without links in it
 */
export async function isTracked(
  path: string,
  options: { readonly env: Environment; readonly signal?: AbortSignal },
): Promise<boolean> {
  const env = { ...options.env, GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined };
  const args = ['-C', dirname(path), 'ls-files', '--error-unmatch', '--', basename(path)];
  // 1: not known to Git; 128: no repository, or one that Git refuses.
  const { code, stderr } = await runGit(args, {
    ...options,
    env: { ...env, LC_ALL: 'C', LANGUAGE: undefined },
    accept: 'any',
  });
  return code === 0 || (code !== 1 && !/not a git repository/i.test(stderr));
}
