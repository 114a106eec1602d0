import { text } from 'node:stream/consumers';
import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import type { Program, StartProgram, StorageContext } from '../remote.ts';
import type { SshSettings } from './settings.ts';

/** How to reach a host and whom to trust there: what ssh_config(5) says, with the storage remote's options over it. */
export interface ClientConfig {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** What known_hosts calls the host: `host`, `[host]:port` or an alias; the first that has an entry counts. */
  readonly knownAs: readonly string[];
  /** Absolute paths, in the order to be read. */
  readonly knownHostsFiles: readonly string[];
  /** `StrictHostKeyChecking` is `accept-new`, `no` or `off`: the user wants new hosts to be written down unasked. */
  readonly acceptsNew: boolean;
  readonly hashKnownHosts: boolean;
  /** Absolute paths, in the order to be tried. */
  readonly identityFiles: readonly string[];
  /** Of the agent's keys only those of `identityFiles`. */
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket; undefined: none. */
  readonly agent: string | undefined;
  /** A program whose stdin and stdout are the connection. */
  readonly proxy: { readonly program: string; readonly args: readonly string[] } | undefined;
  readonly connectMs: number | undefined;
  /** 0: no questions whether the server is still there. */
  readonly keepaliveMs: number;
  readonly keepaliveCount: number;
}

/** Values of a keyword (lower case), in order. */
type Keywords = ReadonlyMap<string, readonly string[]>;

const defaultKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `~/.ssh/${name}`);
const patienceMs = 20_000;

/**
 * Asks `ssh -G`, since nobody else reads ssh_config(5) as ssh does; without OpenSSH its defaults count. Throws
 * `config` for what ssh calls a mistake, or when nobody says which user to be.
 */
export async function readClientConfig(
  settings: SshSettings,
  context: StorageContext,
  { signal }: Operation,
): Promise<ClientConfig> {
  const said = context.start === undefined ? undefined : await askSsh(settings, context.start, signal);
  return interpret(settings, said ?? new Map(), context);
}

async function askSsh(settings: SshSettings, start: StartProgram, signal: AbortSignal): Promise<Keywords | undefined> {
  const { host, port, user } = settings;
  const place = [...(port === undefined ? [] : ['-p', `${port}`]), ...(user === undefined ? [] : ['-l', user])];
  // -T: with `RequestTTY` ssh would warn of a missing terminal.
  const program = start('ssh', ['-G', '-T', ...place, '--', host]);
  const late = setTimeout(() => program.stop(), patienceMs);
  const stop = (): void => void program.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    program.stdin.end();
    const [answer, code] = await Promise.all([text(program.stdout).catch(() => ''), endOf(program)]);
    signal.throwIfAborted();
    if (code === undefined) return undefined;
    if (code === 0) return parseKeywords(answer);
    const why = program.stderrText().trim().split('\n').at(-1) ?? '';
    throw new HelperError('config', `'ssh -G ${host}' failed: ${printable(why || `exit code ${code}`)}`, {
      hints: [`see what it says: ssh -G ${host}`],
    });
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', stop);
  }
}

/** undefined: there is no such program. */
async function endOf(program: Program): Promise<number | undefined> {
  try {
    return await program.ended;
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'config') throw error;
    trace(() => `ssh: ${error.message}; its configuration is not read`);
    return undefined;
  }
}

/** The lines of `ssh -G`: a keyword in lower case, a blank, the value. */
export function parseKeywords(answer: string): Keywords {
  const keywords = new Map<string, string[]>();
  for (const line of answer.split(/\r?\n/)) {
    const [, key = '', value = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (key === '') continue;
    const values = keywords.get(key);
    if (values === undefined) keywords.set(key, [value]);
    else values.push(value);
  }
  return keywords;
}

function interpret(settings: SshSettings, said: Keywords, context: StorageContext): ClientConfig {
  const { env } = context;
  const value = (key: string): string | undefined => {
    const first = said.get(key)?.[0];
    return first === 'none' ? undefined : first;
  };
  const user = settings.user ?? value('user') ?? env.USER ?? env.LOGNAME ?? env.USERNAME;
  if (user === undefined) {
    const hints = [`dvc remote modify --local ${settings.name} user <user>`];
    throw new HelperError('config', `storage remote '${settings.name}': it is not said which user to be`, { hints });
  }
  const hostname = value('hostname') ?? settings.host;
  const port = settings.port ?? portOf(value('port'));
  const place: Place = { ...settings, hostname, port, user, home: context.home, env };
  const files = (texts: readonly string[]): string[] => texts.flatMap((each) => expandPath(each, place) ?? []);
  const lists = (key: string, fallback: string): string[] => files((value(key) ?? fallback).split(' '));
  const seconds = (key: string): number | undefined => {
    const number = Number(value(key));
    return Number.isFinite(number) && number > 0 ? number * 1000 : undefined;
  };
  return {
    hostname,
    port,
    user,
    knownAs: namesOf(value('hostkeyalias'), hostname, port),
    knownHostsFiles: [
      ...lists('userknownhostsfile', '~/.ssh/known_hosts ~/.ssh/known_hosts2'),
      ...lists('globalknownhostsfile', '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2'),
    ],
    acceptsNew: ['accept-new', 'no', 'off', 'false'].includes(value('stricthostkeychecking') ?? 'ask'),
    hashKnownHosts: value('hashknownhosts') === 'yes',
    identityFiles: settings.keyfile === undefined ? files(said.get('identityfile') ?? defaultKeys) : [settings.keyfile],
    // With a key file DVC tries that one alone; ours may lie in the agent, which knows its passphrase.
    identitiesOnly: settings.keyfile !== undefined || value('identitiesonly') === 'yes',
    agent: settings.allowAgent ? agentOf(said.get('identityagent')?.[0], place) : undefined,
    proxy: proxyOf(value('proxyjump'), value('proxycommand'), value('proxyusefdpass') === 'yes', place),
    connectMs: seconds('connecttimeout'),
    keepaliveMs: seconds('serveraliveinterval') ?? 0,
    keepaliveCount: /^\d{1,9}$/.test(value('serveralivecountmax') ?? '') ? Number(value('serveralivecountmax')) : 3,
  };
}

/** Nobody but ssh itself writes this, and it takes no other ports. */
function portOf(text = ''): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 22;
  return port > 0 && port < 65_536 ? port : 22;
}

interface Place extends SshSettings {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly home: string;
  readonly env: StorageContext['env'];
}

/** ssh looks without the port too, for files written before it told ports apart. */
function namesOf(alias: string | undefined, hostname: string, port: number): readonly string[] {
  if (alias !== undefined) return [alias.toLowerCase()];
  const host = hostname.toLowerCase();
  return port === 22 ? [host] : [`[${host}]:${port}`, host];
}

/** TOKENS in ssh_config(5). undefined: one of those that only ssh itself can know, or a variable that is not set. */
function expand(template: string, { home, hostname, host, port, user, env }: Place): string | undefined {
  const tokens: Readonly<Record<string, string | undefined>> = {
    ...{ '%': '%', d: home, h: hostname, n: host, p: `${port}`, r: user },
    u: env.USER ?? env.LOGNAME,
  };
  let known = true;
  const result = template.replace(/%(.)|\$\{(\w+)\}/g, (_, token?: string, variable?: string) => {
    const found = token === undefined ? env[variable ?? ''] : tokens[token];
    known &&= found !== undefined;
    return found ?? '';
  });
  return known ? result : undefined;
}

function expandPath(template: string, place: Place): string | undefined {
  if (template === '' || template === 'none') return undefined;
  return expand(template, place)?.replace(/^~(?=\/)/, place.home);
}

function agentOf(said: string | undefined, place: Place): string | undefined {
  const ambient = place.env.SSH_AUTH_SOCK || undefined;
  if (said === undefined || said === 'SSH_AUTH_SOCK') return ambient;
  if (said.startsWith('$') && !said.startsWith('${')) return place.env[said.slice(1)] || undefined;
  return expandPath(said, place);
}

function proxyOf(
  jump: string | undefined,
  command: string | undefined,
  passesDescriptor: boolean,
  place: Place,
): ClientConfig['proxy'] {
  const at = place.hostname.includes(':') ? `[${place.hostname}]` : place.hostname;
  if (jump !== undefined) {
    const hops = jump.split(',');
    const [last = ''] = hops.splice(-1);
    const before = hops.length === 0 ? [] : ['-J', hops.join(',')];
    const [, user, host = '', port] = /^(?:ssh:\/\/)?(?:(.*)@)?(\[[^\]]*\]|[^:]*)(?::([0-9]+))?\/?$/.exec(last) ?? [];
    const whom = [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', port])];
    // BatchMode: nobody is there to be asked; Git holds the terminal.
    const args = ['-o', 'BatchMode=yes', ...whom, ...before, '-W', `${at}:${place.port}`];
    return { program: 'ssh', args: [...args, '--', host.replace(/^\[(.*)\]$/, '$1')] };
  }
  if (command === undefined) return undefined;
  const line = expand(command, place);
  if (passesDescriptor || line === undefined) {
    throw new HelperError(
      'unsupported',
      `storage remote '${place.name}': this 'ProxyCommand' of ssh's configuration cannot be run: ${printable(command)}`,
      { hints: ["it may hold %h, %p, %r, %n, %d, %u and %%, and no 'ProxyUseFdpass'; 'ProxyJump' works too"] },
    );
  }
  return { program: 'sh', args: ['-c', `exec ${line}`] };
}
