// Compares plain Git with this project's helper with `dvc exp` and with plain copiers, on one storage server (S3 or
// SSH), one after the other in every round. docs/performance.md says what is compared and why.
//
//   DVCEXP_TEST_DVC=/path/to/dvc DVCEXP_TEST_WEED=/path/to/weed DVCEXP_BENCH_S5CMD=/path/to/s5cmd \
//     npm run bench -- [--over <service>] [--rounds <n>] [--quick] [--only <names>] [<workload>...]
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Machine, openMachine } from './bench/machine.ts';
import { type Options, parseOptions, usage } from './bench/options.ts';
import { findPrograms, type Programs, top } from './bench/programs.ts';
import { runWorkload } from './bench/rounds.ts';
import type { Failure, Run, RunSink } from './bench/run.ts';
import { openS3Service } from './bench/s3-service.ts';
import { openSshService, sshVersion } from './bench/ssh-service.ts';
import { formatStartup, measureStartup, type Startup } from './bench/startup.ts';
import { formatWorkload } from './bench/summary.ts';
import { type Workload, workloads } from './bench/workloads.ts';

const startupRounds = 15;
const quickStartupRounds = 3;

interface Results {
  conditions: Readonly<Record<string, unknown>>;
  startup?: Startup;
  readonly runs: Run[];
  readonly failures: Failure[];
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const interrupted = awaitInterrupt();
  const machine = openMachine(findPrograms(options));
  const results: Results = { conditions: {}, runs: [], failures: [] };
  try {
    results.conditions = await readConditions(machine, options);
    print(`\`\`\`json\n${JSON.stringify(results.conditions, null, 2)}\n\`\`\``);
    if (options.workloads.includes('startup')) {
      await Promise.race([compareStarts(machine, options, results), interrupted]);
    }
    const chosen = workloads(options.quick).filter(({ name }) => options.workloads.includes(name));
    if (chosen.length > 0) await compareWork(machine, options, chosen, interrupted, results);
  } finally {
    save(results);
    machine.remove();
  }
  if (results.failures.length > 0) throw new Error(`${results.failures.length} runs failed, see above`);
}

async function compareStarts(machine: Machine, options: Options, results: Results): Promise<void> {
  const [project] = workloads(true).filter(({ name }) => name === 'experiments');
  if (project === undefined) return;
  say('startup');
  const rounds = options.quick ? quickStartupRounds : startupRounds;
  results.startup = await measureStartup(machine, project, rounds, options.only.includes('ours'));
  print(formatStartup(results.startup));
}

async function compareWork(
  machine: Machine,
  { over, only, rounds }: Options,
  chosen: readonly Workload[],
  interrupted: Promise<never>,
  results: Results,
): Promise<void> {
  const service = over === 's3' ? await openS3Service() : await openSshService();
  const sink = openSink(results);
  try {
    for (const workload of chosen) {
      await Promise.race([runWorkload({ machine, service, only, rounds, sink }, workload), interrupted]);
      const mine = <Part extends { workload: string }>(all: readonly Part[]): Part[] =>
        all.filter((part) => part.workload === workload.name);
      print(formatWorkload(workload, mine(results.runs), mine(results.failures)));
    }
  } finally {
    await service.close();
  }
}

/** Keeps what has been measured even if the benchmark is stopped later. */
function openSink(results: Results): RunSink {
  const label = ({ workload, phase, contestant, round }: Run | Failure): string =>
    `${workload}, round ${round}, ${phase}, ${contestant}:`;
  return {
    say,
    add(run) {
      results.runs.push(run);
      save(results);
      say(`${label(run)} ${run.wallS.toFixed(2)} s, CPU ${run.cpuS.toFixed(2)} s, ${run.peakRssMib.toFixed(0)} MiB`);
    },
    fail(failure) {
      results.failures.push(failure);
      save(results);
      say(`${label(failure)} FAILED: ${failure.reason}`);
    },
  };
}

async function readConditions(
  machine: Machine,
  { over, rounds, quick, only }: Options,
): Promise<Readonly<Record<string, unknown>>> {
  const ask = async (program: keyof Programs, ...args: readonly string[]): Promise<string> => {
    const output = await machine.run({ cwd: machine.directory, program: machine.programs[program], args });
    return output.split('\n')[0] ?? '';
  };
  return {
    date: new Date().toISOString(),
    over,
    quick,
    rounds,
    processors: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    git: await ask('git', 'version'),
    ...(over === 's3' ? { seaweedfs: await ask('weed', 'version') } : { ssh: sshVersion() }),
    ...(only.includes('dvc') ? { dvc: (await ask('dvc', 'version')).replace('DVC version: ', '') } : {}),
    ...(only.includes('rclone') ? { rclone: await ask('rclone', 'version') } : {}),
    ...(only.includes('s5cmd') ? { s5cmd: await ask('s5cmd', 'version') } : {}),
  };
}

/** Rejects at Ctrl-C, so that the server and the files of the benchmark go away on the usual path. */
function awaitInterrupt(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => reject(new Error(`stopped by ${signal}`)));
  });
  interrupted.catch(() => undefined);
  return interrupted;
}

function save(results: Results): void {
  mkdirSync(join(top, '.cache'), { recursive: true });
  writeFileSync(join(top, '.cache', 'bench.json'), `${JSON.stringify(results, null, 1)}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  await main();
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof TypeError && 'code' in error) say(`\n${usage}`);
  // Work that an interrupt has cut off must not go on.
  process.exit(1);
}
