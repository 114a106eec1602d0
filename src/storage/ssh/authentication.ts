import { readFileSync } from 'node:fs';
import ssh2, { type AnyAuthMethod, type AuthenticationType, type ParsedKey, type SignCallback } from 'ssh2';
import { printable } from '../../report/printable.ts';
import type { Guard, SecretUse } from '../remote.ts';
import type { ClientConfig } from './client-config.ts';
import type { SshSettings } from './settings.ts';

/** What is shown to the server, one after the other, and what could not be shown. */
export interface Authentication {
  /** ssh2's authHandler: the next method, or false when there is none left. */
  next(left: readonly AuthenticationType[] | null): AnyAuthMethod | false;
  /** For a refusal: what was tried, in words. */
  tried(): string;
  /** For a refusal: what would have been tried and could not be. */
  readonly hints: readonly string[];
}

/**
 * The agent's keys, then key files, then the password, by itself and as the answer to the one question of
 * keyboard-interactive. Where a key file, passphrase or password is configured, only such methods, as in DVC.
 * Never asks anybody.
 */
export async function prepareAuthentication(
  settings: SshSettings,
  config: ClientConfig,
  guard: Guard,
): Promise<Authentication> {
  const { password, keyfile, passphrase } = settings;
  const username = config.user;
  const byKey = password === undefined || keyfile !== undefined || passphrase !== undefined;
  await admit(guard, { password: password === undefined ? undefined : settings.passwordFrom, byKey });
  const keys = byKey ? await collectKeys(settings, config) : { methods: [], hints: [] };
  const methods: Attempt[] = [...keys.methods, ...(password === undefined ? [] : passwordMethods(username, password))];
  // The first answer tells which methods the server knows (RFC 4252, 5.2).
  const waiting: Attempt[] = [{ what: '', method: { type: 'none', username } }, ...methods];
  const tried: string[] = [];
  return {
    next(left) {
      // What a server does not take now it may want as a second factor later.
      const at = waiting.findIndex(({ method: { type } }) => {
        return left === null || type === 'none' || left.includes(type === 'agent' ? 'publickey' : type);
      });
      const [attempt] = at < 0 ? [] : waiting.splice(at, 1);
      if (attempt === undefined) return false;
      if (attempt.what !== '') tried.push(attempt.what);
      return attempt.method;
    },
    tried: () => (tried.length === 0 ? 'nothing to show it' : `tried ${[...new Set(tried)].join(', ')}`),
    hints: [...keys.hints, ...hintsFor(settings, methods.length === 0)],
  };
}

/** There is no way in without: the refusal is thrown. A key proves itself to hosts only that known_hosts vouches for. */
async function admit(
  guard: Guard,
  { password, byKey }: { readonly password: SecretUse['from'] | undefined; readonly byKey: boolean },
): Promise<void> {
  const uses: SecretUse[] = [];
  if (byKey) uses.push({ from: 'credential', shows: 'proof' });
  if (password !== undefined) uses.push({ from: password, shows: 'secret' });
  for (const use of uses) {
    const refusal = await guard.admit(use);
    if (refusal !== undefined) throw refusal;
  }
}

const agentPatienceMs = 10_000;

interface Attempt {
  readonly what: string;
  readonly method: AnyAuthMethod;
}

function hintsFor({ name, asks }: SshSettings, nothing: boolean): readonly string[] {
  const configure = `dvc remote modify --local ${name} password <password>`;
  const asked = asks.map(
    (option) => `'${option}' is not served, since Git holds the terminal: use an agent, or ${configure}`,
  );
  return nothing && asks.length === 0 ? [`load a key into an agent (ssh-add), or: ${configure}`] : asked;
}

function passwordMethods(username: string, password: string): Attempt[] {
  let answered = false;
  return [
    { what: 'the password', method: { type: 'password', username, password } },
    {
      what: 'the password',
      method: {
        type: 'keyboard-interactive',
        username,
        prompt(_name, _instructions, _language, prompts, finish) {
          // Only the one hidden question, and once: anything else (a code, a new password) has another answer.
          const fits = prompts.length === 1 && prompts[0]?.echo !== true && !answered;
          answered ||= fits;
          finish(fits ? [password] : prompts.map(() => ''));
        },
      },
    },
  ];
}

async function collectKeys(
  settings: SshSettings,
  config: ClientConfig,
): Promise<{ readonly methods: Attempt[]; readonly hints: readonly string[] }> {
  const username = config.user;
  const files = config.identityFiles.flatMap((path) => readIdentity(path, settings.passphrase) ?? []);
  const agent = config.agent === undefined ? undefined : new ssh2.OpenSSHAgent(config.agent);
  const loaded = agent === undefined ? [] : await identitiesOf(agent);
  const isOf = (file: IdentityFile, key: ParsedKey): boolean => file.publicKey?.equals(key.getPublicSSH()) === true;
  // A server counts attempts: those keys first that somebody has named.
  const named = files.flatMap((file) => loaded.filter((key) => isOf(file, key)));
  const others = config.identitiesOnly ? [] : loaded.filter((key) => !named.includes(key));
  const offered = [...new Set([...named, ...others])];
  const methods: Attempt[] = [];
  if (agent !== undefined && offered.length > 0) {
    const count = offered.length === 1 ? '1 key' : `${offered.length} keys`;
    methods.push({
      what: `${count} of the agent`,
      method: { type: 'agent', username, agent: new ChosenKeys(agent, offered) },
    });
  }
  const hints: string[] = [];
  for (const file of files) {
    if (named.some((key) => isOf(file, key))) continue;
    if (file.privateKey !== undefined) {
      methods.push({
        what: `'${printable(file.path)}'`,
        method: { type: 'publickey', username, key: file.privateKey },
      });
    } else if (file.problem !== undefined) {
      hints.push(`'${printable(file.path)}' was not used: ${file.problem}`);
    }
  }
  if (settings.keyfile !== undefined && files.length === 0) {
    hints.push(`the key file '${printable(settings.keyfile)}' cannot be read`);
  }
  return { methods, hints };
}

interface IdentityFile {
  readonly path: string;
  readonly publicKey: ParsedKey | undefined;
  readonly privateKey: ParsedKey | undefined;
  /** Why there is no private key to use, where that is worth telling. */
  readonly problem: string | undefined;
}

/** undefined: there is no such file. */
function readIdentity(path: string, passphrase: string | undefined): IdentityFile | undefined {
  const own = readKey(path, passphrase);
  const beside = readKey(`${path}.pub`, undefined);
  const publicKey = [beside, own].find((key): key is ParsedKey => key !== undefined && !('problem' in key));
  if (own === undefined) return publicKey && { path, publicKey, privateKey: undefined, problem: undefined };
  if ('problem' in own) return { path, publicKey, privateKey: undefined, problem: own.problem };
  return { path, publicKey, privateKey: own.isPrivateKey() ? own : undefined, problem: undefined };
}

function readKey(path: string, passphrase: string | undefined): ParsedKey | { readonly problem: string } | undefined {
  let text: Buffer;
  try {
    text = readFileSync(path);
  } catch {
    return undefined;
  }
  const parsed: unknown = ssh2.utils.parseKey(text, passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (!(key instanceof Error)) return key as ParsedKey;
  if (/no passphrase/i.test(key.message))
    return { problem: `it has a passphrase; load it with: ssh-add ${printable(path)}` };
  return {
    problem: /passphrase|decrypt|integrity/i.test(key.message) ? 'the passphrase is wrong' : printable(key.message),
  };
}

/** None when the agent does not answer: its keys are one way among several. */
function identitiesOf(agent: ssh2.OpenSSHAgent): Promise<readonly ParsedKey[]> {
  return new Promise((resolve) => {
    setTimeout(() => resolve([]), agentPatienceMs).unref();
    agent.getIdentities((error, keys) => {
      const parsed = error ? [] : (keys ?? []).map((key): unknown => ssh2.utils.parseKey(key as ParsedKey));
      resolve(parsed.filter((key) => !(key instanceof Error)) as ParsedKey[]);
    });
  });
}

/** An agent that shows some of its keys. */
class ChosenKeys extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: ssh2.OpenSSHAgent;
  readonly #keys: readonly ParsedKey[];

  constructor(agent: ssh2.OpenSSHAgent, keys: readonly ParsedKey[]) {
    super();
    this.#agent = agent;
    this.#keys = keys;
  }

  override getIdentities(done: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    done(null, [...this.#keys]);
  }

  override sign(...args: [ParsedKey, Buffer, ...unknown[]]): void {
    this.#agent.sign(...(args as [ParsedKey, Buffer, SignCallback]));
  }
}
