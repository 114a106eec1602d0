import { inCredentialVariable } from '../model/git.ts';
import { ciAnswer } from './ci.ts';
import { localAnswer, type Machine } from './local-layers.ts';
import { parseRequest } from './request.ts';

/**
 * What `git credential-dvcexp <operation>` writes: the two lines that Git wants, or nothing. `store` and `erase` keep
 * nothing, since what is answered here is kept elsewhere. Nothing that is wrong with this machine's configuration is
 * worth more than silence: other helpers may know, and Git asks when nobody does.
 */
export async function respond(operation: string, input: string, machine: Machine): Promise<string> {
  if (operation !== 'get' || machine.env[inCredentialVariable]) return '';
  const request = parseRequest(input);
  if (request === undefined) return '';
  const found = (await localAnswer(request, machine).catch(() => undefined)) ?? ciAnswer(request, machine.env);
  if (found === undefined || (request.username !== undefined && request.username !== found.username)) return '';
  const { username, password } = found;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return /[\u0000-\u001f\u007f]/.test(username + password) ? '' : `username=${username}\npassword=${password}\n`;
}
