import type { Cache } from '../dvc/cache.ts';
import { HelperError } from '../model/error.ts';
import type { Operation, TransferOperation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
import type { Edge } from './plan.ts';
import type { Wanted } from './wanted.ts';

/**
 * Brings one object into the cache, from under its name or, on a cloud-versioned storage remote, from the first of its
 * sources that has it. Throws `missing` when there is none, `corrupt` when the bytes are not the object's.
 *
 * @returns bytes received
 */
export async function placeObject(
  wanted: Wanted,
  versioned: boolean,
  storage: Storage,
  cache: Cache,
  operation: TransferOperation,
): Promise<number> {
  const read = (key: string, version?: string) => (start: number) =>
    bounded(wanted, start, storage.read(key, { ...operation, version, start }));
  if (!versioned) return place(wanted, read(wanted.key), cache, operation);
  let fault = new HelperError('missing', `no version of object ${wanted.object.id} is recorded`);
  for (const { key, version } of wanted.sources ?? []) {
    try {
      return await place(wanted, read(key, version), cache, operation);
    } catch (error) {
      if (!(error instanceof HelperError) || (error.code !== 'missing' && error.code !== 'corrupt')) throw error;
      fault = error;
    }
  }
  throw fault;
}

/** Bytes that are not the object's own are fetched once more, all of them. */
async function place(
  { object }: Wanted,
  read: (start: number) => AsyncIterable<Uint8Array>,
  cache: Cache,
  operation: Operation,
): Promise<number> {
  try {
    return await cache.receive(object, read, operation);
  } catch (error) {
    if (!(error instanceof HelperError) || error.code !== 'corrupt') throw error;
    return await cache.write(object, read(0), operation);
  }
}

// Shared by all objects of an output, as the edges are.
const limits = new WeakMap<readonly Edge[], number>();

/**
 * Bytes that no object of these outputs has. What metafiles say of a size is no proof, and merged by hand may be old:
 * only what is far beyond it counts. Infinite where they say nothing.
 */
function limitOf(edges: readonly Edge[]): number {
  const known = limits.get(edges);
  if (known !== undefined) return known;
  const largest = edges.reduce((most, { size = Number.POSITIVE_INFINITY }) => Math.max(most, size), 0);
  const limit = 2 * largest + 64 * 2 ** 20;
  limits.set(edges, limit);
  return limit;
}

/** Throws `corrupt` where the bytes do not end: a hash proves nothing before the last of them, and a disk is finite. */
async function* bounded(
  { edges }: Wanted,
  start: number,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const limit = limitOf(edges);
  let at = start;
  for await (const chunk of bytes) {
    at += chunk.length;
    if (at > limit) throw new HelperError('corrupt', `more than ${limit} bytes, far more than its metafile tells of`);
    yield chunk;
  }
}

/** Which versions were looked for, for people. */
export function describeVersions({ sources = [] }: Wanted): string {
  const [first] = sources;
  if (first === undefined) return 'no version recorded';
  return `version ${first.version}${sources.length > 1 ? ` and ${sources.length - 1} more` : ''}`;
}
