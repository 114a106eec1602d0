// Asks the double in plain HTTP, for its own tests.
import { connect } from 'node:net';
import type { Drive } from '../../kit/google-drive/drive.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as JSON; undefined when it is something else. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer may have any shape, and tests look into it
  readonly json: any;
  readonly text: string;
}

export interface Question {
  /** A bearer token; ada's when left out, none when null. */
  readonly token?: string | null;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | Uint8Array;
}

/** `GET /drive/v3/files` and the like. Redirects are not followed. */
export async function ask(drive: Drive, request: string, question: Question = {}): Promise<Answer> {
  const [method = '', path = ''] = request.split(' ');
  const { query = {}, headers = {}, body } = question;
  const token = question.token === undefined ? drive.accessToken() : question.token;
  const url = new URL(path, drive.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const isJson = typeof body === 'object' && !(body instanceof Uint8Array);
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(isJson ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : Buffer.from(body as string) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const parses = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, text, json: parses ? JSON.parse(text) : undefined };
}

/** The reason in an error of Google's shape, with the status. */
export function reasonOf({ status, json }: Answer): string {
  return `${status} ${json?.error?.errors?.[0]?.reason ?? json?.error}`;
}

/** Begins a request with `length` bytes of body and breaks off after those that are given. */
export function breakOff(
  drive: Drive,
  location: string,
  headers: Readonly<Record<string, string>>,
  bytes: Buffer,
): Promise<void> {
  const { pathname, search } = new URL(location);
  const head = Object.entries({ host: `127.0.0.1:${drive.port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return new Promise<void>((resolve) => {
    const socket = connect(drive.port, '127.0.0.1');
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    socket.write(bytes, () => setTimeout(() => socket.destroy(), 50));
  });
}
