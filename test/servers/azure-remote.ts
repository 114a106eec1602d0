import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { type Azurite, connectionString, container, startAzurite } from '../kit/azurite.ts';
import { type Entra, startEntra } from '../kit/entra.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { trusting } from '../kit/trusting.ts';

/** Nothing of the user's, and waits short enough for a test. */
export const alone: OpenContext = {
  env: {},
  home: '/nonexistent',
  judge: trusting,
  retry: { shortestMs: 1, firstMs: 2, longestMs: 10 },
};

let serial = 0;
/** A prefix of its own for each test. */
export const freshUrl = (): string => `azure://${container}/test${process.pid}-${serial++}`;

type Extras = Partial<OpenContext> & { readonly url?: string };

/** With the account's key, at an endpoint such as `http://127.0.0.1:port/account`. */
export const openAzure = (endpoint: string, context: Extras = {}): Promise<Storage> =>
  openAzureBy({ connection_string: connectionString(endpoint) }, context);

export function openAzureBy(options: Readonly<Record<string, string>>, context: Extras = {}): Promise<Storage> {
  const { url = freshUrl(), ...rest } = context;
  return openStorage({ name: 'store', scheme: 'azure', url, options, committed: new Set() }, { ...alone, ...rest });
}

export async function using(opening: Promise<Storage>, work: (storage: Storage) => Promise<void>): Promise<void> {
  const storage = await opening;
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

/** Microsoft's hosts, all of them on this machine. */
export interface Microsoft {
  readonly azurite: Azurite;
  readonly entra: Entra;
  /** A forward proxy that leads to the emulator whatever is asked for. */
  readonly proxy: FaultProxy;
  /** PEM file of the authority that vouches for all of them. */
  readonly caFile: string;
  close(): Promise<void>;
}

export async function startMicrosoft(): Promise<Microsoft> {
  const azurite = await startAzurite({ tls: true });
  const { certificate } = azurite;
  if (certificate === undefined) throw new Error('Azurite came up without TLS');
  const [entra, proxy] = await Promise.all([startEntra(certificate), openFaultProxy(azurite)]);
  return {
    azurite,
    entra,
    proxy,
    caFile: certificate.ca,
    async close() {
      await Promise.all([proxy.close(), entra.close()]);
      await azurite.close();
    },
  };
}
