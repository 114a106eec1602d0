// One port: the API in plain HTTP, and an HTTP proxy that ends the TLS of Google's hosts itself.
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificates } from '../web-servers.ts';
import { bodyOf, type Exchange, type Fault, sendError, textOf } from './exchange.ts';
import { knownError } from './failure.ts';

export const googleHosts = ['www.googleapis.com', 'oauth2.googleapis.com', 'accounts.google.com'] as const;

export interface Entry {
  /** Such as `files.list`, `files.download`, `upload.piece`, `oauth.token`; `fault` when it was not even looked at. */
  operation: string;
  readonly method: string;
  /** Google's host, or undefined when it was asked without the proxy. */
  readonly host: string | undefined;
  /** Path and query. */
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  /** 0 while there is none, or when the connection broke before. */
  status: number;
}

export interface Traffic {
  faults: Fault[];
  readonly log: Entry[];
  readonly counts: { inFlight: number; mostInFlight: number; connections: number; refused: number };
}

export interface Server {
  readonly port: number;
  close(): Promise<void>;
}

export async function listen(
  certificates: Certificates,
  traffic: Traffic,
  answer: (exchange: Exchange) => Promise<void>,
): Promise<Server> {
  const { counts } = traffic;
  const handle = (host: string | undefined): http.RequestListener => {
    return (request, response) => {
      // Whatever goes wrong here is the end of this connection, never of the tests.
      handleOne(traffic, answer, host, request, response).catch(() => response.destroy());
    };
  };
  const server = http.createServer(handle(undefined));
  const cert = { cert: readFileSync(certificates.cert), key: readFileSync(certificates.key) };
  const inside = new Map(googleHosts.map((host) => [`${host}:443`, https.createServer(cert, handle(host))]));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    counts.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  });
  server.on('connect', (request, stream, head) => {
    const target = inside.get(request.url ?? '');
    if (target === undefined) {
      counts.refused += 1;
      stream.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    stream.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) stream.unshift(head);
    target.emit('connection', stream);
  });
  for (const each of [server, ...inside.values()]) {
    each.requestTimeout = 0;
    each.on('clientError', (_error, socket) => socket.destroy());
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function handleOne(
  traffic: Traffic,
  answer: (exchange: Exchange) => Promise<void>,
  host: string | undefined,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const { log, counts } = traffic;
  const path = request.url ?? '/';
  const verb = request.headers['x-http-method-override']?.toString() ?? request.method ?? 'GET';
  const entry: Entry = { operation: 'fault', method: verb, host, url: path, headers: request.headers, status: 0 };
  log.push(entry);
  counts.inFlight += 1;
  counts.mostInFlight = Math.max(counts.mostInFlight, counts.inFlight);
  response.on('close', () => {
    counts.inFlight -= 1;
    if (response.headersSent) entry.status = response.statusCode;
  });
  const fault = traffic.faults.find((each) => each.times !== 0 && each.match.test(`${verb} ${path}`));
  if (fault?.times !== undefined) fault.times -= 1;
  if (fault?.delayMs !== undefined) await sleep(fault.delayMs);
  if (fault?.hang === true) return;
  const url = new URL(path, `${host === undefined ? 'http' : 'https'}://${request.headers.host ?? host}`);
  const params = await paramsOf(request, url);
  const exchange: Exchange = {
    request,
    response,
    method: verb,
    url,
    host,
    params,
    fault,
    get operation() {
      return entry.operation;
    },
    set operation(name) {
      entry.operation = name;
    },
  };
  if (fault?.status !== undefined || fault?.reason !== undefined) return refuse(exchange, fault);
  await answer(exchange);
}

/** Google's clients send a long GET as a POST of its query. */
async function paramsOf(request: http.IncomingMessage, url: URL): Promise<URLSearchParams> {
  const overridden = request.headers['x-http-method-override'] === 'GET' && request.method === 'POST';
  return overridden ? new URLSearchParams(await textOf({ request, fault: undefined })) : url.searchParams;
}

async function refuse(exchange: Exchange, fault: Fault): Promise<void> {
  const { request, response } = exchange;
  if (fault.dropRequestAfter !== undefined) for await (const _ of bodyOf(exchange));
  if (fault.body === undefined) return sendError(exchange, knownError(fault.reason, fault.status));
  request.resume();
  response.writeHead(fault.status ?? 500, fault.headers).end(fault.body);
}
