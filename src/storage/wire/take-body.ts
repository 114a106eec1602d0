import type { ClientRequest, IncomingMessage } from 'node:http';
import type { WireRequest, WireResponse, WireStream } from './request.ts';

// A response up to this size needs no leave to be held in memory.
const smallBytes = 256 * 1024;
/** No answer that is taken whole is longer; a service that does not stop must not fill the memory. */
const mostBytes = 256 * 1024 * 1024;

/** The whole answer, in memory. */
export function collect(
  response: IncomingMessage,
  wanted: WireRequest,
  outgoing: ClientRequest,
  stallMs: number,
): WireResponse | Promise<WireResponse> {
  const { statusCode: status = 0, headers } = response;
  if (wanted.method === 'HEAD') {
    response.resume();
    return { status, headers, chunks: [], length: 0 };
  }
  const announced = Number(headers['content-length'] ?? 0);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // What a refusal says is no content.
    const moved = wanted.method === 'GET' && status < 300 ? wanted.moved : undefined;
    const flow = (): void => {
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > mostBytes) return void outgoing.destroy(new Error('the answer does not end'));
        moved?.(chunk.length);
      });
    };
    response.on('error', reject);
    response.on('end', () => resolve({ status, headers, chunks, length }));
    response.on('close', () => {
      // Making an error is dear, and this comes after every answer.
      if (!response.readableEnded) reject(new Error(cut));
    });
    if (wanted.admit === undefined || announced <= smallBytes) return flow();
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

const cut = 'the connection closed in the middle of the answer';

/** The answer's headers, and its body as it is asked for. */
export function streamBody(
  response: IncomingMessage,
  outgoing: ClientRequest,
  stallMs: number,
  signal: AbortSignal,
): WireStream {
  const stop = (): void => void response.destroy();
  signal.addEventListener('abort', stop, { once: true });
  response.once('close', () => signal.removeEventListener('abort', stop));
  // A stall is told by the request; the answer then only says that it was cut.
  let failure: unknown;
  outgoing.once('error', (error) => {
    failure = error;
  });
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response) {
        // A reader who takes his time is no stall of the service.
        outgoing.setTimeout(0);
        yield chunk;
        signal.throwIfAborted();
        outgoing.setTimeout(stallMs);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failure ?? error;
    }
    signal.throwIfAborted();
    if (!response.complete) throw new Error(cut);
  }
  // Between the headers and the first question nobody listens to it.
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: body(),
    discard() {
      response.resume();
    },
  };
}
