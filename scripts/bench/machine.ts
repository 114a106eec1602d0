import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Programs, top } from './programs.ts';

const wrapper = fileURLToPath(new URL('measure.py', import.meta.url));
const measuredTimeoutS = 900;
const otherTimeoutMs = 600_000;

/** What one command cost, with all processes it started. */
export interface Cost {
  readonly wallS: number;
  /** User and system. */
  readonly cpuS: number;
  /** Of the largest process. */
  readonly peakRssMib: number;
  /** Load of the machine over the last minute, when the command began. */
  readonly loadBefore: number;
}

/** A command of a contestant, or one that prepares the ground for it. */
export interface Command {
  readonly cwd: string;
  readonly program: string;
  readonly args: readonly string[];
  /** On top of the clean environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A place below the temporary directory and a home of nobody, for everything that the benchmark runs. */
export interface Machine {
  readonly directory: string;
  readonly programs: Programs;
  /** Makes a new empty directory below `directory`. */
  scratch(name: string): string;
  /** Runs to the end and answers stdout. @throws Error with what the command printed when it fails */
  run(command: Command, input?: string): Promise<string>;
  /** As run, measured. What it prints goes to a file, as on a machine without a terminal. */
  measure(command: Command): Promise<Cost>;
  /** Writes what is dirty in memory to disk, so that nobody pays for what another wrote. */
  settle(): Promise<void>;
  remove(): void;
}

export function openMachine(programs: Programs): Machine {
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-bench-'));
  const base = cleanEnvironment(directory);
  let count = 0;
  const scratch = (name: string): string => {
    count += 1;
    const path = join(directory, `${String(count).padStart(4, '0')}-${name}`);
    mkdirSync(path);
    return path;
  };
  return {
    directory,
    programs,
    scratch,
    async run(command, input = '') {
      const { status, stdout, stderr } = await finish(command, { ...base, ...command.env }, otherTimeoutMs, input);
      if (status !== 0) throw failed(command, `status ${status}`, stdout + stderr);
      return stdout;
    },
    async measure(command) {
      const [report, log] = [join(directory, 'report.json'), join(directory, 'log')];
      rmSync(report, { force: true });
      const loadBefore = loadavg()[0] ?? 0;
      const args = [wrapper, report, log, String(measuredTimeoutS), command.program, ...command.args];
      const wrapped = { cwd: command.cwd, program: programs.python, args };
      const wrapperTimeoutMs = (measuredTimeoutS + 60) * 1000;
      const { status, stderr } = await finish(wrapped, { ...base, ...command.env }, wrapperTimeoutMs);
      if (status !== 0) throw failed(command, `not measured, status ${status}`, stderr);
      return { ...parseReport(command, readFileSync(report, 'utf8'), log), loadBefore };
    },
    async settle() {
      await finish({ cwd: directory, program: 'sync', args: [] }, base, otherTimeoutMs);
    },
    remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Runs to the end, and is killed when that takes too long; status 128 then. Does not throw for a bad status. */
function finish(
  { cwd, program, args }: Command,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
  input = '',
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: 'pipe', timeout: timeoutMs, killSignal: 'SIGKILL' });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? 128, stdout, stderr }));
    // A program that does not read its input is judged by its status.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function parseReport(command: Command, text: string, log: string): Omit<Cost, 'loadBefore'> {
  const report = JSON.parse(text) as Record<'wallS' | 'userS' | 'systemS' | 'peakRssKib' | 'status', number>;
  if (report.status !== 0) throw failed(command, `status ${report.status}`, readFileSync(log, 'utf8'));
  return { wallS: report.wallS, cpuS: report.userS + report.systemS, peakRssMib: report.peakRssKib / 1024 };
}

/** Ours before all, so that Git finds this helper. */
export function searchPath(): string {
  return [join(top, 'bin'), dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
}

/** Nothing of the caller gets in but PATH: no proxy, no certificate authorities, no configuration. */
function cleanEnvironment(directory: string): Record<string, string> {
  const home = join(directory, 'home');
  mkdirSync(home);
  return {
    PATH: searchPath(),
    HOME: home,
    TMPDIR: tmpdir(),
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Bench',
    GIT_AUTHOR_EMAIL: 'bench@example.com',
    GIT_COMMITTER_NAME: 'Bench',
    GIT_COMMITTER_EMAIL: 'bench@example.com',
    DVC_NO_ANALYTICS: '1',
  };
}

function failed(command: Command, how: string, output: string): Error {
  return new Error(`${describe(command)}: ${how}\n${output.slice(-3000)}`);
}

function describe({ program, args }: Command): string {
  return [program, ...args].join(' ').slice(0, 300);
}
