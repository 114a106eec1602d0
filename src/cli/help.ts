import { delimiter } from 'node:path';
import { startProcess } from '../git/process.ts';
import type { Operation } from '../model/operation.ts';
import type { CommandContext } from './context.ts';

/**
 * Opens git-dvcexp(1) as `git help` does, also where it is not installed for man(1) to find. Answers false when it
 * cannot be shown.
 */
export async function openManual(context: CommandContext, operation: Operation): Promise<boolean> {
  const { env, cwd, manual } = context;
  // An empty part stands for where man(1) looks anyway (manpath(1)).
  const MANPATH = [manual, env.MANPATH ?? ''].join(delimiter);
  const child = startProcess('git', ['help', 'dvcexp'], {
    cwd,
    env: { ...env, MANPATH },
    stdout: 'inherit',
    stderr: 'collect',
    signal: operation.signal,
  });
  child.stdin.end();
  return (await child.ended) === 0;
}
