import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, type Machine } from './machine.ts';

const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
/** Of /proc/<pid>/stat; 100 on every Linux that Node runs on. */
const clockTicksPerS = 100;

/** Requests by S3 action, such as PutObject. */
export type Requests = ReadonlyMap<string, number>;

export interface Server {
  readonly endpoint: string;
  /** All requests that the S3 gateway has answered so far. */
  countRequests(): Promise<Requests>;
  /** CPU seconds that the server has used so far; undefined where the system does not tell. */
  cpuS(): number | undefined;
  close(): Promise<void>;
}

/** Starts SeaweedFS with one S3 gateway on 127.0.0.1. It may not be able to store yet; ask again then. */
export async function openServer(machine: Machine): Promise<Server> {
  const directory = machine.scratch('weed');
  const ports = await freePorts(11);
  const identities = join(directory, 'identities.json');
  const key = { accessKey: credentials.accessKeyId, secretKey: credentials.secretAccessKey };
  const actions = ['Admin', 'Read', 'List', 'Tagging', 'Write'];
  writeFileSync(identities, JSON.stringify({ identities: [{ name: 'bench', credentials: [key], actions }] }));
  const child = spawn(machine.programs.weed, serverArguments(directory, identities, ports), {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory },
    stdio: ['ignore', openSync(join(directory, 'log'), 'w'), openSync(join(directory, 'log'), 'a')],
  });
  const endpoint = `http://127.0.0.1:${ports[0]}`;
  const metrics = `http://127.0.0.1:${ports[1]}/metrics`;
  const close = async (): Promise<void> => stop(child);
  try {
    await answers(child, endpoint, join(directory, 'log'));
    await answers(child, metrics, join(directory, 'log'));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    endpoint,
    countRequests: async () => parseRequests(await (await fetch(metrics)).text()),
    cpuS: () => processCpuS(child.pid),
    close,
  };
}

function serverArguments(directory: string, identities: string, ports: readonly number[]): readonly string[] {
  const [s3, metrics, s3Grpc, master, masterGrpc, volume, volumeGrpc, filer, filerGrpc] = ports;
  return [
    'server',
    `-dir=${directory}`,
    '-ip=127.0.0.1',
    '-ip.bind=127.0.0.1',
    '-metricsIp=127.0.0.1',
    `-metricsPort=${metrics}`,
    `-master.port=${master}`,
    `-master.port.grpc=${masterGrpc}`,
    `-volume.port=${volume}`,
    `-volume.port.grpc=${volumeGrpc}`,
    // Every bucket makes volumes of its own, seven at a time.
    '-volume.max=400',
    '-filer',
    `-filer.port=${filer}`,
    `-filer.port.grpc=${filerGrpc}`,
    `-filer.localSocket=${join(directory, 'filer.sock')}`,
    '-s3',
    `-s3.port=${s3}`,
    `-s3.port.grpc=${s3Grpc}`,
    '-s3.port.iceberg=0',
    '-s3.port.lance=0',
    `-s3.localSocket=${join(directory, 's3.sock')}`,
    `-s3.config=${identities}`,
  ];
}

/** Sums `SeaweedFS_s3_request_total{…,type="PutObject",…} 12` over all its other labels. */
export function parseRequests(metrics: string): Requests {
  const requests = new Map<string, number>();
  for (const [, labels = '', value] of metrics.matchAll(/^SeaweedFS_s3_request_total\{(.*)\} (\S+)$/gm)) {
    const action = /(?:^|,)type="([^"]*)"/.exec(labels)?.[1] ?? 'other';
    requests.set(action, (requests.get(action) ?? 0) + Number(value));
  }
  return requests;
}

/** `after` less `before`, without the actions that did not occur. */
export function requestsBetween(before: Requests, after: Requests): Record<string, number> {
  const grown = [...after].map(([action, count]) => [action, count - (before.get(action) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0).sort());
}

async function answers(child: ChildProcess, url: string, log: string): Promise<void> {
  const until = Date.now() + startTimeoutMs;
  while (Date.now() < until && child.exitCode === null) {
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(2000) })).arrayBuffer();
      return;
    } catch {
      await sleep(200);
    }
  }
  throw new Error(`SeaweedFS does not answer at ${url}\n${readFileSync(log, 'utf8').slice(-2000)}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(killer);
}

/** utime and stime of proc(5), which follow the program's name in parentheses. */
function processCpuS(pid: number | undefined): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / clockTicksPerS;
  } catch {
    return undefined;
  }
}

/** All held open until the last is known, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer().on('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
