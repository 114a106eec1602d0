/** Every wait can be stopped: each asynchronous boundary takes this last. */
export interface Operation {
  readonly signal: AbortSignal;
}

/**
 * Bytes that can be read again from the start, so that a retry can rewind. Whoever iterates may stop early; the
 * iterator then closes what it opened. An iteration that throws means: these bytes must not be published.
 */
export interface Content {
  /** Bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}
