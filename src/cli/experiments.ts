import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { word } from './commands.ts';
import { experimentRefspecs, foreignExperimentFetches, trackedExperiments } from './refspecs.ts';
import type { GitRemote } from './remote.ts';
import { type CommandRepository, firstLine } from './repository.ts';

/**
 * The refspecs that `--experiments` has still to write for a Git remote. Throws `config` where they would change what
 * a fetch or push does with anything else.
 */
export async function checkExperiments(
  { name }: GitRemote,
  { configuration, git }: CommandRepository,
): Promise<readonly string[]> {
  const key = `remote.${name}.fetch`;
  const values = configuration.all(key);
  const wanted = experimentRefspecs(name);
  const refuse = (what: string, ...hints: string[]): HelperError =>
    new HelperError('config', `cannot show the experiments of '${printable(name)}': ${what}`, { hints });
  const others = values.filter((value) => !wanted.includes(value) && value !== '' && !value.startsWith('^'));
  if (others.length === 0) {
    throw refuse(
      "it has no 'fetch' refspec: git fetch brings its HEAD alone, and would then bring experiments alone",
      `first: git config ${word(key)} ${word(`+refs/heads/*:refs/remotes/${name}/*`)}`,
    );
  }
  const [foreign] = foreignExperimentFetches(name, values);
  if (foreign !== undefined) {
    throw refuse(
      `'${printable(foreign)}' fetches them already`,
      `to have them there instead: git config --fixed-value --unset-all ${word(key)} ${word(foreign)}`,
    );
  }
  if (configuration.bool(`remote.${name}.mirror`) === true) {
    throw refuse('it is a mirror (remote.<name>.mirror): a push would send the refs that show them');
  }
  const taken = trackedExperiments(name).replace(/\/$/, '');
  const found = await runGit(['for-each-ref', '--format=%(refname)', taken], git);
  if (firstLine(found.stdout) === taken) {
    throw refuse(`there is a branch 'exps' on it, and '${printable(taken)}' cannot be a ref and a folder of refs`);
  }
  return wanted.filter((value) => !values.includes(value));
}

/** What `--experiments` means from now on. */
export function experimentsText(name: string, isNew: boolean): readonly string[] {
  const shown = `${printable(name)}/exps/<baseline>/<name>`;
  return [
    `experiments of '${printable(name)}' ${isNew ? 'will be shown' : 'are shown already'} as ${shown} after a git fetch; those of this clone are not touched`,
    'a git fetch now brings their data too; to leave it in storage: git config dvcexp.fetchData none',
  ];
}
