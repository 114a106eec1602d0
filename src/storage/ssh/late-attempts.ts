import type { AnyAuthMethod } from 'ssh2';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import type { Credential, CredentialPlace, StorageContext } from '../remote.ts';
import { readKey } from './private-key.ts';
import type { SshSettings } from './settings.ts';

/** One thing to show to the server. */
export interface Attempt {
  /** For people; '' where there is nothing to tell. */
  readonly what: string;
  readonly method: AnyAuthMethod;
  /** The server has let us in with it. */
  accepted?(): void;
}

export type LateContext = Pick<StorageContext, 'guard' | 'credentials'>;

/**
 * What is tried when the server has refused all that was at hand: key files whose passphrase Git keeps or the user
 * gives, then a password of the same kind. The next attempt is asked for only when the one before was refused.
 *
 * @param takes does the server take this method now?
 */
export async function* lateAttempts(
  settings: SshSettings,
  username: string,
  locked: readonly string[],
  takes: (type: 'publickey' | 'password' | 'keyboard-interactive') => boolean,
  context: LateContext,
  operation: Operation,
): AsyncGenerator<Attempt, undefined> {
  if (context.credentials === undefined) return undefined;
  for (const path of locked) {
    if (!takes('publickey')) break;
    const attempt = await unlock(path, settings, username, context, operation);
    if (attempt !== undefined) yield attempt;
  }
  if (settings.password === undefined) yield* passwords(settings, username, takes, context, operation);
  return undefined;
}

async function unlock(
  path: string,
  { name, displayUrl }: SshSettings,
  username: string,
  { credentials }: LateContext,
  operation: Operation,
): Promise<Attempt | undefined> {
  // In the manner of Git's `cert:///path`: a leading slash does not survive a helper that writes a URL.
  const place: CredentialPlace = { protocol: 'ssh-key', host: '', path: path.replace(/^\/+/, '') };
  const need = `the key '${printable(path)}' for storage remote '${name}' (${displayUrl}) has a passphrase`;
  for (;;) {
    const given = await credentials?.ask(place, '', need, operation);
    if (given === undefined) return undefined;
    const key = readKey(path, given.password);
    if (key === undefined) return undefined;
    if ('problem' in key) {
      credentials?.reject(place, given);
      continue;
    }
    // It opens the key, whatever the server thinks of that.
    credentials?.approve(place, given);
    return { what: `'${printable(path)}'`, method: { type: 'publickey', username, key } };
  }
}

async function* passwords(
  { name, displayUrl, origin }: SshSettings,
  username: string,
  takes: (type: 'password' | 'keyboard-interactive') => boolean,
  { guard, credentials }: LateContext,
  operation: Operation,
): AsyncGenerator<Attempt, undefined> {
  const place: CredentialPlace = { protocol: 'ssh', host: origin.host, path: '' };
  const need = `storage remote '${name}' (${displayUrl}) needs the password of user '${printable(username)}'`;
  while (takes('password') || takes('keyboard-interactive')) {
    if ((await guard.admit({ from: 'credential', shows: 'secret' })) !== undefined) return undefined;
    const given = await credentials?.ask(place, username, need, operation);
    if (given === undefined) return undefined;
    const accepted = (): void => credentials?.approve(place, given);
    yield { what: 'a password', method: methodFor(username, given, takes('password')), accepted };
    credentials?.reject(place, given);
  }
  return undefined;
}

function methodFor(username: string, { password }: Credential, plain: boolean): AnyAuthMethod {
  if (plain) return { type: 'password', username, password };
  return keyboardMethod(username, password);
}

/** Answers only the one hidden question, and once: anything else (a code, a new password) has another answer. */
export function keyboardMethod(username: string, password: string): AnyAuthMethod {
  let answered = false;
  return {
    type: 'keyboard-interactive',
    username,
    prompt(_name, _instructions, _language, prompts, finish) {
      const fits = prompts.length === 1 && prompts[0]?.echo !== true && !answered;
      answered ||= fits;
      finish(fits ? [password] : prompts.map(() => ''));
    },
  };
}
