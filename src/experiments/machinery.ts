import { runGit } from '../git/process.ts';
import { parseGitOid, type RefName } from '../model/git.ts';
import type { Experiment } from './experiment.ts';
import type { GitOptions } from './local-refs.ts';
import { moveRefs } from './move-refs.ts';

/** What DVC's executor remembers of an experiment that was applied to the work tree (dvc/repo/experiments/refs.py). */
const applied = 'refs/exps/exec/EXEC_APPLY' as RefName;
/** A symbolic ref to the experiment that is worked on. */
const branch = 'refs/exps/exec/EXEC_BRANCH';

/**
 * DVC's executor forgets experiments that are removed, as `dvc exp remove` has it forget them: else it would refuse to work
 * with names that are gone. To be called before they go.
 */
export async function forgetExperiments(experiments: readonly Experiment[], git: GitOptions): Promise<void> {
  const { stdout } = await runGit(
    ['for-each-ref', '--format=%(refname) %(objectname) %(symref)', applied, branch],
    git,
  );
  for (const line of stdout.toString().split('\n')) {
    const [ref, text = '', target] = line.split(' ');
    const id = parseGitOid(text);
    if (ref === branch && experiments.some((each) => each.ref === target)) {
      await runGit(['symbolic-ref', '--delete', branch], git);
    }
    if (ref === applied && id !== undefined && experiments.some((each) => each.id === id)) {
      await moveRefs([{ ref: applied, commit: undefined, expected: id }], git, 'dvcexp: removed');
    }
  }
}
