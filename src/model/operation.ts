/** Every wait can be stopped: each asynchronous boundary takes this last. */
export interface Operation {
  readonly signal: AbortSignal;
}

/** An operation that moves content, and tells how far it is. */
export interface TransferOperation extends Operation {
  /** Told of bytes of content as they leave or arrive; those of a try that failed are among them. */
  readonly moved?: ((bytes: number) => void) | undefined;
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
