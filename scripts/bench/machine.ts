import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Programs, top } from './programs.ts';
import { credentials } from './server.ts';

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
  run(command: Command, input?: string): string;
  /** As run, measured. What it prints goes to a file, as on a machine without a terminal. */
  measure(command: Command): Cost;
  /** Writes what is dirty in memory to disk, so that nobody pays for what another wrote. */
  settle(): void;
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
    run(command, input = '') {
      const result = spawnSync(command.program, command.args, {
        cwd: command.cwd,
        env: { ...base, ...command.env },
        encoding: 'utf8',
        input,
        timeout: otherTimeoutMs,
        maxBuffer: 2 ** 28,
      });
      if (result.error !== undefined) throw new Error(`${describe(command)}: ${result.error.message}`);
      if (result.status !== 0) throw failed(command, `status ${result.status}`, `${result.stdout}${result.stderr}`);
      return result.stdout;
    },
    measure(command) {
      const [report, log] = [join(directory, 'report.json'), join(directory, 'log')];
      rmSync(report, { force: true });
      const loadBefore = loadavg()[0] ?? 0;
      const args = [wrapper, report, log, String(measuredTimeoutS), command.program, ...command.args];
      spawnSync(programs.python, args, {
        cwd: command.cwd,
        env: { ...base, ...command.env },
        stdio: ['ignore', 'inherit', 'inherit'],
        timeout: (measuredTimeoutS + 60) * 1000,
      });
      return { ...parseReport(command, readFileSync(report, 'utf8'), log), loadBefore };
    },
    settle: () => void spawnSync('sync', { timeout: 120_000 }),
    remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }),
  };
}

function parseReport(command: Command, text: string, log: string): Omit<Cost, 'loadBefore'> {
  const report = JSON.parse(text) as Record<'wallS' | 'userS' | 'systemS' | 'peakRssKib' | 'status', number>;
  if (report.status !== 0) throw failed(command, `status ${report.status}`, readFileSync(log, 'utf8'));
  return { wallS: report.wallS, cpuS: report.userS + report.systemS, peakRssMib: report.peakRssKib / 1024 };
}

/** Nothing of the caller gets in but PATH: no proxy, no certificate authorities, no configuration. */
function cleanEnvironment(directory: string): Record<string, string> {
  const home = join(directory, 'home');
  mkdirSync(home);
  return {
    PATH: [join(top, 'bin'), dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
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
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

function failed(command: Command, how: string, output: string): Error {
  return new Error(`${describe(command)}: ${how}\n${output.slice(-3000)}`);
}

function describe({ program, args }: Command): string {
  return [program, ...args].join(' ').slice(0, 300);
}
