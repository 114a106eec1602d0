import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';

const files: Readonly<Record<string, string>> = {
  bash: 'git-dvcexp.bash',
  zsh: '_git-dvcexp',
  fish: 'git-dvcexp.fish',
};

export const shells: readonly string[] = Object.keys(files);

/** `git dvcexp completion <shell>`: prints what completes `git dvcexp` in a shell. */
export function completionCommand(shell: string, { completion, stdout }: CommandContext): number {
  const file = files[shell];
  if (file === undefined) {
    throw new HelperError('usage', `there is no completion for '${printable(shell)}'`, {
      hints: [`there is for ${shells.join(', ')}`],
    });
  }
  stdout(readFileSync(join(completion, file), 'utf8'));
  return 0;
}
