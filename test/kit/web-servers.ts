// WebDAV by WsgiDAV and plain HTTP by nginx, on ephemeral loopback ports, over a directory that tests can look into.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findDvc } from './dvc.ts';
import { freePorts } from './weed.ts';

export const user = 'ada';
export const password = 'pass wörd:"\\1';

/** One whose name and password pass through every program's configuration; of WsgiDAV alone. */
export const plainUser = 'bob';

export interface WebServer {
  readonly port: number;
  /** What the server's root holds. */
  readonly directory: string;
  /** PEM file of the authority to trust, with TLS. */
  readonly caFile: string;
  close(): Promise<void>;
}

/** Files below a folder of the server, `/` between parts; half-done uploads are among them. */
export function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

async function start(
  program: string,
  args: readonly string[],
  top: string,
  port: number,
): Promise<Omit<WebServer, 'directory' | 'caFile'>> {
  let said = '';
  const child = spawn(program, args, { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
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
  const close = async (): Promise<void> => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    const timer = setTimeout(kill, 3000);
    if (child.pid !== undefined) await gone;
    clearTimeout(timer);
    rmSync(top, { recursive: true, force: true });
  };
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null || child.pid === undefined) break;
    if (await answers(port)) return { port, close };
  }
  await close();
  throw new Error(`these tests need ${program}, and it did not come up: ${said}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function place(): { top: string; directory: string } {
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-web-'));
  const directory = join(top, 'files');
  mkdirSync(directory);
  return { top, directory };
}

/** WsgiDAV, which lies beside the real DVC. `digest`: it takes no Basic. `readonly`: it takes no writes. */
export async function startWsgidav(
  options: { readonly digest?: boolean; readonly readonly?: boolean; readonly tls?: boolean } = {},
): Promise<WebServer> {
  const { top, directory } = place();
  const [port = 0] = await freePorts(1);
  const tls = options.tls === true ? makeCertificates(top) : undefined;
  const basic = options.digest !== true;
  const config = {
    host: '127.0.0.1',
    port,
    server_args: { numthreads: 20 },
    provider_mapping: { '/': { root: directory, readonly: options.readonly === true } },
    http_authenticator: {
      accept_basic: basic,
      accept_digest: !basic,
      default_to_digest: !basic,
      domain_controller: null,
    },
    simple_dc: { user_mapping: { '*': { [user]: { password }, [plainUser]: { password: plainUser } } } },
    lock_storage: true,
    logging: { enable: false },
    verbose: 1,
    ...(tls === undefined ? {} : { ssl_certificate: tls.cert, ssl_private_key: tls.key }),
  };
  // JSON is YAML.
  const file = join(top, 'wsgidav.yaml');
  writeFileSync(file, JSON.stringify(config));
  const server = await start(join(dirname(findDvc()), 'wsgidav'), ['--config', file], top, port);
  return { ...server, directory, caFile: tls?.ca ?? '' };
}

/**
 * rclone's WebDAV server over a directory: one whose writes go through a cache of its own (DVCEXP_TEST_RCLONE).
 *
 * @param shared what another one gives out, and this one too, without what that has in its cache
 */
export async function startRcloneDav(shared?: string): Promise<WebServer> {
  const { top, directory: own } = place();
  const directory = shared ?? own;
  const [port = 0] = await freePorts(1);
  const named = process.env.DVCEXP_TEST_RCLONE;
  const program = named === undefined || named === '' ? 'rclone' : named;
  const login = ['--user', plainUser, '--pass', plainUser];
  const args = ['serve', 'webdav', '--config', '/dev/null', '--addr', `127.0.0.1:${port}`, ...login];
  return { ...(await start(program, [...args, directory], top, port)), directory, caFile: '' };
}

/**
 * nginx without root. `dav`: objects can be PUT; else files are only given out. `auth`: it wants the user. `tls`: it
 * also wants a certificate of ours, which lies in `client.pem` beside the authority's.
 */
export async function startNginx(
  options: { readonly dav?: boolean; readonly auth?: boolean; readonly tls?: boolean; readonly extra?: string } = {},
): Promise<WebServer> {
  const { top, directory } = place();
  const [port = 0] = await freePorts(1);
  const tls = options.tls === true ? makeCertificates(top) : undefined;
  const hash = execFileSync('openssl', ['passwd', '-apr1', password], { encoding: 'utf8' }).trim();
  writeFileSync(join(top, 'users'), `${user}:${hash}\n`);
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(top, name));
  const secured = tls
    ? `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ssl_client_certificate ${tls.ca}; ssl_verify_client on;`
    : '';
  writeFileSync(
    join(top, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${top}/pid; error_log stderr warn;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 256; }
    http {
      access_log off; types {} default_type application/octet-stream;
      client_body_temp_path ${top}/body; proxy_temp_path ${top}/proxy; fastcgi_temp_path ${top}/fastcgi;
      uwsgi_temp_path ${top}/uwsgi; scgi_temp_path ${top}/scgi;
      client_max_body_size 0;
      server {
        listen 127.0.0.1:${port} ${tls ? 'ssl' : ''};
        ${secured}
        ${options.auth === true ? `auth_basic storage; auth_basic_user_file ${top}/users;` : ''}
        ${options.extra ?? ''}
        location / {
          root ${directory};
          ${options.dav === true ? 'dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on;' : ''}
        }
      }
    }`,
  );
  const server = await start('nginx', ['-e', 'stderr', '-c', join(top, 'nginx.conf'), '-p', top], top, port);
  return { ...server, directory, caFile: tls?.ca ?? '' };
}

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * An authority, a server's certificate, and beside them `client.pem` and `client.key` of somebody it knows.
 *
 * @param names of the server, as OpenSSL's subjectAltName has them
 */
export function makeCertificates(top: string, names = 'IP:127.0.0.1,DNS:localhost'): Certificates {
  const at = (name: string): string => join(top, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: top, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test authority');
  writeFileSync(at('san'), `subjectAltName=${names}`);
  for (const name of ['cert', 'client']) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const sign = ['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl(...sign, '-days', '2', '-extfile', 'san', '-out', `${name}.pem`);
  }
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('cert.key') };
}
