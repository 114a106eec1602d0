import type { PlacedValue } from '../git/config-file.ts';
import { printable } from '../report/printable.ts';
import type { CommandRepository } from './repository.ts';

/** A word as a shell reads it, in quotes where it needs them. Safe to print. */
export function word(text: string): string {
  const shown = printable(text);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}

/** What to type to remove one value from the file it stands in. */
export function unsetCommand(key: string, { scope, file, value }: PlacedValue, repository: CommandRepository): string {
  const options =
    file === repository.configFile ? '--local' : scope === 'worktree' ? '--worktree' : `--file ${word(file)}`;
  return `git config ${options} --fixed-value --unset-all ${word(key)} ${word(value)}`;
}
