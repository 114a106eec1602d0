// One request and its answer, spoiled on the way when a fault says so.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rule } from '../fault-proxy.ts';
import { type DriveError, errorBody } from './failure.ts';

/** As of the fault proxy; a status or a reason is answered in Google's shape unless `body` says otherwise. */
export interface Fault extends Rule {
  /** One of Google's reasons, such as `userRateLimitExceeded`; it brings its usual status. */
  readonly reason?: string;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What X-HTTP-Method-Override says, else the method. */
  readonly method: string;
  readonly url: URL;
  /** Google's host, through the proxy; undefined when the double was asked by its own address. */
  readonly host: string | undefined;
  /** Of the URL, or of the body when a long GET is sent as POST. */
  readonly params: URLSearchParams;
  readonly fault: Fault | undefined;
  /** What the log and the counters call it, such as `files.list`. */
  operation: string;
}

type Headers = Readonly<Record<string, string | number>>;

/** The connection broke before the body was there. */
export class CutError extends Error {}

/** The request's body. It ends with an error where the client, or a fault, cuts the connection. */
export async function* bodyOf({ request, fault }: Pick<Exchange, 'request' | 'fault'>): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    const cut = fault?.dropRequestAfter;
    if (cut !== undefined && at + chunk.length >= cut) {
      yield chunk.subarray(0, cut - at);
      request.socket.destroy();
      throw new CutError('by a fault');
    }
    at += chunk.length;
    yield chunk;
  }
  if (!request.complete) throw new CutError('by the client');
}

export async function textOf(exchange: Pick<Exchange, 'request' | 'fault'>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyOf(exchange)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export async function sendJson(
  exchange: Exchange,
  status: number,
  value: object,
  headers: Headers = {},
): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
  const type = { 'content-type': 'application/json; charset=UTF-8', 'cache-control': 'no-cache, no-store' };
  await send(exchange, status, { ...type, 'content-length': text.length, ...headers }, [text]);
}

export async function sendError(exchange: Exchange, error: DriveError): Promise<void> {
  const challenge = `Bearer realm="https://accounts.google.com/", error="invalid_token"`;
  await sendJson(exchange, error.status, errorBody(error), {
    ...(error.status === 401 ? { 'www-authenticate': challenge } : {}),
    ...exchange.fault?.headers,
  });
}

/** Sends an answer. What is left of the request's body is read and dropped, so that the connection can be used again. */
export async function send(
  { request, response, fault = none }: Exchange,
  status: number,
  headers: Headers,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  request.resume();
  const length = fault.truncateTo === undefined ? {} : { 'content-length': fault.truncateTo };
  response.writeHead(status, { ...headers, ...length });
  if (request.method === 'HEAD') return void response.end();
  const most = Math.min(
    fault.dropResponseAfter ?? Number.POSITIVE_INFINITY,
    fault.stallResponseAfter ?? Number.POSITIVE_INFINITY,
    fault.truncateTo ?? Number.POSITIVE_INFINITY,
  );
  let at = 0;
  for await (const chunk of body) {
    const part = Buffer.from(chunk.subarray(0, Math.max(0, most - at)));
    const wrong = (fault.corruptAt ?? -1) - at;
    if (wrong >= 0 && wrong < part.length) part[wrong] = 0xff ^ (part[wrong] ?? 0);
    at += part.length;
    if (response.destroyed) return;
    if (part.length > 0 && !response.write(part)) await drained(response);
    if (at >= most) break;
  }
  if (fault.dropResponseAfter !== undefined && at >= fault.dropResponseAfter) {
    // What was written should arrive first.
    await sleep(20);
    response.destroy();
  } else if (fault.stallResponseAfter === undefined) {
    response.end();
  }
}

const none: Fault = { match: /(?:)/ };

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
