// Azurite on an ephemeral loopback port: Microsoft's emulator of Blob Storage, with keys, signatures and tokens.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Certificate, freePorts, makeCertificate } from './weed.ts';

export const account = 'devstoreaccount1';
/** The key that Microsoft publishes for every emulator. */
export const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
/** Where the account is at Azure. */
export const accountHost: string = `${account}.blob.core.windows.net`;
export const container = 'data';

export interface Azurite {
  readonly port: number;
  /** `http://127.0.0.1:port/devstoreaccount1` or https. */
  readonly endpoint: string;
  /** With TLS; good for the account's name at Azure as well. */
  readonly certificate: Certificate | undefined;
  /** Signed by the account's key, for looking behind the code under test. `target` is `/container/blob?query`. */
  request(method: string, target: string, headers?: Headers, body?: Uint8Array): Promise<Answer>;
  close(): Promise<void>;
}

type Headers = Readonly<Record<string, string>>;

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** With the port of somebody who stands in front of the emulator, or its own. */
export function connectionString(endpoint: string): string {
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${endpoint};`;
}

/** Signature over the whole account, for `permissions` such as `rl`, from an hour ago until `expires`. */
export function sharedAccess(permissions: string, expires: Date = new Date(Date.now() + 3_600_000)): string {
  const fields = {
    sp: permissions,
    ss: 'b',
    srt: 'sco',
    st: stamp(new Date(Date.now() - 7_200_000)),
    se: stamp(expires),
    spr: 'https,http',
    sv: '2019-12-12',
  };
  const { sp, ss, srt, st, se, spr, sv } = fields;
  const sig = hmac([account, sp, ss, srt, st, se, '', spr, sv, ''].join('\n'));
  return new URLSearchParams({ ...fields, sig }).toString();
}

const stamp = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;
const hmac = (text: string): string =>
  createHmac('sha256', Buffer.from(accountKey, 'base64')).update(text).digest('base64');

/** Azurite's program: below DVCEXP_TEST_AZURITE, a folder with its node_modules. */
function findAzurite(): string {
  const folder = process.env.DVCEXP_TEST_AZURITE ?? '';
  const program = join(folder, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
  if (folder !== '' && existsSync(program)) return program;
  throw new Error('these tests need Azurite: npm install --prefix FOLDER azurite, and set DVCEXP_TEST_AZURITE=FOLDER');
}

/** With an empty container. With TLS it takes bearer tokens, whose signature it does not look at. */
export async function startAzurite(options: { readonly tls?: boolean } = {}): Promise<Azurite> {
  const program = findAzurite();
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-azurite-'));
  const [port = 0] = await freePorts(1);
  const tls = options.tls === true ? makeCertificate(top, [accountHost]) : undefined;
  const args = [
    ...[program, '--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', top, '--silent'],
    ...['--disableTelemetry', '--skipApiVersionCheck'],
    ...(tls === undefined ? [] : ['--cert', tls.cert, '--key', tls.key, '--oauth', 'basic']),
  ];
  const child = spawn(process.execPath, args, {
    cwd: top,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: top, TMPDIR: top },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // Whatever becomes of the tests, the server must not outlive them.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ca = tls === undefined ? undefined : readFileSync(tls.ca, 'utf8');
  const azurite: Azurite = {
    port,
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/${account}`,
    certificate: tls,
    request: (method, target, headers = {}, body = Buffer.alloc(0)) =>
      signedRequest({ port, ca }, method, target, headers, body),
    async close() {
      process.off('exit', kill);
      kill();
      await gone;
      rmSync(top, { recursive: true, force: true });
    },
  };
  try {
    await ready(azurite, child);
    return azurite;
  } catch (error) {
    await azurite.close();
    throw error;
  }
}

async function ready(azurite: Azurite, child: { readonly exitCode: number | null }): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(100)) {
    if (child.exitCode !== null) throw new Error(`azurite exited with ${child.exitCode}`);
    try {
      const made = await azurite.request('PUT', `/${container}?restype=container`);
      if (made.status !== 201) throw new Error(`azurite answers ${made.status}: ${made.text}`);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
    }
  }
  throw new Error('azurite did not come up within a minute');
}

/** The account's signature written once more, straight from Microsoft's text, so as not to trust the code under test. */
function signedRequest(
  server: { port: number; ca: string | undefined },
  method: string,
  target: string,
  extra: Headers,
  body: Uint8Array,
): Promise<Answer> {
  const url = new URL(`http://127.0.0.1/${account}${target}`);
  const own = { ...extra, 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02' };
  const signed = Object.entries(own)
    .filter(([name]) => name.startsWith('x-ms-'))
    .map(([name, value]) => `${name}:${value}`)
    .sort();
  const asked = [...url.searchParams].map(([name, value]) => `\n${name}:${value}`).sort();
  const length = body.length === 0 ? '' : String(body.length);
  const text = [method, '', '', length, '', '', '', '', '', '', '', '', ...signed, ''].join('\n');
  const authorization = `SharedKey ${account}:${hmac(`${text}/${account}${url.pathname}${asked.join('')}`)}`;
  const headers = { ...own, 'content-length': body.length, authorization };
  const path = url.pathname + url.search;
  const where = { host: '127.0.0.1', port: server.port, method, path, headers, agent: false, timeout: 10_000 };
  return new Promise((resolve, reject) => {
    const outgoing =
      server.ca === undefined
        ? http.request(where)
        : https.request({ ...where, ca: server.ca, servername: 'localhost' });
    outgoing.on('timeout', () => outgoing.destroy(new Error('azurite does not answer')));
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: bytes.toString('utf8'), bytes });
      });
      response.on('error', reject);
    });
    outgoing.end(body);
  });
}
