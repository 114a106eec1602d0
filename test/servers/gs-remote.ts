import { openStorage } from '../../src/storage/open.ts';
import type { Storage, StorageContext } from '../../src/storage/remote.ts';
import { bucket } from '../kit/fake-gcs.ts';

/** Nothing of the user's, and waits short enough for a test. */
export const alone: StorageContext = {
  env: { NO_GCE_CHECK: 'true' },
  home: '/nonexistent',
  retry: { shortestMs: 1, firstMs: 2, longestMs: 10 },
};

export const anonymous: Readonly<Record<string, string>> = { allow_anonymous_login: 'true' };

let serial = 0;
/** A prefix of its own for each test. */
export const freshUrl = (): string => `gs://${bucket}/test${process.pid}-${serial++}`;

export function openGs(
  endpointurl: string | undefined,
  options: Readonly<Record<string, string>> = anonymous,
  context: Partial<StorageContext> & { readonly url?: string } = {},
): Promise<Storage> {
  const { url = freshUrl(), ...rest } = context;
  const endpoint = endpointurl === undefined ? {} : { endpointurl };
  return openStorage(
    { name: 'store', scheme: 'gs', url, options: { ...endpoint, ...options }, committed: new Set() },
    { ...alone, ...rest, env: { ...alone.env, ...rest.env } },
  );
}
