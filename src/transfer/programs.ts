import { type Environment, scrubbedEnvironment, startProcess } from '../git/process.ts';
import type { StartProgram } from '../storage/remote.ts';

/** How a storage backend starts a program (`ssh`): it may not see which repository we work on. */
export function programStarter(env: Environment): StartProgram {
  return (program, args) => startProcess(program, args, { env: scrubbedEnvironment(env), stderr: 'collect' });
}
