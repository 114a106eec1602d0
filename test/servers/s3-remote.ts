import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { trusting } from '../kit/trusting.ts';
import { admin, bucket } from '../kit/weed.ts';

/** Nothing of the user's, and waits short enough for a test. */
export const alone: OpenContext = {
  env: { AWS_EC2_METADATA_DISABLED: 'true' },
  home: '/nonexistent',
  judge: trusting,
  retry: { shortestMs: 1, firstMs: 2, longestMs: 10 },
};

export const adminKeys: Readonly<Record<string, string>> = { access_key_id: admin.id, secret_access_key: admin.secret };

let serial = 0;
/** A prefix of its own for each test. */
export const freshUrl = (): string => `s3://${bucket}/test${process.pid}-${serial++}`;

export function openS3(
  endpointurl: string | undefined,
  options: Readonly<Record<string, string>> = adminKeys,
  context: Partial<OpenContext> & { readonly url?: string } = {},
): Promise<Storage> {
  const { url = freshUrl(), ...rest } = context;
  const endpoint = endpointurl === undefined ? {} : { endpointurl };
  return openStorage(
    { name: 'store', scheme: 's3', url, options: { ...endpoint, ...options }, committed: new Set() },
    { ...alone, ...rest, env: { ...alone.env, ...rest.env } },
  );
}
