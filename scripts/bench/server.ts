import { readFileSync } from 'node:fs';
import { admin, freePorts, startWeed } from '../../test/kit/weed.ts';

/** Of /proc/<pid>/stat; 100 on every Linux that Node runs on. */
const clockTicksPerS = 100;

/** Key that the server accepts. */
export const credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } = {
  accessKeyId: admin.id,
  secretAccessKey: admin.secret,
};

/** Requests by method; the server counts HEAD as GET. */
export type Requests = ReadonlyMap<string, number>;

export interface Server {
  readonly endpoint: string;
  /** All requests that the S3 gateway has answered so far. */
  countRequests(): Promise<Requests>;
  /** CPU seconds that the server has used so far; undefined where the system does not tell. */
  cpuS(): number | undefined;
  close(): Promise<void>;
}

/** Starts SeaweedFS with one S3 gateway on 127.0.0.1. */
export async function openServer(): Promise<Server> {
  const [port] = await freePorts(1);
  const metrics = `http://127.0.0.1:${port}/metrics`;
  const weed = await startWeed({
    args: [
      '-metricsIp=127.0.0.1',
      `-metricsPort=${port}`,
      // Every bucket makes volumes of its own, seven at a time; the size is the server's own default.
      '-volume.max=400',
      '-master.volumeSizeLimitMB=30000',
    ],
  });
  return {
    endpoint: weed.endpoint,
    countRequests: async () => parseRequests(await (await fetch(metrics)).text()),
    cpuS: () => processCpuS(weed.pid),
    close: weed.close,
  };
}

/** Sums `SeaweedFS_s3_request_total{…,type="PUT"} 12` over all its other labels. */
export function parseRequests(metrics: string): Requests {
  const requests = new Map<string, number>();
  for (const [, labels = '', value] of metrics.matchAll(/^SeaweedFS_s3_request_total\{(.*)\} (\S+)$/gm)) {
    const method = /(?:^|,)type="([^"]*)"/.exec(labels)?.[1] ?? 'other';
    requests.set(method, (requests.get(method) ?? 0) + Number(value));
  }
  return requests;
}

/** `after` less `before`, without the methods that did not occur. */
export function requestsBetween(before: Requests, after: Requests): Record<string, number> {
  const grown = [...after].map(([method, count]) => [method, count - (before.get(method) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0).sort());
}

/** utime and stime of proc(5), which follow the program's name in parentheses. */
function processCpuS(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / clockTicksPerS;
  } catch {
    return undefined;
  }
}
