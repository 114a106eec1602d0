import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import { byName, type Experiment, parseExperiment } from './experiment.ts';
import type { GitOptions } from './local-refs.ts';

/** The refs of a Git remote, as they were at one moment. */
export interface RemoteRefs {
  /** By name, then baseline. */
  readonly experiments: readonly Experiment[];
  /** What every ref of it points at. */
  readonly ids: readonly GitOid[];
}

/**
 * One `git ls-remote`. Git's own words about a failure go to `stderr`. Throws `unavailable` when the Git remote does not answer.
 *
 * @param address name or URL, as Git takes it
 */
export async function readRemoteRefs(
  address: string,
  git: GitOptions,
  stderr: (text: string) => void,
  shown: string,
): Promise<RemoteRefs> {
  const { code, stdout } = await runGit(['ls-remote', '--', address], {
    ...git,
    stderr,
    accept: 'any',
    maxBytes: 512 * 1024 * 1024,
  });
  if (code !== 0) throw new HelperError('unavailable', `the refs of ${shown} cannot be read`);
  const experiments: Experiment[] = [];
  const ids = new Set<GitOid>();
  for (const line of stdout.toString().split('\n')) {
    const [text = '', ref = ''] = line.split('\t');
    const id = parseGitOid(text);
    if (id === undefined) continue;
    ids.add(id);
    const experiment = parseExperiment(ref, id);
    if (experiment !== undefined) experiments.push(experiment);
  }
  return { experiments: experiments.sort(byName), ids: [...ids] };
}
