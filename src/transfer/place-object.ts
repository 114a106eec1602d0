import type { Cache } from '../dvc/cache.ts';
import { HelperError } from '../model/error.ts';
import type { Operation, TransferOperation } from '../model/operation.ts';
import type { Storage } from '../storage/remote.ts';
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
  if (!versioned) return place(wanted, (start) => storage.read(wanted.key, { ...operation, start }), cache, operation);
  let fault = new HelperError('missing', `no version of object ${wanted.object.id} is recorded`);
  for (const { key, version } of wanted.sources ?? []) {
    try {
      return await place(wanted, (start) => storage.read(key, { ...operation, version, start }), cache, operation);
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

/** Which versions were looked for, for people. */
export function describeVersions({ sources = [] }: Wanted): string {
  const [first] = sources;
  if (first === undefined) return 'no version recorded';
  return `version ${first.version}${sources.length > 1 ? ` and ${sources.length - 1} more` : ''}`;
}
