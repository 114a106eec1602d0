import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { Configuration } from './configuration.ts';
import { type Environment, startProcess } from './process.ts';

/** ssh.variant in git-config(1): which command line the ssh program understands. `auto` is found out by asking it. */
type Variant = 'ssh' | 'plink' | 'putty' | 'tortoiseplink' | 'simple' | 'auto';

export interface SshTarget {
  readonly destination: string;
  readonly port: string | undefined;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  /** Version asked of the server; 0 sends no GIT_PROTOCOL. */
  readonly protocolVersion: number;
  /** What the shell over there runs. */
  readonly command: string;
}

/** A program to start with its arguments, and whether the server will be told a protocol version. */
export interface SshCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly sendsProtocol: boolean;
}

interface Client {
  readonly text: string;
  /** GIT_SSH_COMMAND and core.sshCommand are shell text; GIT_SSH is a program. */
  readonly shell: boolean;
}

const shellCharacters = /[|&;<>()$`\\"' \t\n*?[#~=%]/;

/** A word for sh, quoted as Git quotes it (`!` too, for csh on the other side). */
export function quoteForShell(word: string): string {
  return `'${word.replace(/['!]/g, (character) => `'\\${character}'`)}'`;
}

/** Program and arguments that make sh run `text` with `args` behind it; without sh when there is nothing for it to read. */
export function shellCommand(text: string, args: readonly string[]): { program: string; args: readonly string[] } {
  if (!shellCharacters.test(text)) return { program: text, args };
  return { program: 'sh', args: ['-c', args.length === 0 ? text : `${text} "$@"`, text, ...args] };
}

/** First word of shell text, enough of sh's quoting to name a program by it. */
function firstWord(text: string): string {
  const word = /^\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])*)/s.exec(text)?.[1] ?? '';
  return word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, other?: string) =>
    double === undefined ? (single ?? other ?? '') : double.replace(/\\(.)/gs, '$1'),
  );
}

function variantByName(client: Client): Variant {
  const word = client.shell ? firstWord(client.text) : client.text;
  const base = (word.split(/[\\/]/).at(-1) ?? '').toLowerCase().replace(/\.exe$/, '');
  return base === 'ssh' || base === 'plink' || base === 'tortoiseplink' ? base : 'auto';
}

function variantOf(client: Client, configuration: Configuration, env: Environment): Variant {
  const set = env.GIT_SSH_VARIANT ?? configuration.get('ssh.variant');
  if (set === undefined) return variantByName(client);
  const known: readonly string[] = ['auto', 'plink', 'putty', 'tortoiseplink', 'simple'];
  return known.includes(set) ? (set as Variant) : 'ssh';
}

function chooseClient(configuration: Configuration, env: Environment): Client {
  const command = env.GIT_SSH_COMMAND ?? configuration.get('core.sshcommand');
  if (command !== undefined) return { text: command, shell: true };
  return { text: env.GIT_SSH ?? 'ssh', shell: false };
}

function options(variant: Exclude<Variant, 'auto'>, target: SshTarget): readonly string[] {
  const simple = (what: string): never => {
    throw new HelperError('config', `ssh variant 'simple' does not support ${what}`);
  };
  const args: string[] = [];
  if (variant === 'ssh' && target.protocolVersion > 0) args.push('-o', 'SendEnv=GIT_PROTOCOL');
  if (target.family !== undefined) {
    const flag = target.family === 'ipv4' ? '-4' : '-6';
    args.push(variant === 'simple' ? simple(flag) : flag);
  }
  if (variant === 'tortoiseplink') args.push('-batch');
  if (target.port !== undefined) {
    if (variant === 'simple') simple('setting port');
    args.push(variant === 'ssh' ? '-p' : '-P', target.port);
  }
  return args;
}

const assemble = (client: Client, args: readonly string[]): { program: string; args: readonly string[] } =>
  client.shell ? shellCommand(client.text, args) : { program: client.text, args };

/** `ssh -G` prints the configuration and connects to nothing: a client that takes it for an error is no OpenSSH. */
async function probe(client: Client, target: SshTarget, env: Environment): Promise<'ssh' | 'simple'> {
  const { program, args } = assemble(client, ['-G', ...options('ssh', target), target.destination]);
  const child = startProcess(program, args, { env, stderr: 'collect' });
  child.stdin.end();
  child.stdout.resume();
  return (await child.ended) === 0 ? 'ssh' : 'simple';
}

/** How to run a command on an ssh host, by the rules of git(1) (GIT_SSH, GIT_SSH_COMMAND) and git-config(1) (core.sshCommand, ssh.variant). */
export async function chooseSshCommand(
  target: SshTarget,
  configuration: Configuration,
  env: Environment,
): Promise<SshCommand> {
  if (target.destination.startsWith('-')) {
    throw new HelperError('config', `strange hostname '${printable(target.destination)}' blocked`);
  }
  const client = chooseClient(configuration, env);
  const named = variantOf(client, configuration, env);
  const variant = named === 'auto' ? await probe(client, target, env) : named;
  const args = [...options(variant, target), target.destination, target.command];
  return { ...assemble(client, args), sendsProtocol: variant === 'ssh' && target.protocolVersion > 0 };
}
