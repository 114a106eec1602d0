import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { WireTls } from './proxy.ts';
import { stalled, type WireRequest } from './request.ts';

/**
 * Connections for long bodies of a known length. They flow from the system straight into the buffer that waits for
 * them; Node's own HTTP client takes three times the CPU time, in pieces of 64 KiB that are copied twice.
 */
export interface Lane {
  /**
   * Sends a request without a body. Answers the headers (names in small letters) once a 206 with HTTP/1.1 framing has
   * filled `into`. Undefined for every other answer, and where the connection could not be made or broke: whoever asked
   * then asks again in the usual way, which knows how to read it.
   */
  fill(request: WireRequest, into: Buffer, signal: AbortSignal): Promise<Headers | undefined>;
  close(): void;
}

export interface LaneOptions {
  readonly host: string;
  readonly port: number;
  /** Options of node:tls; undefined: no TLS. */
  readonly tls: (WireTls & { readonly servername: string }) | undefined;
  readonly connectMs: number;
  readonly stallMs: number;
}

type Headers = Readonly<Record<string, string>>;

interface Exchange {
  readonly into: Buffer;
  /** The beginning of the answer, as long as its headers are not complete. */
  head: Buffer;
  headers: Headers | undefined;
  filled: number;
  readonly moved: ((bytes: number) => void) | undefined;
  readonly settle: (headers: Headers | undefined) => void;
  readonly fail: (error: unknown) => void;
}

interface Connection {
  readonly socket: Socket;
  exchange: Exchange | undefined;
}

/** Bytes that the headers of an answer may have. */
const mostHead = 16 * 1024;
const nothing = Buffer.alloc(0);

export function openLane(options: LaneOptions): Lane {
  const connections = new Set<Connection>();
  const idle: Connection[] = [];

  const openConnection = (): Connection => {
    const connection: Connection = { socket: openSocket(options, () => connection), exchange: undefined };
    const { socket } = connection;
    connections.add(connection);
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => socket.setTimeout(options.stallMs));
    socket.on('timeout', () => {
      const error = new Error(`no byte moved for ${options.stallMs / 1000} s`);
      if (!socket.connecting) connection.exchange?.fail(Object.assign(error, { code: stalled }));
      socket.destroy();
    });
    // Told by the close that follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connections.delete(connection);
      if (idle.includes(connection)) idle.splice(idle.indexOf(connection), 1);
      connection.exchange?.settle(undefined);
    });
    return connection;
  };

  return {
    async fill(request, into, signal) {
      signal.throwIfAborted();
      const connection = idle.pop() ?? openConnection();
      return new Promise((resolve, reject) => {
        const end = (): void => {
          signal.removeEventListener('abort', stop);
          connection.exchange = undefined;
        };
        const settle = (headers: Headers | undefined): void => {
          end();
          if (headers?.connection === 'close') connection.socket.destroy();
          else if (headers !== undefined) idle.push(connection);
          resolve(headers);
        };
        const fail = (error: unknown): void => {
          end();
          reject(error);
        };
        const stop = (): void => {
          fail(signal.reason);
          connection.socket.destroy();
        };
        signal.addEventListener('abort', stop, { once: true });
        connection.exchange = {
          into,
          head: nothing,
          headers: undefined,
          filled: 0,
          moved: request.moved,
          settle,
          fail,
        };
        connection.socket.write(formatRequest(request), 'latin1');
      });
    },
    close() {
      for (const { socket } of connections) socket.destroy();
    },
  };
}

/** One that reads into the buffer of the exchange under way, and before and between exchanges into one of its own. */
function openSocket({ host, port, tls, connectMs }: LaneOptions, connectionOf: () => Connection): Socket {
  const own = Buffer.allocUnsafeSlow(mostHead);
  let exchange: Exchange | undefined;
  const onread = {
    buffer: (): Buffer => (exchange?.headers === undefined ? own : exchange.into.subarray(exchange.filled)),
    callback: (count: number, bytes: Uint8Array): boolean => {
      const connection = connectionOf();
      exchange = connection.exchange;
      if (exchange === undefined || !advance(exchange, bytes.subarray(0, count))) connection.socket.destroy();
      else if (exchange.headers !== undefined && exchange.filled === exchange.into.length) {
        exchange.settle(exchange.headers);
        exchange = undefined;
      }
      return true;
    },
  };
  // A name, since its type leaves out what the documentation of tls.connect has.
  const secured = { host, port, onread, ...tls };
  const socket = tls === undefined ? connect({ host, port, onread }) : connectTls(secured);
  return socket.setNoDelay(true).setTimeout(connectMs);
}

function formatRequest({ method, path, headers }: WireRequest): string {
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}

/** Takes what came. False when it is not the answer that fills the buffer. */
function advance(exchange: Exchange, bytes: Uint8Array): boolean {
  if (exchange.headers !== undefined) {
    exchange.filled += bytes.length;
    exchange.moved?.(bytes.length);
    return true;
  }
  const head = Buffer.concat([exchange.head, bytes]);
  const end = head.indexOf('\r\n\r\n');
  if (end < 0) {
    exchange.head = head;
    return head.length < mostHead;
  }
  const [status = '', ...lines] = head.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map(parseLine));
  const body = head.subarray(end + 4);
  const { into } = exchange;
  if (!/^HTTP\/1\.1 206(?: |$)/.test(status) || headers['transfer-encoding'] !== undefined) return false;
  if (headers['content-length'] !== String(into.length) || body.length > into.length) return false;
  into.set(body);
  exchange.filled = body.length;
  exchange.headers = headers;
  exchange.moved?.(body.length);
  return true;
}

/** Repeated headers count with the last of them: none that matters here may be repeated (RFC 9110, 5.3). */
function parseLine(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
