// A reverse proxy on loopback that spoils what passes through it. Host goes on unchanged, so signatures stay valid.
import * as http from 'node:http';
import { type AddressInfo, connect } from 'node:net';

export interface Rule {
  /** Matched against `METHOD /path?query`. */
  readonly match: RegExp;
  /** How many requests it spoils; the rest pass. Endless when left out. */
  times?: number;
  readonly delayMs?: number;
  /** Answered instead of the service. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Never answer. */
  readonly hang?: boolean;
  /** Cut the connection once so many bytes of the request, or of the answer, have passed. */
  readonly dropRequestAfter?: number;
  readonly dropResponseAfter?: number;
  /** Stop (without cutting) once so many bytes of the answer have passed. */
  readonly stallResponseAfter?: number;
  /** Say this length and send as much of the body. */
  readonly truncateTo?: number;
  /** Flip the bits of the answer's byte at this place. */
  readonly corruptAt?: number;
  /** The same of the request. */
  readonly corruptRequestAt?: number;
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

export interface FaultProxy {
  readonly port: number;
  rules: Rule[];
  /** Every request, in order. */
  readonly seen: Seen[];
  /** `sent`: bytes of bodies to the service, `received`: from it. */
  readonly counts: {
    inFlight: number;
    mostInFlight: number;
    connections: number;
    sent: number;
    received: number;
  };
  close(): Promise<void>;
}

/** A server with such a proxy before it. Both end with `close`. */
export async function behindFaultProxy<Server extends { readonly port: number; close(): Promise<void> }>(
  starting: Promise<Server>,
): Promise<{ readonly server: Server; readonly proxy: FaultProxy; close(): Promise<void> }> {
  const server = await starting;
  const proxy = await openFaultProxy(server);
  return {
    server,
    proxy,
    async close() {
      await proxy.close();
      await server.close();
    },
  };
}

export async function openFaultProxy(upstream: { host?: string; port: number }): Promise<FaultProxy> {
  const host = upstream.host ?? '127.0.0.1';
  const seen: Seen[] = [];
  const counts = { inFlight: 0, mostInFlight: 0, connections: 0, sent: 0, received: 0 };
  const proxy = { rules: [] as Rule[] };
  const server = http.createServer((request, response) => {
    const url = request.url ?? '/';
    seen.push({ method: request.method ?? '', url, headers: request.headers });
    counts.inFlight += 1;
    counts.mostInFlight = Math.max(counts.mostInFlight, counts.inFlight);
    response.on('close', () => {
      counts.inFlight -= 1;
    });
    const rule = proxy.rules.find((each) => each.times !== 0 && each.match.test(`${request.method} ${url}`));
    if (rule?.times !== undefined) rule.times -= 1;
    setTimeout(() => serve(request, response, rule, { host, port: upstream.port }, counts), rule?.delayMs ?? 0);
  });
  server.on('connection', () => {
    counts.connections += 1;
  });
  // CONNECT, so that it also serves as a forward proxy for TLS.
  server.on('connect', (request, socket, head) => {
    seen.push({ method: 'CONNECT', url: request.url ?? '', headers: request.headers });
    const onward = connect(upstream.port, host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get rules() {
      return proxy.rules;
    },
    set rules(rules) {
      proxy.rules = rules;
    },
    seen,
    counts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function serve(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  rule: Rule | undefined,
  upstream: { host: string; port: number },
  counts: FaultProxy['counts'],
): void {
  // What nobody reads would hide that the client has gone.
  if (rule?.hang === true) return void request.resume();
  if (rule?.status !== undefined) {
    request.resume();
    response.writeHead(rule.status, { 'content-type': 'application/xml', ...rule.headers });
    response.end(rule.body ?? '');
    return;
  }
  // An absolute URL means we were asked as a forward proxy.
  const path = (request.url ?? '/').replace(/^http:\/\/[^/]+/, '');
  const onward = http.request({ ...upstream, agent, method: request.method ?? 'GET', path, headers: request.headers });
  onward.on('error', () => response.destroy());
  onward.on('response', (answer) => passBack(answer, response, rule ?? { match: /x/ }, counts));
  let sent = 0;
  request.on('data', (chunk: Buffer) => {
    corrupt(chunk, rule?.corruptRequestAt, sent);
    sent += chunk.length;
    counts.sent += chunk.length;
    if (rule?.dropRequestAfter !== undefined && sent >= rule.dropRequestAfter) {
      onward.destroy();
      request.socket.resetAndDestroy();
    } else if (!onward.write(chunk)) {
      request.pause();
      onward.once('drain', () => request.resume());
    }
  });
  request.on('end', () => onward.end());
  request.on('close', () => {
    if (!request.complete) onward.destroy();
  });
}

const agent = new http.Agent({ keepAlive: true });

/** @param at the place of the chunk's first byte */
function corrupt(chunk: Buffer, place: number | undefined, at: number): void {
  if (place !== undefined && place >= at && place < at + chunk.length) {
    chunk[place - at] = 0xff ^ (chunk[place - at] ?? 0);
  }
}

function passBack(
  answer: http.IncomingMessage,
  response: http.ServerResponse,
  rule: Rule,
  counts: FaultProxy['counts'],
): void {
  const headers = { ...answer.headers };
  if (rule.truncateTo !== undefined) {
    headers['content-length'] = String(rule.truncateTo);
    delete headers['transfer-encoding'];
  }
  response.writeHead(answer.statusCode ?? 502, { ...headers, ...rule.headers });
  let at = 0;
  const limit = Math.min(rule.dropResponseAfter ?? Infinity, rule.stallResponseAfter ?? Infinity);
  const most = Math.min(limit, rule.truncateTo ?? Infinity);
  answer.on('data', (chunk: Buffer) => {
    corrupt(chunk, rule.corruptAt, at);
    const part = chunk.subarray(0, Math.max(0, most - at));
    at += chunk.length;
    counts.received += part.length;
    if (part.length > 0 && !response.write(part)) {
      answer.pause();
      response.once('drain', () => answer.resume());
    }
    if (rule.dropResponseAfter !== undefined && at >= rule.dropResponseAfter) setTimeout(() => response.destroy(), 20);
  });
  answer.on('end', () => {
    if (rule.dropResponseAfter !== undefined) response.destroy();
    else if (rule.stallResponseAfter === undefined) response.end();
  });
  answer.on('error', () => response.destroy());
}
