import { isAbort } from '../model/error.ts';
import { inCredentialVariable } from '../model/git.ts';
import { conceal } from '../report/conceal.ts';
import { trace } from '../report/trace.ts';
import { type Environment, runGit } from './process.ts';

/** What `git credential` is asked about (git-credential(1), INPUT/OUTPUT FORMAT). */
export interface CredentialQuestion {
  readonly protocol: string;
  /** Empty only where there is no host: `cert`, `ssh-key`. */
  readonly host: string;
  readonly path?: string | undefined;
  readonly username?: string | undefined;
}

export interface CredentialAnswer {
  readonly username: string;
  readonly password: string;
  /** Seconds since 1970; undefined: it was not said. */
  readonly expiresSeconds: number | undefined;
}

export interface CredentialOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** A helper that asks somebody although it was told not to would be waited for without end. */
const quietMs = 60_000;
const longestValue = 64 * 1024;

/**
 * Asks Git's helpers, and with `prompt` the user where they know nothing, as Git itself asks. undefined: there is
 * none, or not all of it, or it has expired. Rejects only with the reason of an abort.
 */
export async function fillCredential(
  question: CredentialQuestion,
  { prompt, ...options }: CredentialOptions & { readonly prompt: boolean },
): Promise<CredentialAnswer | undefined> {
  const input = serialize(question);
  if (input === undefined) return undefined;
  const signal = prompt ? options.signal : AbortSignal.any([options.signal, AbortSignal.timeout(quietMs)]);
  // Git before 2.47 does not know credential.interactive; an empty GIT_ASKPASS turns off SSH_ASKPASS too.
  const quiet = { GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', GCM_INTERACTIVE: 'never' };
  const said = await run(prompt ? ['fill'] : ['-c', 'core.askPass=', 'fill'], input, {
    ...options,
    signal,
    env: prompt ? options.env : { ...options.env, ...quiet },
    stderr: prompt ? 'inherit' : 'collect',
  });
  options.signal.throwIfAborted();
  const answer = said === undefined ? undefined : parseAnswer(said, question);
  conceal(answer?.password);
  return answer;
}

/** Tells the helpers that it was accepted, to be kept, or refused, to be forgotten. A helper that fails is no error. */
export async function reportCredential(
  verdict: 'approve' | 'reject',
  question: CredentialQuestion,
  { username, password }: { readonly username: string; readonly password: string },
  options: CredentialOptions,
): Promise<void> {
  const input = serialize({ ...question, username }, password);
  if (input !== undefined) await run([verdict], input, { ...options, stderr: 'collect' });
  options.signal.throwIfAborted();
}

async function run(
  words: readonly string[],
  input: string,
  options: CredentialOptions & { readonly stderr: 'inherit' | 'collect' },
): Promise<string | undefined> {
  const [verb = '', ...before] = [...words].reverse();
  const args = [...before.reverse(), 'credential', verb];
  try {
    const env = { ...options.env, [inCredentialVariable]: '1' };
    const { code, stdout } = await runGit(args, { ...options, env, input, accept: 'any', maxBytes: 1024 * 1024 });
    return code === 0 ? stdout.toString() : undefined;
  } catch (error) {
    if (!isAbort(error)) trace(() => `'git credential ${verb}' failed`);
    return undefined;
  }
}

/**
 * The one serializer. undefined for what cannot be said: a line feed in a value would be a line of its own, which
 * may name another host (CVE-2020-5260), and other control characters would reach a terminal in a prompt
 * (CVE-2024-50349, CVE-2024-52006). Helpers take no longer lines.
 */
export function serialize(question: CredentialQuestion, password?: string): string | undefined {
  const { protocol, host, path, username } = question;
  if (protocol === '' || (host === '' && !/^(?:cert|ssh-key)$/.test(protocol))) return undefined;
  const lines: string[] = [];
  for (const [name, value] of Object.entries({ protocol, host, path, username, password })) {
    if (value === undefined || (value === '' && name === 'path')) continue;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    if (/[\u0000-\u001f\u007f-\u009f]/.test(value) || Buffer.byteLength(value) >= longestValue - 16) return undefined;
    lines.push(`${name}=${value}\n`);
  }
  return `${lines.join('')}\n`;
}

/** Only what was asked for is taken: a helper may answer with another protocol or host, and means its own by it. */
export function parseAnswer(text: string, question: CredentialQuestion): CredentialAnswer | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const username = fields.get('username') ?? '';
  const password = fields.get('password') ?? '';
  // An askpass program that was cancelled may answer with nothing and call it success.
  if (password === '' || (username === '' && question.username !== '')) return undefined;
  if (question.username !== undefined && username !== question.username) return undefined;
  // What Git could not be told to keep, or to forget, is of no use.
  if (serialize({ ...question, username }, password) === undefined) return undefined;
  const expiry = fields.get('password_expiry_utc') ?? '';
  const expiresSeconds = /^[0-9]{1,15}$/.test(expiry) ? Number(expiry) : undefined;
  if (expiresSeconds !== undefined && expiresSeconds * 1000 <= Date.now()) return undefined;
  return { username, password, expiresSeconds };
}
