import { readFileSync } from 'node:fs';
import { admin, freePorts, startWeed } from '../../test/kit/weed.ts';
import { openStore } from './s3-store.ts';
import type { Requests, Service } from './service.ts';

/** Of /proc/<pid>/stat; 100 on every Linux that Node runs on. */
const clockTicksPerS = 100;

/** Starts SeaweedFS with one S3 gateway on 127.0.0.1. */
export async function openS3Service(): Promise<Service> {
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
  const store = openStore(weed.endpoint);
  return {
    store,
    env: {
      AWS_ACCESS_KEY_ID: admin.id,
      AWS_SECRET_ACCESS_KEY: admin.secret,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    options: (bucket, prefix) => ({ url: `s3://${bucket}/${prefix}`, endpointurl: weed.endpoint }),
    countRequests: async () => parseRequests(await (await fetch(metrics)).text()),
    cpuS: () => processCpuS(weed.pid),
    async close() {
      store.close();
      await weed.close();
    },
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
