import { HelperError } from '../../src/model/error.ts';
import type { Storage } from '../../src/storage/remote.ts';

export interface MemoryStorage extends Storage {
  readonly objects: Map<string, Uint8Array>;
  readonly calls: string[];
}

/**
 * A storage remote in memory that writes down what it is asked; version `v` of `k` is under `k@v`. Judged by the
 * conformance suite like every backend.
 */
export function openMemoryStorage(objects: Map<string, Uint8Array> = new Map()): MemoryStorage {
  const calls: string[] = [];
  return {
    displayUrl: 'memory://storage',
    concurrency: 8,
    canList: true,
    objects,
    calls,
    async stat(key, operation) {
      operation.signal.throwIfAborted();
      calls.push(`stat ${key}`);
      const bytes = objects.get(key);
      return bytes === undefined ? undefined : { key, size: bytes.length };
    },
    async *list(prefix, operation) {
      calls.push(`list ${prefix}`);
      for (const [key, bytes] of objects) {
        operation.signal.throwIfAborted();
        if (key.startsWith(prefix)) yield { key, size: bytes.length };
      }
    },
    async *read(key, operation) {
      operation.signal.throwIfAborted();
      const name = operation.version === undefined ? key : `${key}@${operation.version}`;
      calls.push(`read ${name}`);
      const bytes = objects.get(name);
      if (bytes === undefined) throw new HelperError('missing', `'${key}' is not in memory://storage`);
      const rest = bytes.subarray(operation.start ?? 0);
      operation.moved?.(rest.length);
      if (rest.length > 0) yield rest;
    },
    async write(key, content, operation) {
      calls.push(`write ${key}`);
      const chunks: Uint8Array[] = [];
      for await (const chunk of content.open()) {
        operation.signal.throwIfAborted();
        chunks.push(chunk);
        operation.moved?.(chunk.length);
      }
      objects.set(key, Buffer.concat(chunks));
    },
    async close() {},
  };
}
