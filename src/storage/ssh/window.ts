/** Bytes asked for, or sent, and not answered yet: a bound on memory that all transfers of a storage remote share. */
export interface Window {
  /** False where that many more are too many. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function openWindow(totalBytes: number): Window {
  let free = totalBytes;
  return {
    take(bytes) {
      if (bytes > free) return false;
      free -= bytes;
      return true;
    },
    give(bytes) {
      free += bytes;
    },
  };
}
