/** Content, taken piece by piece. */
export interface Reader {
  /** The next bytes, at most so many; asked for all that is left, it goes on to the end, where content proves itself. */
  take(bytes: number): AsyncIterable<Uint8Array>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** @param size bytes of all the chunks together */
export function openReader(chunks: AsyncIterable<Uint8Array>, size: number): Reader {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let at = 0;
  return {
    async *take(bytes) {
      for (const end = Math.min(size, at + bytes); at < end; ) {
        if (rest.length === 0) {
          const next = await iterator.next();
          if (next.done === true) return;
          rest = next.value;
        }
        const piece = rest.subarray(0, end - at);
        rest = rest.subarray(piece.length);
        at += piece.length;
        yield piece;
      }
      if (at === size) await iterator.next();
    },
    close: async () => void (await iterator.return?.()),
  };
}
