import { placedValues } from '../git/config-file.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { unsetCommand, word } from './commands.ts';
import { type Edit, type Removal, removeEdits } from './config-edit.ts';
import { experimentRefspecs, trackedExperiments } from './refspecs.ts';
import { remoteNames } from './remote.ts';
import type { CommandRepository } from './repository.ts';
import { readRecord, writeRecord } from './setup-record.ts';

/**
 * `git dvcexp setup <remote> --undo`: takes back what setup wrote, byte for byte where nobody has changed it since. A
 * value of ours that somebody else wrote goes by `git config --unset`. Throws `usage` when there is no such Git remote.
 */
export async function undoSetup(
  name: string,
  options: { readonly onlyExperiments: boolean },
  repository: CommandRepository,
  say: (line: string) => void,
): Promise<void> {
  const { location } = repository;
  const record = readRecord(location, name);
  const chosen = ({ key }: Edit): boolean => !options.onlyExperiments || key === `remote.${name}.fetch`;
  const recorded = record.edits.filter(chosen);
  if (recorded.length === 0 && !(await remoteNames(repository)).includes(name)) {
    throw new HelperError('usage', `there is no Git remote '${printable(name)}'`, {
      hints: ["'git remote' lists them"],
    });
  }
  const found = await unrecorded(name, options, recorded, repository);
  const removal = await removeEdits(repository, [...found, ...recorded]);
  writeRecord(location, { remote: name, edits: record.edits.filter((edit) => !chosen(edit)) });
  if (found.length + recorded.length === 0) say(`nothing to undo: setup wrote nothing for '${printable(name)}'`);
  else tellRemoval(name, removal, found, repository, say);
  await tellRest(name, options, repository, say);
}

/** Values of ours in the repository's own file that no record tells of: written by hand, or by `git clone -c`. */
async function unrecorded(
  name: string,
  { onlyExperiments }: { readonly onlyExperiments: boolean },
  recorded: readonly Edit[],
  { git, configFile }: CommandRepository,
): Promise<readonly Edit[]> {
  const wanted = [
    ...(onlyExperiments ? [] : [{ key: `remote.${name}.vcs`, value: 'dvcexp' }]),
    ...experimentRefspecs(name).map((value) => ({ key: `remote.${name}.fetch`, value })),
  ];
  const edits: Edit[] = [];
  for (const { key, value } of wanted) {
    if (recorded.some((edit) => edit.key === key && edit.value === value)) continue;
    const places = await placedValues(key, git);
    if (!places.some((placed) => placed.value === value && placed.file === configFile)) continue;
    edits.push({ key, value, insertion: undefined, before: '', after: '' });
  }
  return edits;
}

function tellRemoval(
  name: string,
  removal: Removal,
  found: readonly Edit[],
  { configFile }: CommandRepository,
  say: (line: string) => void,
): void {
  const file = `'${printable(configFile)}'`;
  if (removal.exact) {
    say(`took back what setup wrote for '${printable(name)}': ${file} is byte for byte what it was before`);
    return;
  }
  for (const edit of removal.gone) say(`gone already: ${printable(edit.key)} = ${printable(edit.value)}`);
  for (const edit of removal.unset) {
    const why = found.includes(edit) ? 'not written by setup' : 'the lines that setup wrote have been changed';
    say(`removed by git config --unset: ${printable(edit.key)} = ${printable(edit.value)} (${why})`);
  }
  say(`what setup writes for '${printable(name)}' is gone from ${file}; all else there was left as it is`);
}

/** Says what stays behind. Throws `config` when something else still makes a helper serve this Git remote. */
async function tellRest(
  name: string,
  { onlyExperiments }: { readonly onlyExperiments: boolean },
  repository: CommandRepository,
  say: (line: string) => void,
): Promise<void> {
  const shown = trackedExperiments(name);
  const { stdout } = await runGit(['for-each-ref', '--count=1', shown], repository.git);
  if (stdout.length > 0) {
    say(`${printable(shown)} still has refs; with the next prune they go: git fetch --prune ${word(name)}`);
  }
  if (onlyExperiments) return;
  const pins = await runGit(['config', '--local', '--get-regexp', '^dvcexp\\..*\\.pin$'], {
    ...repository.git,
    accept: [0, 1],
  });
  // They guard against a repository that moves its storage; setting up again must not begin with nothing known.
  if (pins.stdout.length > 0) say('which storage this clone has met stays written there: git dvcexp trust --list');
  const key = `remote.${name}.vcs`;
  const left = (await placedValues(key, repository.git)).filter(({ scope }) => scope !== 'command').at(-1);
  if (left === undefined) return;
  const what = `${printable(key)} is '${printable(left.value)}' in '${printable(left.file)}', which setup did not write`;
  throw new HelperError('config', what, {
    hints: left.value === 'dvcexp' ? [`to remove it: ${unsetCommand(key, left, repository)}`] : [],
  });
}
