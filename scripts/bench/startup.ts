import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BundleFile, formatBundle, readBundle } from './bundle.ts';
import { figure, formatTable, median } from './figures.ts';
import type { Command, Cost, Machine } from './machine.ts';
import { top } from './programs.ts';
import { configureStorage, copyProject, makeProject, runGit } from './project.ts';
import { type Trace, traceHelper } from './trace.ts';
import type { Workload } from './workloads.ts';

const experiments = 'refs/exps/*:refs/exps/*';

export interface Startup {
  /** What was started → one cost per round; in every round each was started once. */
  readonly costs: Readonly<Record<string, readonly Cost[]>>;
  /** Of a fetch that finds nothing to do; absent when ours does not take part. */
  readonly trace?: Trace;
  readonly bundle?: readonly BundleFile[];
}

/**
 * What it costs to start when there is nothing to move. No S3 server has a part in it: storage is a directory.
 *
 * @param workload a small project to do it in
 */
export async function measureStartup(
  machine: Machine,
  workload: Workload,
  rounds: number,
  ours: boolean,
): Promise<Startup> {
  const project = await makeProject(machine, workload);
  const places = ['origin', 'storage', 'clone'].map((name) => machine.scratch(`startup-${name}`));
  const [origin = '', storage = '', clone = ''] = places;
  await runGit(machine, origin, 'init', '--quiet', '--bare', '--initial-branch=main');
  await copyProject(machine, project, clone);
  configureStorage(clone, { url: storage });
  await runGit(machine, clone, 'remote', 'add', 'plain', origin);
  await runGit(machine, clone, 'remote', 'add', 'origin', origin);
  if (ours) await runGit(machine, clone, 'config', 'remote.origin.vcs', 'dvcexp');
  await runGit(machine, clone, 'push', '--quiet', 'origin', 'main', experiments);
  const costs = await compare(machine, commands(machine, clone, ours), rounds);
  const fetch = { cwd: clone, program: machine.programs.git, args: ['fetch', 'origin', experiments] };
  const traced = ours ? { trace: await traceHelper(machine, fetch), bundle: readBundle() } : {};
  for (const done of [project.directory, ...places]) rmSync(done, { recursive: true, force: true });
  return { costs, ...traced };
}

function commands(machine: Machine, cwd: string, ours: boolean): readonly (readonly [string, Command])[] {
  const { git, node } = machine.programs;
  const all = [
    ['node -e 0', { cwd, program: node, args: ['-e', '0'] }],
    ['git ls-remote, plain', { cwd, program: git, args: ['ls-remote', 'plain'] }],
    ['git ls-remote, through the helper', { cwd, program: git, args: ['ls-remote', 'origin'] }],
  ] as const;
  return ours ? [...all, ['git-credential-dvcexp get', askHelper(machine, cwd)]] : all.slice(0, 2);
}

/** A question that has an answer, in a project with a layer of this machine to be read. The shell only opens the file. */
function askHelper(machine: Machine, cwd: string): Command {
  const question = join(machine.scratch('startup-question'), 'question');
  writeFileSync(question, 'protocol=https\nhost=github.com\n\n');
  const helper = join(top, 'bin', 'git-credential-dvcexp');
  return {
    cwd,
    program: '/bin/sh',
    args: ['-c', 'exec "$0" "$1" get <"$2"', machine.programs.node, helper, question],
    env: { GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', GITHUB_TOKEN: 'x' },
  };
}

async function compare(
  machine: Machine,
  all: readonly (readonly [string, Command])[],
  rounds: number,
): Promise<Readonly<Record<string, readonly Cost[]>>> {
  const costs = new Map<string, Cost[]>(all.map(([name]) => [name, []]));
  // Once without counting: from then on every program is in memory.
  for (const [, command] of all) await machine.measure(command);
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of all) costs.get(name)?.push(await machine.measure(command));
  }
  return Object.fromEntries(costs);
}

export function formatStartup({ costs, trace, bundle }: Startup): string {
  const rows = Object.entries(costs).map(([name, own]) => [
    name,
    inMs(median(own.map(({ wallS }) => wallS))),
    `${inMs(Math.min(...own.map(({ wallS }) => wallS)))} - ${inMs(Math.max(...own.map(({ wallS }) => wallS)))}`,
    inMs(median(own.map(({ cpuS }) => cpuS))),
    figure(median(own.map(({ peakRssMib }) => peakRssMib))),
    String(own.length),
  ]);
  const sections = [
    '## startup: nothing to move',
    formatTable([['command', 'wall ms', 'min - max', 'CPU ms', 'peak MiB', 'rounds'], ...rows]),
  ];
  if (trace !== undefined) sections.push(formatTrace(trace));
  if (bundle !== undefined) sections.push(formatBundle(bundle, trace?.files ?? []));
  return sections.join('\n\n');
}

function formatTrace({ files, builtins, internals }: Trace): string {
  return [
    'A fetch with nothing to do loads, over a bare start of Node,',
    `- ${files.length} files of this project: ${files.map((path) => `\`${path}\``).join(', ')}`,
    `- ${builtins.length} modules of Node: ${builtins.map((name) => `\`${name}\``).join(', ')}`,
    `- ${internals} internal modules that come with those`,
  ].join('\n');
}

function inMs(seconds: number): string {
  return (seconds * 1000).toFixed(1);
}
