import * as http from 'node:http';
import * as https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Lane, openLane } from './lane.ts';
import { openTunnel, parseProxy, proxyHeaders } from './proxy.ts';
import { stalled, type WireRequest, type WireResponse } from './request.ts';
import type { S3Settings } from './settings.ts';

/** One kept set of connections. `send` answers whole responses or rejects with the error of the socket. */
export interface Wire {
  send(request: WireRequest, signal: AbortSignal): Promise<WireResponse>;
  close(): void;
}

// A response up to this size needs no leave to be held in memory.
const smallBytes = 256 * 1024;
const sliceBytes = 256 * 1024;

type Env = Readonly<Record<string, string | undefined>>;

export function openWire(settings: S3Settings, env: Env): Wire {
  const agent = settings.secure ? openTlsAgent(settings, env) : new http.Agent(agentOptions(settings));
  const request = settings.secure ? https.request : http.request;
  const targets = new Map<string, Target>();
  const lanes = new Map<string, Lane>();
  /** None through a proxy: the long way knows how to speak to it. */
  const laneOf = (wanted: WireRequest, { host, port, plainProxy }: Target): Lane | undefined => {
    if (plainProxy !== undefined || parseProxy(settings.secure, wanted.host, env) !== undefined) return undefined;
    let lane = lanes.get(wanted.host);
    if (lane === undefined) {
      const tls = settings.secure ? { ...tlsOptions(settings), servername: isIP(host) > 0 ? '' : host } : undefined;
      const { connectMs, stallMs } = settings;
      lane = openLane({ host, port: Number(port), tls, connectMs, stallMs });
      lanes.set(wanted.host, lane);
    }
    return lane;
  };
  return {
    async send(wanted, signal) {
      let target = targets.get(wanted.host);
      if (target === undefined) {
        target = targetOf(wanted.host, settings.secure, env);
        targets.set(wanted.host, target);
      }
      const { host, port, plainProxy } = target;
      const { into } = wanted;
      if (into !== undefined) {
        const headers = await laneOf(wanted, target)?.fill(wanted, into, signal);
        if (headers !== undefined) return { status: 206, headers, chunks: [into], length: into.length };
      }
      const outgoing = request({
        host,
        port,
        agent,
        method: wanted.method,
        // RFC 9112 3.2.2: a proxy is asked with the whole URL.
        path: plainProxy === undefined ? wanted.path : `http://${wanted.host}${wanted.path}`,
        headers: plainProxy === undefined ? wanted.headers : [...wanted.headers, ...proxyHeaders(plainProxy)],
      });
      return exchange(outgoing, wanted, settings, signal);
    },
    close() {
      for (const lane of lanes.values()) lane.close();
      agent.destroy();
    },
  };
}

const agentOptions = (settings: S3Settings): http.AgentOptions => ({
  keepAlive: true,
  maxSockets: 256,
  timeout: settings.stallMs,
});

interface Target {
  readonly host: string;
  readonly port: number | string;
  /** Where the request goes instead, when there is no TLS to tunnel. */
  readonly plainProxy: URL | undefined;
}

function targetOf(host: string, secure: boolean, env: Env): Target {
  const proxy = secure ? undefined : parseProxy(false, host, env);
  if (proxy !== undefined) return { host: proxy.hostname, port: proxy.port || 80, plainProxy: proxy };
  const [, name = host, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return { host: name.replace(/^\[(.*)\]$/, '$1'), port: port ?? (secure ? 443 : 80), plainProxy: undefined };
}

type Connect = (
  options: { readonly host: string; readonly port: number },
  done: (error: Error | null, socket?: Duplex) => void,
) => Duplex | undefined;

function tlsOptions({ ca, verifyTls }: S3Settings): { readonly ca?: string; readonly rejectUnauthorized: boolean } {
  return { ...(ca === undefined ? {} : { ca }), rejectUnauthorized: verifyTls };
}

function openTlsAgent(settings: S3Settings, env: Env): https.Agent {
  const tls = tlsOptions(settings);
  const agent = new https.Agent({ ...agentOptions(settings), ...tls });
  const direct = (agent as unknown as { createConnection: Connect }).createConnection.bind(agent);
  const createConnection: Connect = (options, done) => {
    const proxy = parseProxy(true, options.host, env);
    if (proxy === undefined) return direct(options, done);
    const authority = `${options.host}:${options.port}`;
    openTunnel({ proxy, authority, tls: { ...tls, servername: options.host }, connectMs: settings.connectMs }).then(
      (socket) => done(null, socket.setTimeout(settings.stallMs)),
      (error: Error) => done(error),
    );
    return undefined;
  };
  return Object.assign(agent, { createConnection });
}

function exchange(
  outgoing: http.ClientRequest,
  wanted: WireRequest,
  settings: S3Settings,
  signal: AbortSignal,
): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      outgoing.destroy();
      fail(signal.reason);
    };
    const settle = (): void => signal.removeEventListener('abort', stop);
    const fail = (error: unknown): void => {
      settle();
      // A connection that died of old age between two requests says nothing about the service.
      if (error instanceof Error && outgoing.reusedSocket && !signal.aborted) Object.assign(error, { reused: true });
      reject(error);
    };
    const stall = (what: string) => (): void => {
      outgoing.destroy(Object.assign(new Error(what), { code: stalled }));
    };
    signal.addEventListener('abort', stop, { once: true });
    outgoing.on('error', fail);
    outgoing.on('timeout', stall(`no byte moved for ${settings.stallMs / 1000} s`));
    outgoing.on('socket', (socket) => {
      if (socket.connecting)
        limitConnect(socket, settings, stall(`no connection within ${settings.connectMs / 1000} s`));
    });
    outgoing.on('response', (response) => {
      collect(response, wanted, outgoing, settings.stallMs).then((answer) => {
        settle();
        resolve(answer);
      }, fail);
    });
    sendBody(outgoing, wanted);
  });
}

/** In slices where somebody wants to know how far it is: a body written at once is only told of when all of it has gone. */
function sendBody(outgoing: http.ClientRequest, { body, moved }: WireRequest): void {
  if (body === undefined || moved === undefined) return void outgoing.end(body);
  const next = (at: number): void => {
    const slice = body.subarray(at, at + sliceBytes);
    if (slice.length === 0) return void outgoing.end();
    outgoing.write(slice, (error) => {
      if (error) return;
      moved(slice.length);
      next(at + slice.length);
    });
  };
  next(0);
}

function limitConnect(socket: Socket, settings: S3Settings, expire: () => void): void {
  const timer = setTimeout(expire, settings.connectMs);
  const done = (): void => clearTimeout(timer);
  socket.once(settings.secure ? 'secureConnect' : 'connect', done);
  socket.once('close', done);
}

function collect(
  response: http.IncomingMessage,
  wanted: WireRequest,
  outgoing: http.ClientRequest,
  stallMs: number,
): Promise<WireResponse> {
  const announced = Number(response.headers['content-length'] ?? 0);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // What a refusal says is no content.
    const moved = wanted.method === 'GET' && (response.statusCode ?? 0) < 300 ? wanted.moved : undefined;
    const flow = (): void => {
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        moved?.(chunk.length);
      });
    };
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, chunks, length }));
    response.on('close', () => {
      // Making an error is dear, and this comes after every answer.
      if (!response.readableEnded) reject(new Error('the connection closed in the middle of the answer'));
    });
    if (wanted.admit === undefined || announced <= smallBytes || wanted.method === 'HEAD') return flow();
    // The wait is ours, not the service's: it must not count as a stall.
    outgoing.setTimeout(0);
    wanted.admit(announced).then(
      () => {
        outgoing.setTimeout(stallMs);
        flow();
      },
      (error: unknown) => {
        outgoing.destroy();
        reject(error);
      },
    );
  });
}
