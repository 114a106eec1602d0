import * as http from 'node:http';
import * as https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { type Lane, openLane } from './lane.ts';
import { openTunnel, type Proxies, proxyHeaders, type WireTls } from './proxy.ts';
import { stalled, type WireRequest, type WireResponse, type WireStream } from './request.ts';
import { sendBody } from './send-body.ts';
import { collect, streamBody } from './take-body.ts';

/** One kept set of connections. Both verbs reject with the error of the socket, or of what the body threw. */
export interface Wire {
  /** Answers whole responses. */
  send(request: WireRequest, signal: AbortSignal): Promise<WireResponse>;
  /** Answers when the headers are there. */
  open(request: WireRequest, signal: AbortSignal): Promise<WireStream>;
  close(): void;
}

export interface WireSettings {
  readonly secure: boolean;
  /** PEM of the authorities to trust in place of Node's. */
  readonly ca: string | undefined;
  readonly verifyTls: boolean;
  /** What we show the server of ourselves, PEM. */
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
  /** How many connections to one host; further requests wait. */
  readonly connections?: number;
  readonly connectMs: number;
  /** Without one byte in either direction for so long, a request is given up. */
  readonly stallMs: number;
}

export function openWire(settings: WireSettings, proxies: Proxies): Wire {
  const tls = settings.secure ? tlsOf(settings) : undefined;
  const agent = tls === undefined ? new http.Agent(agentOptions(settings)) : openTlsAgent(settings, tls, proxies);
  const request = settings.secure ? https.request : http.request;
  const targets = new Map<string, Target>();
  const lanes = new Map<string, Lane>();
  const targetOf = (host: string): Target => {
    const target = targets.get(host) ?? resolveTarget(host, settings.secure, proxies);
    targets.set(host, target);
    return target;
  };
  /** None through a proxy: the long way knows how to speak to it. */
  const laneOf = (wanted: WireRequest, { host, port, plainProxy }: Target): Lane | undefined => {
    if (plainProxy !== undefined || proxies(settings.secure, wanted.host) !== undefined) return undefined;
    let lane = lanes.get(wanted.host);
    if (lane === undefined) {
      const secured = tls && { ...tls, ...nameOf(host) };
      const { connectMs, stallMs } = settings;
      lane = openLane({ host, port: Number(port), tls: secured, connectMs, stallMs });
      lanes.set(wanted.host, lane);
    }
    return lane;
  };
  const begin = (wanted: WireRequest): http.ClientRequest => {
    const { host, port, plainProxy } = targetOf(wanted.host);
    return request({
      host,
      port,
      agent,
      method: wanted.method,
      // RFC 9112 3.2.2: a proxy is asked with the whole URL.
      path: plainProxy === undefined ? wanted.path : `http://${wanted.host}${wanted.path}`,
      headers: plainProxy === undefined ? wanted.headers : [...wanted.headers, ...proxyHeaders(plainProxy)],
    });
  };
  return {
    async send(wanted, signal) {
      const { into } = wanted;
      if (into !== undefined) {
        const headers = await laneOf(wanted, targetOf(wanted.host))?.fill(wanted, into, signal);
        if (headers !== undefined) return { status: 206, headers, chunks: [into], length: into.length };
      }
      const outgoing = begin(wanted);
      return exchange(outgoing, wanted, settings, signal, (response) =>
        collect(response, wanted, outgoing, settings.stallMs),
      );
    },
    open(wanted, signal) {
      const outgoing = begin(wanted);
      return exchange(outgoing, wanted, settings, signal, (response) =>
        streamBody(response, outgoing, settings.stallMs, signal),
      );
    },
    close() {
      for (const lane of lanes.values()) lane.close();
      agent.destroy();
    },
  };
}

const agentOptions = (settings: WireSettings): http.AgentOptions => ({
  keepAlive: true,
  maxSockets: settings.connections ?? 256,
  timeout: settings.stallMs,
});

interface Target {
  readonly host: string;
  readonly port: number | string;
  /** Where the request goes instead, when there is no TLS to tunnel. */
  readonly plainProxy: URL | undefined;
}

function resolveTarget(host: string, secure: boolean, proxies: Proxies): Target {
  const proxy = secure ? undefined : proxies(false, host);
  if (proxy !== undefined) return { host: proxy.hostname, port: proxy.port || 80, plainProxy: proxy };
  const [, name = host, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return { host: name.replace(/^\[(.*)\]$/, '$1'), port: port ?? (secure ? 443 : 80), plainProxy: undefined };
}

type Connect = (
  options: { readonly host: string; readonly port: number },
  done: (error: Error | null, socket?: Duplex) => void,
) => Duplex | undefined;

/** RFC 6066, 3: an address is no server name; the certificate is compared with it all the same. */
const nameOf = (host: string): { host: string; servername: string } => ({
  host,
  servername: isIP(host) > 0 ? '' : host,
});

/** One context for all connections: reading a list of authorities takes longer than a request. */
function tlsOf({ ca, verifyTls, identity }: WireSettings): WireTls {
  const secureContext = createSecureContext({ ...(ca === undefined ? {} : { ca }), ...identity });
  return { secureContext, rejectUnauthorized: verifyTls };
}

function openTlsAgent(settings: WireSettings, tls: WireTls, proxies: Proxies): https.Agent {
  const agent = new https.Agent({ ...agentOptions(settings), ...tls });
  const direct = (agent as unknown as { createConnection: Connect }).createConnection.bind(agent);
  const createConnection: Connect = (options, done) => {
    // The default port is no part of the name by which a proxy is chosen.
    const proxy = proxies(true, options.port === 443 ? options.host : `${options.host}:${options.port}`);
    if (proxy === undefined) return direct(options, done);
    const authority = `${options.host}:${options.port}`;
    openTunnel({ proxy, authority, tls: { ...tls, ...nameOf(options.host) }, connectMs: settings.connectMs }).then(
      (socket) => done(null, socket.setTimeout(settings.stallMs)),
      (error: Error) => done(error),
    );
    return undefined;
  };
  return Object.assign(agent, { createConnection });
}

function exchange<Answer>(
  outgoing: http.ClientRequest,
  wanted: WireRequest,
  settings: WireSettings,
  signal: AbortSignal,
  take: (response: http.IncomingMessage) => Answer | Promise<Answer>,
): Promise<Answer> {
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
      const taken = (answer: Answer): void => {
        settle();
        resolve(answer);
        // An answer before the whole body has gone is a refusal: nobody reads the rest of it.
        if (!outgoing.writableEnded) outgoing.destroy();
      };
      const answer = take(response);
      // At once where it can be: what stands behind the answer to a HEAD may be an error of the connection.
      if (answer instanceof Promise) answer.then(taken, fail);
      else taken(answer);
    });
    sendBody(outgoing, wanted, settings.stallMs).catch((error: unknown) => {
      outgoing.destroy();
      fail(error);
    });
  });
}

function limitConnect(socket: Socket, settings: WireSettings, expire: () => void): void {
  const timer = setTimeout(expire, settings.connectMs);
  const done = (): void => clearTimeout(timer);
  socket.once(settings.secure ? 'secureConnect' : 'connect', done);
  socket.once('close', done);
}
