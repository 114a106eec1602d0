import type { IncomingHttpHeaders } from 'node:http';

export interface WireRequest {
  readonly method: string;
  /** `host` or `host:port`. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /**
   * Bytes at hand, or bytes that come: then `content-length` is among the headers, and what the iteration throws is
   * the cause of a BodyError, the last chunk not sent.
   */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Asked before a body of some size is taken into memory; nothing is read from the connection until it answers. */
  readonly admit?: ((bytes: number) => Promise<void>) | undefined;
  /**
   * Filled by the body of an answer 206 of exactly its length, which is then the one chunk of the response. Any other
   * body comes as it would without.
   */
  readonly into?: Buffer | undefined;
  /** Told of bytes of the request's body as the system takes them, and of the answer's as they come. */
  readonly moved?: ((bytes: number) => void) | undefined;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The whole body. */
  readonly chunks: readonly Buffer[];
  /** Bytes in `chunks`. */
  readonly length: number;
}

export function textOf(response: WireResponse): string {
  return Buffer.concat(response.chunks).toString('utf8');
}

/** An answer whose body is read as it comes. */
export interface WireStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read once, to the end or left early; both free the connection. Throws when the connection breaks. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops the body unread. */
  discard(): void;
}

/** The request's body could not be read to its end; `cause` says why. */
export class BodyError extends Error {}

/** `code` of the error that says: for too long no byte moved, or there was no connection. */
export const stalled = 'DVCEXP_STALLED';
