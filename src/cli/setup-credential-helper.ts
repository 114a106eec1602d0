import { placedValues } from '../git/config-file.ts';
import { runGit } from '../git/process.ts';
import { helperPath, programsOnPath } from '../git/programs.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import { gitOptions } from './repository.ts';

const key = 'credential.helper';
const name = 'dvcexp';

/**
 * `git dvcexp setup --credential-helper [--undo]`: has Git ask git-credential-dvcexp(1) behind all other helpers, for all
 * repositories of the user. Throws `config` when Git would not find it.
 */
export async function setupCredentialHelper(
  undo: boolean,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const git = gitOptions(context, operation);
  const places = await placedValues(key, git);
  const ours = places.filter(({ value }) => value === name);
  const say = (line: string): void => context.stdout(`${line}\n`);
  if (undo) {
    if (!ours.some(({ scope }) => scope === 'global')) say(`nothing to undo: no global ${key} is '${name}'`);
    else {
      await runGit(['config', '--global', '--fixed-value', '--unset-all', key, name], git);
      say(`Git no longer asks git-credential-${name}`);
    }
    const left = ours.find(({ scope }) => scope !== 'global' && scope !== 'command');
    if (left !== undefined) say(`${key} is '${name}' in '${printable(left.file)}' too, which setup did not write`);
    return 0;
  }
  if (programsOnPath(`git-credential-${name}`, await helperPath(git), context.platform).length === 0) {
    throw new HelperError('config', `Git does not find git-credential-${name}`, {
      hints: ['put the folder that holds it on PATH'],
    });
  }
  if (ours.length > 0) {
    say(`Git asks git-credential-${name} already: ${key} in '${printable(ours.at(-1)?.file ?? '')}'`);
    return 0;
  }
  await runGit(['config', '--global', '--add', key, name], git);
  say(`Git asks git-credential-${name} for passwords of HTTPS remotes, behind its other helpers (global ${key})`);
  say('back: git dvcexp setup --credential-helper --undo');
  return 0;
}
