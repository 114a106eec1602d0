import ssh2, { type AnyAuthMethod, type AuthenticationType, type ParsedKey, type SignCallback } from 'ssh2';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import type { Guard, SecretUse } from '../remote.ts';
import type { ClientConfig } from './client-config.ts';
import { type Attempt, keyboardMethod, type LateContext, lateAttempts } from './late-attempts.ts';
import { readKey } from './private-key.ts';
import type { SshSettings } from './settings.ts';

/** What is shown to the server, one after the other, and what could not be shown. */
export interface Authentication {
  /** ssh2's authHandler: the next method, or false when there is none left. Takes as long as the user takes to answer. */
  next(left: readonly AuthenticationType[] | null): Promise<AnyAuthMethod | false>;
  /** The server has let us in. */
  accepted(): void;
  /** For a refusal: what was tried, in words. */
  tried(): string;
  /** For a refusal: what would have been tried and could not be. */
  hints(): readonly string[];
}

/**
 * The agent's keys, then key files, then the password, by itself and as the answer to the one question of
 * keyboard-interactive. Where a key file, passphrase or password is configured, only such methods, as in DVC. When the
 * server has refused all of them, what Git keeps for its host, and what the user gives.
 */
export async function prepareAuthentication(
  settings: SshSettings,
  config: ClientConfig,
  context: LateContext,
  operation: Operation,
): Promise<Authentication> {
  const { password, keyfile, passphrase } = settings;
  const username = config.user;
  const byKey = password === undefined || keyfile !== undefined || passphrase !== undefined;
  await admit(context.guard, { password: password === undefined ? undefined : settings.passwordFrom, byKey });
  const keys = byKey ? await collectKeys(settings, config) : { methods: [], locked: [], hints: [] };
  const methods: Attempt[] = [...keys.methods, ...(password === undefined ? [] : passwordMethods(username, password))];
  // The first answer tells which methods the server knows (RFC 4252, 5.2).
  const waiting: Attempt[] = [{ what: '', method: { type: 'none', username } }, ...methods];
  const tried: string[] = [];
  const takes = (left: readonly AuthenticationType[] | null, type: string): boolean =>
    left === null || left.includes((type === 'agent' ? 'publickey' : type) as AuthenticationType);
  let known: readonly AuthenticationType[] | null = null;
  let last: Attempt | undefined;
  const late = lateAttempts(settings, username, keys.locked, (type) => takes(known, type), context, operation);
  return {
    async next(left) {
      known = left;
      // What a server does not take now it may want as a second factor later.
      const at = waiting.findIndex(({ method: { type } }) => type === 'none' || takes(left, type));
      const [first] = at < 0 ? [] : waiting.splice(at, 1);
      const attempt: Attempt | undefined = first ?? ((await late.next()).value || undefined);
      last = attempt;
      if (attempt === undefined) return false;
      if (attempt.what !== '') tried.push(attempt.what);
      return attempt.method;
    },
    accepted: () => last?.accepted?.(),
    tried: () => (tried.length === 0 ? 'nothing to show it' : `tried ${[...new Set(tried)].join(', ')}`),
    hints: () => [...keys.hints, ...hintsFor(settings, tried.length === 0, context.credentials?.canAsk === true)],
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

function hintsFor({ name, asks }: SshSettings, nothing: boolean, asked: boolean): readonly string[] {
  const configure = `dvc remote modify --local ${name} password <password>`;
  const unasked = (asked ? [] : asks).map(
    (option) => `'${option}' is set, and nobody can be asked here: use an agent, or ${configure}`,
  );
  return nothing && unasked.length === 0 ? [`load a key into an agent (ssh-add), or: ${configure}`] : unasked;
}

function passwordMethods(username: string, password: string): Attempt[] {
  return [
    { what: 'the password', method: { type: 'password', username, password } },
    { what: 'the password', method: keyboardMethod(username, password) },
  ];
}

async function collectKeys(
  settings: SshSettings,
  config: ClientConfig,
): Promise<{
  readonly methods: Attempt[];
  /** Paths of key files that want a passphrase. */
  readonly locked: readonly string[];
  readonly hints: readonly string[];
}> {
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
  const locked: string[] = [];
  for (const file of files) {
    if (named.some((key) => isOf(file, key))) continue;
    if (file.privateKey !== undefined) {
      methods.push({
        what: `'${printable(file.path)}'`,
        method: { type: 'publickey', username, key: file.privateKey },
      });
    } else if (file.problem !== undefined) {
      hints.push(`'${printable(file.path)}' was not used: ${file.problem}`);
      if (file.locked) locked.push(file.path);
    }
  }
  if (settings.keyfile !== undefined && files.length === 0) {
    hints.push(`the key file '${printable(settings.keyfile)}' cannot be read`);
  }
  return { methods, locked, hints };
}

interface IdentityFile {
  readonly path: string;
  readonly publicKey: ParsedKey | undefined;
  readonly privateKey: ParsedKey | undefined;
  /** Why there is no private key to use, where that is worth telling. */
  readonly problem: string | undefined;
  /** It wants a passphrase that nobody has given. */
  readonly locked: boolean;
}

/** undefined: there is no such file. */
function readIdentity(path: string, passphrase: string | undefined): IdentityFile | undefined {
  const own = readKey(path, passphrase);
  const beside = readKey(`${path}.pub`, undefined);
  const publicKey = [beside, own].find((key): key is ParsedKey => key !== undefined && !('problem' in key));
  const rest = { path, publicKey, privateKey: undefined, problem: undefined, locked: false };
  if (own === undefined) return publicKey && rest;
  if ('problem' in own) return { ...rest, ...own };
  return { ...rest, privateKey: own.isPrivateKey() ? own : undefined };
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
