// The Versity S3 gateway over a directory, on an ephemeral loopback port: a second S3 service, strict about signatures,
// checksums and the form of requests, and with other words than SeaweedFS.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { admin, bucket, freePorts, signedRequest } from './weed.ts';

export interface Versity {
  readonly port: number;
  readonly endpoint: string;
  /** A signed request as admin, for looking behind the code under test. */
  request(method: string, path: string, query?: string, body?: Uint8Array): Promise<{ status: number; text: string }>;
  /** Of the disk of its own. */
  resizeDisk(mib: number): void;
  close(): Promise<void>;
}

/** DVCEXP_TEST_VERSITYGW, else `versitygw` on PATH; undefined when there is none. */
function findVersity(): string | undefined {
  const named = process.env.DVCEXP_TEST_VERSITYGW;
  if (named !== undefined && named !== '') return named;
  return spawnSync('versitygw', ['--version'], { stdio: 'ignore', timeout: 10_000 }).status === 0
    ? 'versitygw'
    : undefined;
}

/** Why tests with it are left out: it is not here, and this is not CI, where it must be. */
export const noVersity: string | false =
  findVersity() === undefined && process.env.CI !== 'true' && 'needs versitygw: DVCEXP_TEST_VERSITYGW, or on PATH';

/** Why tests with a disk of the gateway's own are left out: it takes root, and Linux. */
export const noSmallDisk: string | false = process.getuid?.() !== 0 && process.env.CI !== 'true' && 'needs root';

/** @param options.diskMib keeps what is stored on a disk of its own, of that size */
export async function startVersity(options: { readonly diskMib?: number } = {}): Promise<Versity> {
  const binary = findVersity();
  if (binary === undefined) throw new Error('these tests need versitygw: put it on PATH or set DVCEXP_TEST_VERSITYGW');
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-versity-'));
  const data = join(top, 'data');
  mkdirSync(data);
  mkdirSync(join(top, 'sidecar'));
  const [port = 0] = await freePorts(1);
  const { diskMib } = options;
  const mount = ['-m', 'sh', '-c', `mount -t tmpfs -o size=${diskMib}m tmpfs '${data}' && exec "$@"`, 'sh', binary];
  const [program, inside] = diskMib === undefined ? [binary, []] : ['unshare', mount];
  const args = ['--port', `127.0.0.1:${port}`, '--region', 'us-east-1', '--keep-alive', '--quiet', 'posix'];
  let said = '';
  // Not every temporary directory keeps extended attributes.
  const child = spawn(program, [...inside, ...args, '--sidecar', join(top, 'sidecar'), data], {
    cwd: top,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: top, ROOT_ACCESS_KEY_ID: admin.id, ROOT_SECRET_ACCESS_KEY: admin.secret },
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
  }
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('error', (error) => {
    said = String(error);
  });
  // Whatever becomes of the tests, the server must not outlive them.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const server: Versity = {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    resizeDisk(mib) {
      const remount = ['mount', '-o', `remount,size=${mib}m`, data];
      execFileSync('nsenter', [`--mount=/proc/${child.pid}/ns/mnt`, ...remount], { timeout: 10_000 });
    },
    request: (method, path, query = '', body = Buffer.alloc(0)) => signedRequest({ port }, method, path, query, body),
    async close() {
      process.off('exit', kill);
      kill();
      if (child.pid !== undefined) await gone;
      rmSync(top, { recursive: true, force: true });
    },
  };
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null || child.pid === undefined) break;
    const made = await server.request('PUT', `/${bucket}`).catch(() => undefined);
    if (made?.status === 200) return server;
  }
  await server.close();
  throw new Error(`versitygw did not come up: ${said}`);
}
