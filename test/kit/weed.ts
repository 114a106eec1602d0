// SeaweedFS on ephemeral loopback ports: a real S3 service with users, signatures, encryption and TLS.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const admin = { id: 'ADMINKEYID', secret: 'admin-secret' };
/** May read and list, not write. */
export const reader = { id: 'READERKEYID', secret: 'reader-secret' };
export const bucket = 'data';

export interface Weed {
  readonly port: number;
  /** `http://127.0.0.1:port` or https. */
  readonly endpoint: string;
  /** PEM file of the authority to trust, with TLS. */
  readonly caFile: string | undefined;
  readonly pid: number;
  /** A signed request as admin, for looking behind the code under test. */
  request(method: string, path: string, query?: string, body?: Uint8Array): Promise<{ status: number; text: string }>;
  /** Has an administrator type these commands into `weed shell`; throws when it cannot. Answers what it said. */
  administer(...commands: readonly string[]): string;
  close(): Promise<void>;
}

/** Where the server's binary is: DVCEXP_TEST_WEED, else `weed` on PATH; undefined when there is none. */
function findWeed(): string | undefined {
  const named = process.env.DVCEXP_TEST_WEED;
  if (named !== undefined && named !== '') return named;
  return spawnSync('weed', ['version'], { stdio: 'ignore', timeout: 10_000 }).status === 0 ? 'weed' : undefined;
}

/** @param options.args what the server is to be told on top; the last of two equal flags counts */
export async function startWeed(
  options: { readonly tls?: boolean; readonly args?: readonly string[] } = {},
): Promise<Weed> {
  const binary = findWeed();
  if (binary === undefined) throw new Error('these tests need SeaweedFS: put weed on PATH or set DVCEXP_TEST_WEED');
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-weed-'));
  mkdirSync(join(top, 'data'));
  writeFileSync(join(top, 'ids.json'), JSON.stringify({ identities }));
  const [master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, s3, s3Grpc] = await freePorts(8);
  const tls = options.tls === true ? makeCertificate(top) : undefined;
  const args = [
    'server',
    `-dir=${join(top, 'data')}`,
    ...['-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-volume.max=40', '-filer', '-s3', '-master.volumeSizeLimitMB=1024'],
    ...[`-master.port=${master}`, `-master.port.grpc=${masterGrpc}`],
    ...[`-volume.port=${volume}`, `-volume.port.grpc=${volumeGrpc}`],
    ...[`-filer.port=${filer}`, `-filer.port.grpc=${filerGrpc}`, `-filer.localSocket=${join(top, 'filer.sock')}`],
    ...[`-s3.port=${s3}`, `-s3.port.grpc=${s3Grpc}`, `-s3.localSocket=${join(top, 's3.sock')}`],
    ...[`-s3.config=${join(top, 'ids.json')}`, '-s3.domainName=localhost', '-s3.port.iceberg=0', '-s3.port.lance=0'],
    ...(tls === undefined ? [] : [`-s3.cert.file=${tls.cert}`, `-s3.key.file=${tls.key}`]),
    ...(options.args ?? []),
  ];
  const child = spawn(binary, args, {
    cwd: top,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: top, TMPDIR: top, WEED_S3_SSE_KEY: 'test' },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // Whatever becomes of the tests, the server must not outlive them.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ca = tls === undefined ? undefined : readFileSync(tls.ca, 'utf8');
  const weed: Weed = {
    port: s3 ?? 0,
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${s3}`,
    caFile: tls?.ca,
    pid: child.pid ?? 0,
    request: (method, path, query = '', body = Buffer.alloc(0)) =>
      signedRequest({ port: s3 ?? 0, ca }, method, path, query, body),
    administer(...commands) {
      const places = [`-master=127.0.0.1:${master}.${masterGrpc}`, `-filer=127.0.0.1:${filer}.${filerGrpc}`];
      const input = ['lock', ...commands, 'unlock', 'exit', ''].join('\n');
      return execFileSync(binary, ['shell', ...places], { input, encoding: 'utf8', stdio: 'pipe', timeout: 60_000 });
    },
    async close() {
      process.off('exit', kill);
      kill();
      await gone;
      rmSync(top, { recursive: true, force: true });
    },
  };
  try {
    await ready(weed, child);
    return weed;
  } catch (error) {
    await weed.close();
    throw error;
  }
}

/** Makes a bucket whose objects keep their versions. */
export async function keepVersions(weed: Weed, name: string): Promise<void> {
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  for (const [query, body] of [
    ['', ''],
    ['versioning=', enabled],
  ] as const) {
    const { status, text } = await weed.request('PUT', `/${name}`, query, Buffer.from(body));
    if (status !== 200) throw new Error(`no bucket with versions: ${status} ${text}`);
  }
}

const identities = [
  {
    name: 'admin',
    credentials: [{ accessKey: admin.id, secretKey: admin.secret }],
    actions: ['Admin', 'Read', 'List', 'Tagging', 'Write'],
  },
  {
    name: 'reader',
    credentials: [{ accessKey: reader.id, secretKey: reader.secret }],
    actions: [`Read:${bucket}`, `List:${bucket}`],
  },
];

/** The gateway answers before it can store: only an object that arrived proves it. */
async function ready(weed: Weed, child: { readonly exitCode: number | null }): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(200)) {
    if (child.exitCode !== null) throw new Error(`weed exited with ${child.exitCode}`);
    try {
      await weed.request('PUT', `/${bucket}`);
      if ((await weed.request('PUT', `/${bucket}/probe`, '', Buffer.from('x'))).status !== 200) continue;
      await weed.request('DELETE', `/${bucket}/probe`);
      return;
    } catch {
      // Not listening yet.
    }
  }
  throw new Error('weed did not come up within a minute');
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** PEM files: the authority to trust, and what the server shows. */
export interface Certificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** @param names further names of hosts that the certificate is good for */
export function makeCertificate(top: string, names: readonly string[] = []): Certificate {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => join(top, name)) as [string, string, string];
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: top, stdio: 'ignore' });
  const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl(...make, '-keyout', 'ca.key', '-out', ca, '-subj', '/CN=test authority');
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', 'cert.csr', '-subj', '/CN=127.0.0.1');
  writeFileSync(join(top, 'san'), ['subjectAltName=IP:127.0.0.1', 'localhost', '*.localhost', ...names].join(',DNS:'));
  openssl(
    ...['x509', '-req', '-in', 'cert.csr', '-CA', ca, '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'],
    ...['-extfile', 'san', '-out', cert],
  );
  return { ca, cert, key };
}

/** Signature Version 4 written once more, straight from Amazon's text, so as not to trust the code under test. */
export function signedRequest(
  server: { readonly port: number; readonly ca?: string | undefined },
  method: string,
  path: string,
  query: string,
  body: Uint8Array,
): Promise<{ status: number; text: string }> {
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
  const hash = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const host = `127.0.0.1:${server.port}`;
  const names = 'host;x-amz-content-sha256;x-amz-date';
  const sha = hash(body);
  const canonical = [
    method,
    path,
    query,
    `host:${host}`,
    `x-amz-content-sha256:${sha}`,
    `x-amz-date:${date}`,
    '',
    names,
    sha,
  ];
  const key = ['us-east-1', 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${admin.secret}`, date.slice(0, 8)));
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical.join('\n'))}`).toString('hex');
  const headers = {
    host,
    'x-amz-date': date,
    'x-amz-content-sha256': sha,
    'content-length': body.length,
    authorization: `AWS4-HMAC-SHA256 Credential=${admin.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
  const request = server.ca === undefined ? http.request : https.request;
  const options = {
    host: '127.0.0.1',
    port: server.port,
    method,
    path: query === '' ? path : `${path}?${query}`,
    headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, agent: false, timeout: 10_000, ...(server.ca ? { ca: server.ca } : {}) });
    outgoing.on('timeout', () => outgoing.destroy(new Error('the service does not answer')));
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    outgoing.end(body);
  });
}
