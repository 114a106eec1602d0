import type { WireRequest } from '../wire/request.ts';

export interface Call {
  /**
   * What cannot be done, for messages: `cannot write to 'https://host/path'`. The object's name comes behind the reason,
   * if at all: in front of it, it would push the reason out of sight.
   */
  readonly action: string;
  readonly method: string;
  /** Below the storage remote's URL, `/` between its parts, not encoded; '' is the URL itself. A slash at its end stays. */
  readonly key: string;
  /** In place of the key's path: one that is not below the URL. Encoded. */
  readonly path?: string;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  /** Asked for anew for every try. */
  readonly body?: { readonly size: number; open(): Uint8Array | AsyncIterable<Uint8Array> };
  /** Statuses beside 2xx that the caller reads himself. */
  readonly expects?: readonly number[];
  readonly moved?: WireRequest['moved'];
}
