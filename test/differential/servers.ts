// The servers of one transport, shared by all its scenarios. Runs are told apart by the first folder of the path.
import { mkdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { type GitServer, startGitDaemon, startHttpServer, startSshd } from '../kit/git-servers.ts';
import type { World } from '../kit/world.ts';
import type { Demand, Transport } from './scenario.ts';

/** A key and a certificate that vouches for itself, as files. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface Place {
  /** By the repository's path below the root. */
  url(repository: string): string;
  readonly env: NodeJS.ProcessEnv;
  /** The certificate that the https server knows clients by. */
  readonly certificate: Certificate;
  demand(run: string, demand: Demand): void;
  /** The http requests of a run so far. */
  requests(run: string): readonly string[];
  stop(): Promise<void>;
}

export function makeCertificate(world: World, name: string): Certificate {
  const made = { key: world.path('tls', `${name}.key`), cert: world.path('tls', `${name}.pem`) };
  mkdirSync(world.path('tls'), { recursive: true });
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const ran = world.run(world.directory, 'openssl', [...args, ...subject, '-keyout', made.key, '-out', made.cert]);
  if (ran.code !== 0) throw new Error(`openssl: ${ran.stderr}`);
  return made;
}

const runOf = (request: IncomingMessage): string =>
  new URL(request.url ?? '/', 'http://127.0.0.1').pathname.split('/')[1] ?? '';

function refusalOf(
  request: IncomingMessage,
  demand: Demand | undefined,
): ReturnType<NonNullable<Parameters<typeof startHttpServer>[1]>['gate'] & object> {
  if (demand?.credentials !== undefined) {
    const { user, password } = demand.credentials;
    const right = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const headers = { 'WWW-Authenticate': 'Basic realm="test"' };
    if (request.headers.authorization !== right) return { status: 401, headers };
  }
  if (demand?.header !== undefined && request.headers[demand.header[0]] !== demand.header[1]) {
    return { status: 403, headers: {} };
  }
  const { authorized } = request.socket as TLSSocket;
  return demand?.certificate === true && !authorized ? { status: 403, headers: {} } : undefined;
}

/** What a request says that its sender's configuration decides. */
function requestLine(request: IncomingMessage, status: number | undefined): string {
  const told = ['git-protocol', 'cookie', 'authorization', 'accept-language', 'content-encoding'];
  const words = told.flatMap((name) =>
    request.headers[name] === undefined ? [] : [`${name}: ${request.headers[name]}`],
  );
  return [`${request.method} ${request.url}`, ...words, ...(status === undefined ? [] : [`refused ${status}`])].join(
    ', ',
  );
}

async function startServer(world: World, root: string, transport: Transport, certificate: Certificate) {
  const demands = new Map<string, Demand>();
  const lines = new Map<string, string[]>();
  const gate = (request: IncomingMessage) => {
    const run = runOf(request);
    const refusal = refusalOf(request, demands.get(run));
    const known = lines.get(run) ?? [];
    lines.set(run, known);
    known.push(requestLine(request, refusal?.status));
    return refusal;
  };
  const environment = (request: IncomingMessage) => demands.get(runOf(request))?.environment ?? {};
  const start = async (): Promise<GitServer> => {
    if (transport === 'ssh') return await startSshd(root, world.path('ssh'));
    if (transport === 'git') return await startGitDaemon(root);
    if (transport === 'http') return await startHttpServer(root, { gate, environment });
    if (transport === 'https') {
      const server = makeCertificate(world, 'server');
      const [key, cert, ca] = [server.key, server.cert, certificate.cert].map((path) => readFileSync(path));
      if (key === undefined || cert === undefined || ca === undefined) throw new Error('three files were read');
      const started = await startHttpServer(root, { gate, environment, tls: { key, cert, ca } });
      return { ...started, env: { GIT_SSL_CAINFO: server.cert } };
    }
    const scheme = transport === 'file' ? 'file://' : '';
    return { url: (repository) => scheme + join(root, repository), env: {}, stop: async () => undefined };
  };
  return { server: await start(), demands, lines };
}

export async function openPlace(world: World, root: string, transport: Transport): Promise<Place> {
  const certificate = makeCertificate(world, 'client');
  const { server, demands, lines } = await startServer(world, root, transport, certificate);
  return {
    url: (repository) => server.url(repository),
    env: server.env,
    certificate,
    demand: (run, demand) => void demands.set(run, demand),
    requests: (run) => lines.get(run) ?? [],
    stop: () => server.stop(),
  };
}
