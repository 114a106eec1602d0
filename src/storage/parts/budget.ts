/** A bound on memory that several transfers share. */
export interface Budget {
  /**
   * Waits, first come first served, until `bytes` are free; answers how to give them back (once; more is harmless).
   * More than the whole budget counts as the whole. Rejects with the reason of an abort.
   */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
}

export function openBudget(totalBytes: number): Budget {
  let free = totalBytes;
  const waiting: { readonly bytes: number; readonly start: () => void }[] = [];
  const serve = (): void => {
    for (let [next] = waiting; next !== undefined && next.bytes <= free; [next] = waiting) {
      waiting.shift();
      free -= next.bytes;
      next.start();
    }
  };
  return {
    async take(wish, signal) {
      signal.throwIfAborted();
      const bytes = Math.min(wish, totalBytes);
      if (waiting.length === 0 && bytes <= free) free -= bytes;
      else {
        await new Promise<void>((resolve, reject) => {
          const leave = (): void => {
            waiting.splice(waiting.indexOf(entry), 1);
            reject(signal.reason);
            serve();
          };
          const start = (): void => {
            signal.removeEventListener('abort', leave);
            resolve();
          };
          const entry = { bytes, start };
          waiting.push(entry);
          signal.addEventListener('abort', leave, { once: true });
        });
      }
      let held = bytes;
      return () => {
        free += held;
        held = 0;
        serve();
      };
    },
  };
}
