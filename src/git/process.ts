import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { HelperError, isAbort } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { trace } from '../report/trace.ts';
import { locate } from './program-path.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** How many helpers are above this one, and the highest number that is still served (see `policy.ts`). */
export const depthVariable = 'DVCEXP_DEPTH';
/** Set by the companion, through which a helper's stderr goes: somebody reads along, although it is a pipe. */
export const attendedVariable = 'DVCEXP_ATTENDED';
/** Read by `readSettings`: a helper started below one of our own Git processes (lazy fetch) moves refs only. */
const noDataVariable = 'DVCEXP_NO_CACHE';

/** What `git rev-parse --local-env-vars` prints, over all Git versions: variables that bind a process to one repository. */
const localVariables: ReadonlySet<string> = new Set([
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_CONFIG',
  'GIT_CONFIG_PARAMETERS',
  'GIT_CONFIG_COUNT',
  'GIT_OBJECT_DIRECTORY',
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_GRAFT_FILE',
  'GIT_INDEX_FILE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_REPLACE_REF_BASE',
  'GIT_PREFIX',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_SHALLOW_FILE',
  'GIT_COMMON_DIR',
]);

/** The number of helpers above this process, 0 when Git was started by a person. */
export function depthOf(env: Environment): number {
  const text = env[depthVariable] ?? '';
  return /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
}

const deeper = (env: Environment): Record<string, string | undefined> => ({
  ...env,
  [depthVariable]: String(depthOf(env) + 1),
});

/** `PATH` with Git's own programs first, as Git itself arranges it for what it starts. */
export function pathWithGit(env: Environment, execPath: string | undefined = env.GIT_EXEC_PATH): string {
  const path = env.PATH ?? '';
  if (execPath === undefined || execPath === '' || path.split(delimiter)[0] === execPath) return path;
  return path === '' ? execPath : `${execPath}${delimiter}${path}`;
}

/**
 * Environment for Git working on *this* repository: what Git set stays (it carries `-c` options), and a helper that
 * this Git may start (lazy fetch in a partial clone) counts one level deeper and moves no data.
 */
export function repositoryEnvironment(env: Environment): Environment {
  return { ...deeper(env), [noDataVariable]: '1', PATH: pathWithGit(env) };
}

/**
 * Environment for a child that talks to *another* repository (upload-pack and receive-pack of a local path, ssh):
 * nothing that names this one. The choice of data or no data is not passed on either: a hook over there decides for itself.
 */
export function scrubbedEnvironment(env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(deeper(env)).filter(
      ([name]) => !localVariables.has(name) && !/^GIT_CONFIG_(?:KEY|VALUE)_/.test(name),
    ),
  );
}

export interface ProcessOptions {
  readonly env: Environment;
  readonly cwd?: string | undefined;
  /** `inherit` (default) shows the child's words to the user, `collect` keeps the last 64 KiB of them, a function is given them as they come. */
  readonly stderr?: 'inherit' | 'collect' | ((text: string) => void);
  /** `inherit`: on the user's own stdout, so that `RunningProcess.stdout` is empty. */
  readonly stdout?: 'inherit' | 'pipe';
  readonly signal?: AbortSignal | undefined;
}

export interface RunningProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** What the process wrote to stderr so far, when that is collected; else ''. */
  stderrText(): string;
  /**
   * The exit code, 128 + number for a process killed by a signal, as in a shell. Rejects with `config` when the program
   * cannot be started and `interrupted` when the signal stopped it. Output may still be in the stdout pipe by then.
   */
  readonly ended: Promise<number>;
  /** Asks the process to end (SIGTERM, after a grace SIGKILL) and waits for it. May be called twice. */
  stop(): Promise<void>;
}

type PipedProcess = ChildProcessByStdio<Writable, Readable | null, Readable | null>;

const graceMs = 3_000;
/** How long collected stderr may trail behind the exit. */
const lastWordsMs = 250;
const stderrLimit = 64 * 1024;
const gitDefaults = { maxBytes: 64 * 1024 * 1024 };

const signalCode = (name: NodeJS.Signals | null): number => 128 + (name === null ? 0 : constants.signals[name]);

function startError(command: string, error: NodeJS.ErrnoException): HelperError {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'not found',
    E2BIG: 'too many or too long arguments',
    ERR_INVALID_ARG_VALUE: 'an argument holds a NUL',
  };
  const why = reasons[error.code ?? ''] ?? printable(error.code ?? error.message);
  return new HelperError('config', `cannot run '${printable(command)}': ${why}`, { cause: error });
}

/** SIGTERM now, SIGKILL when that is not obeyed. Answers a function that calls the second one off. */
function terminate(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  timer.unref();
  child.once('exit', () => clearTimeout(timer));
}

function collectTail(stream: Readable | null, told: ProcessOptions['stderr']): () => string {
  let tail = '';
  stream?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-stderrLimit);
    if (typeof told === 'function') told(text);
  });
  return () => tail;
}

function exitOf(child: ChildProcess, command: string, signal: AbortSignal | undefined): Promise<number> {
  const ended = new Promise<number>((resolve, reject) => {
    // `exit`, not only `close`: a server may leave a child behind (ssh's ControlPersist) that keeps the pipes open.
    child.once('exit', (code, killer) => {
      const settle = (): void => {
        if (signal?.aborted) reject(new HelperError('interrupted', `'${command}' was interrupted`));
        else resolve(code ?? signalCode(killer));
      };
      if (child.stderr === null || child.stderr.readableEnded) return settle();
      const timer = setTimeout(settle, lastWordsMs);
      child.stderr.once('close', () => {
        clearTimeout(timer);
        settle();
      });
    });
    child.once('error', (error) => reject(startError(command, error)));
  });
  ended.catch(() => undefined);
  return ended;
}

function requireProgram(command: string, env: Environment): string {
  const program = locate(command, env);
  if (program === undefined) throw Object.assign(new Error(), { code: 'ENOENT' });
  return program;
}

function spawnPiped(command: string, args: readonly string[], options: ProcessOptions): PipedProcess {
  try {
    return spawn(requireProgram(command, options.env), [...args], {
      env: options.env,
      cwd: options.cwd,
      stdio: ['pipe', options.stdout ?? 'pipe', (options.stderr ?? 'inherit') === 'inherit' ? 'inherit' : 'pipe'],
      windowsHide: true,
    }) as PipedProcess;
  } catch (error) {
    // Some failures are thrown and not told by an event: too many words (E2BIG), a NUL in one of them.
    throw startError(command, error as NodeJS.ErrnoException);
  }
}

/**
 * Starts a long-lived child with pipes on stdin and stdout. A program that cannot be started rejects `ended`; throws
 * `io` when this process is out of file descriptors, `config` for arguments that no process can be given.
 */
export function startProcess(command: string, args: readonly string[], options: ProcessOptions): RunningProcess {
  const { signal } = options;
  // The first word only: what follows may hold a secret (URL, push option).
  trace(() => `start ${printable(command)} ${printable(args[0] ?? '')}`);
  const child = spawnPiped(command, args, options);
  const ended = exitOf(child, command, signal);
  const { stdin } = child;
  const stdout = child.stdout ?? (options.stdout === 'inherit' ? Readable.from([]) : undefined);
  if (!stdin || !stdout) throw new HelperError('io', `cannot run '${printable(command)}': out of file descriptors`);
  // A child that has gone is told by its exit code, not by the pipe it left.
  stdin.on('error', () => undefined);
  stdout.on('error', () => undefined);
  const stderrText = collectTail(child.stderr, options.stderr);
  const onAbort = (): void => terminate(child);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  const forget = (): void => signal?.removeEventListener('abort', onAbort);
  ended.then(forget, forget);
  return {
    stdin,
    stdout,
    stderrText,
    ended,
    stop: async () => {
      terminate(child);
      stdout.destroy();
      await ended.catch(() => undefined);
      child.stderr?.destroy();
    },
  };
}

function spawnHere(command: string, args: readonly string[], { env, cwd }: ProcessOptions): ChildProcess {
  try {
    return spawn(requireProgram(command, env), [...args], { env, cwd, stdio: 'inherit', windowsHide: true });
  } catch (error) {
    throw startError(command, error as NodeJS.ErrnoException);
  }
}

/**
 * Runs a program in the place of this one: its stdin, stdout and stderr are ours, and so is the terminal with its signals.
 * Answers the exit code, 128 + number for a program killed by a signal. Rejects as `RunningProcess.ended` does.
 */
export function runForeground(
  command: string,
  args: readonly string[],
  { env, cwd, signal }: Pick<ProcessOptions, 'env' | 'cwd' | 'signal'>,
): Promise<number> {
  trace(() => `run ${printable(command)}`);
  const child = spawnHere(command, args, { env, cwd });
  // The terminal has sent the same signal to it; whoever ends us alone means it too.
  const pass = (): void => void child.kill('SIGTERM');
  signal?.addEventListener('abort', pass, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(startError(command, error)));
    child.once('exit', (code, killer) => {
      signal?.removeEventListener('abort', pass);
      resolve(code ?? signalCode(killer));
    });
  });
}

/** A long-lived `git`, working on this repository unless `env` says otherwise. */
export function startGit(args: readonly string[], options: ProcessOptions): RunningProcess {
  return startProcess('git', args, { ...options, env: repositoryEnvironment(options.env) });
}

export interface RunOptions extends ProcessOptions {
  readonly input?: string | Uint8Array;
  /** Upper limit of stdout in bytes (64 MiB unless told); more than that throws `unsupported`. */
  readonly maxBytes?: number;
  /** Exit codes that are answers and not failures; [0] unless told. */
  readonly accept?: readonly number[] | 'any';
  /** As if a person had typed it: a helper that this Git starts moves data. */
  readonly asTyped?: boolean;
}

export interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function collect(stream: Readable, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new HelperError('unsupported', `${what} answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

/**
 * Runs one `git` to its end and answers its output; stderr is collected unless told to be inherited. Throws `io` with
 * Git's last line for an exit code that is not accepted, `unsupported` over the size bound, `interrupted` on abort.
 */
export async function runGit(args: readonly string[], options: RunOptions): Promise<GitResult> {
  const what = `'git ${printable(args.find((word) => !word.startsWith('-')) ?? '')}'`;
  const start = options.asTyped === true ? startProcess.bind(undefined, 'git') : startGit;
  const child = start(args, { ...options, stderr: options.stderr ?? 'collect' });
  child.stdin.end(options.input ?? '');
  let stdout: Buffer;
  // A program that Git has started may hold the pipe open longer than Git lives.
  const letGo = (): void => void child.stdout.destroy();
  options.signal?.addEventListener('abort', letGo, { once: true });
  try {
    stdout = await collect(child.stdout, options.maxBytes ?? gitDefaults.maxBytes, what);
  } catch (error) {
    await child.stop();
    // The pipe of a child we stopped ends with an error of its own; the reason for stopping is the better word.
    if (options.signal?.aborted) await child.ended;
    throw isAbort(error) || error instanceof HelperError
      ? error
      : new HelperError('io', `${what} broke off`, { cause: error });
  }
  options.signal?.removeEventListener('abort', letGo);
  const code = await child.ended;
  const stderr = child.stderrText();
  const { accept = [0] } = options;
  if (accept !== 'any' && !accept.includes(code)) {
    const said = lastLine(stderr);
    throw new HelperError('io', `${what} failed (exit code ${code})${said === '' ? '' : `: ${printable(said)}`}`);
  }
  return { code, stdout, stderr };
}
