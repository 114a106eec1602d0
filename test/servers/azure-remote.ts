import { openStorage } from '../../src/storage/open.ts';
import type { Storage, StorageContext } from '../../src/storage/remote.ts';
import { connectionString, container } from '../kit/azurite.ts';

/** Nothing of the user's, and waits short enough for a test. */
export const alone: StorageContext = {
  env: {},
  home: '/nonexistent',
  retry: { shortestMs: 1, firstMs: 2, longestMs: 10 },
};

let serial = 0;
/** A prefix of its own for each test. */
export const freshUrl = (): string => `azure://${container}/test${process.pid}-${serial++}`;

type Extras = Partial<StorageContext> & { readonly url?: string };

/** With the account's key, at an endpoint such as `http://127.0.0.1:port/account`. */
export const openAzure = (endpoint: string, context: Extras = {}): Promise<Storage> =>
  openAzureBy({ connection_string: connectionString(endpoint) }, context);

export function openAzureBy(options: Readonly<Record<string, string>>, context: Extras = {}): Promise<Storage> {
  const { url = freshUrl(), ...rest } = context;
  return openStorage({ name: 'store', scheme: 'azure', url, options, committed: new Set() }, { ...alone, ...rest });
}
