// A server that writes down all that reaches it, for proving what left the machine.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorder {
  readonly url: string;
  readonly host: string;
  /** Of every request: line, headers and body, as one text. */
  readonly seen: string[];
  /** What it answers; 404 unless told. */
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
  /** Requests that carried something to prove who we are. */
  secrets(): readonly string[];
  close(): Promise<void>;
}

const secret =
  /^(?:authorization|proxy-authorization|cookie|x-amz-[a-z-]*|x-goog-[a-z-]*|x-key|private-token):|[?&]sig=/im;

export async function openRecorder(address = '127.0.0.1'): Promise<Recorder> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const headers: string[] = [];
      for (let at = 0; at < request.rawHeaders.length; at += 2)
        headers.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
      seen.push([`${request.method} ${request.url}`, ...headers, '', body.toString('latin1')].join('\n'));
      recorder.answer(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const host = `${address}:${(server.address() as AddressInfo).port}`;
  const recorder: Recorder = {
    url: `http://${host}`,
    host,
    seen,
    answer: (_request, response) => void response.writeHead(404).end(),
    secrets: () => seen.filter((text) => secret.test(text)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return recorder;
}
