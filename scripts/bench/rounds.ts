import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkArrived, checkStored } from './checks.ts';
import { commandOf, type Place } from './contestants.ts';
import type { Machine } from './machine.ts';
import type { Contestant } from './options.ts';
import { configureStorage, copyProject, makeProject, type Project, readExperimentRefs, runGit } from './project.ts';
import type { Run, RunSink } from './run.ts';
import { requestsBetween, type Service } from './service.ts';
import type { Phase, Workload } from './workloads.ts';

export interface Arena {
  readonly machine: Machine;
  readonly service: Service;
  readonly only: readonly Contestant[];
  readonly rounds: number;
  readonly sink: RunSink;
}

interface Contest {
  readonly arena: Arena;
  readonly workload: Workload;
  readonly project: Project;
  /** What all fetch from: a bare repository and a filled bucket. */
  readonly origin: string;
  readonly source: string;
}

const prefix = 'dvc';

/** All rounds of one workload. A contestant that fails is reported to the sink, and the others go on. */
export async function runWorkload(arena: Arena, workload: Workload): Promise<void> {
  const { machine, sink, only } = arena;
  const { store } = arena.service;
  sink.say(`${workload.name}: making ${workload.title}`);
  const project = await makeProject(machine, workload);
  if (only.includes('dvc')) await askDvc(machine, project);
  const source = `bench-${workload.name}-source`;
  const fetched = workload.phases.includes('fetch');
  const origin = fetched ? await makeOrigin(machine, project) : '';
  if (fetched) {
    await store.makeBucket(source);
    await store.fill(source, prefix, project.cache, [...project.content.required.keys()]);
  }
  const contest: Contest = { arena, workload, project, origin, source };
  for (let round = 1; round <= arena.rounds; round++) {
    // Everyone starts once in as many rounds as there are contestants.
    const first = (round - 1) % only.length;
    await runRound(contest, round, [...only.slice(first), ...only.slice(0, first)]);
  }
  if (fetched) await store.dropBucket(source);
  for (const done of [project.directory, origin]) if (done !== '') rmSync(done, { recursive: true, force: true });
}

async function runRound(contest: Contest, round: number, order: readonly Contestant[]): Promise<void> {
  const { arena, workload } = contest;
  const bucket = `bench-${workload.name}-${round}`;
  await arena.service.store.makeBucket(bucket);
  for (const contestant of order) await pushes(contest, round, contestant, bucket);
  await arena.service.store.dropBucket(bucket);
  if (!workload.phases.includes('fetch')) return;
  for (const contestant of order) await fetches(contest, round, contestant);
}

/** A new repository with everything in its cache, a new empty Git remote and an empty prefix. */
async function pushes(contest: Contest, round: number, contestant: Contestant, bucket: string): Promise<void> {
  const { arena, workload, project } = contest;
  const { machine, service } = arena;
  const remote = machine.scratch(`${contestant}-remote`);
  await runGit(machine, remote, 'init', '--quiet', '--bare', '--initial-branch=main');
  const place = placeOf(arena, contestant, bucket, contestant);
  await copyProject(machine, project, place.clone);
  await runGit(machine, place.clone, 'remote', 'add', 'origin', remote);
  await configureClone(machine, contestant, place);
  const check = async (): Promise<void> => {
    await checkStored(project.content, service.store, bucket, place.prefix);
    await checkRefs(machine, contestant, project, remote);
  };
  for (const phase of workload.phases.filter((name) => name !== 'fetch')) {
    if (!(await contend(contest, round, contestant, phase, place, check))) break;
  }
  for (const done of [place.clone, place.siteCache, remote]) rmSync(done, { recursive: true, force: true });
}

/** A new clone with an empty cache and no experiments. */
async function fetches(contest: Contest, round: number, contestant: Contestant): Promise<void> {
  const { arena, project, origin, source } = contest;
  const { machine } = arena;
  const place = placeOf(arena, contestant, source, prefix);
  await runGit(machine, machine.directory, 'clone', '--quiet', '--no-local', origin, place.clone);
  await configureClone(machine, contestant, place);
  await contend(contest, round, contestant, 'fetch', place, async () => {
    checkArrived(project.content, join(place.clone, '.dvc', 'cache'));
    await checkRefs(machine, contestant, project, place.clone);
  });
  for (const done of [place.clone, place.siteCache]) rmSync(done, { recursive: true, force: true });
}

/** One measured command and the look at what it did; false when either failed. */
async function contend(
  contest: Contest,
  round: number,
  contestant: Contestant,
  phase: Phase,
  place: Place,
  check: () => Promise<void>,
): Promise<boolean> {
  const { sink } = contest.arena;
  try {
    const run = await measured(contest, round, contestant, phase, place);
    await check();
    sink.add(run);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    sink.fail({ workload: contest.workload.name, phase, contestant, round, reason });
    return false;
  }
}

async function measured(
  { arena, workload, project }: Contest,
  round: number,
  contestant: Contestant,
  phase: Phase,
  place: Place,
): Promise<Run> {
  const { machine, service } = arena;
  await machine.settle();
  const command = commandOf(machine.programs, contestant, phase, place);
  const requestsBefore = await service.countRequests();
  const serverBefore = service.cpuS();
  const cost = await machine.measure(command);
  const serverAfter = service.cpuS();
  const requests = requestsBetween(requestsBefore, await service.countRequests());
  const serverCpuS = serverBefore === undefined || serverAfter === undefined ? null : serverAfter - serverBefore;
  const objects = project.content.required.size;
  return { workload: workload.name, phase, contestant, round, objects, ...cost, requests, serverCpuS };
}

function placeOf({ machine, service }: Arena, contestant: Contestant, bucket: string, prefixInBucket: string): Place {
  return {
    clone: machine.scratch(`${contestant}-clone`),
    siteCache: machine.scratch(`${contestant}-site`),
    bucket,
    prefix: prefixInBucket,
    service,
  };
}

async function configureClone(machine: Machine, contestant: Contestant, place: Place): Promise<void> {
  if (contestant === 'ours') await runGit(machine, place.clone, 'config', 'remote.origin.vcs', 'dvcexp');
  configureStorage(place.clone, place.service.options(place.bucket, place.prefix));
}

/** A bare repository with the baseline and all experiments. */
async function makeOrigin(machine: Machine, project: Project): Promise<string> {
  const origin = machine.scratch('origin');
  await runGit(machine, origin, 'init', '--quiet', '--bare', '--initial-branch=main');
  await runGit(machine, project.directory, 'push', '--quiet', origin, 'main', 'refs/exps/*:refs/exps/*');
  return origin;
}

async function checkRefs(
  machine: Machine,
  contestant: Contestant,
  project: Project,
  repository: string,
): Promise<void> {
  if (contestant !== 'ours' && contestant !== 'dvc') return;
  if ((await readExperimentRefs(machine, repository)) !== project.experimentRefs) {
    throw new Error(`the experiments in ${repository} are not those of the project`);
  }
}

/** The real DVC must take the project for one of its own, or comparing means nothing. */
async function askDvc(machine: Machine, project: Project): Promise<void> {
  const directory = machine.scratch('dvc-check');
  const site = machine.scratch('dvc-check-site');
  const env = { DVC_SITE_CACHE_DIR: site };
  const dvc = async (...args: readonly string[]): Promise<string> =>
    (await machine.run({ cwd: directory, program: machine.programs.dvc, args, env })).trim();
  await copyProject(machine, project, directory);
  const names = [...project.content.experiments.keys()];
  const listed = (await dvc('exp', 'list', '--all-commits', '--name-only')).split('\n').sort();
  if (listed.join() !== names.join()) throw new Error(`DVC lists other experiments: ${listed.join(', ')}`);
  const tip = project.experimentRefs.split(/\s/)[0] ?? '';
  await runGit(machine, directory, 'checkout', '--quiet', '--detach', tip);
  await dvc('checkout', '--quiet');
  const status = await dvc('status', '--json');
  if (status !== '{}') throw new Error(`DVC finds the project changed: ${status}`);
  for (const done of [directory, site]) rmSync(done, { recursive: true, force: true });
}
