import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { type Azurite, container, startAzurite } from '../kit/azurite.ts';
import { freshUrl, openAzure } from './azure-remote.ts';

let azurite: Azurite;
before(
  async () => {
    azurite = await startAzurite();
  },
  { timeout: 90_000 },
);
after(() => azurite?.close());

let base = '';
testStorage('Azure on Azurite', {
  open(prefix = 'store') {
    const url = `${freshUrl()}/${prefix}`;
    base = url.slice(`azure://${container}/`.length);
    return openAzure(azurite.endpoint, { url });
  },
  // Blocks that were never committed stay: nobody sees them, the service drops them after a week, and no request does.
  async leftovers() {
    const query = `restype=container&comp=list&prefix=${encodeURIComponent(`${base}/`)}`;
    const { text } = await azurite.request('GET', `/${container}?${query}`);
    return [...text.matchAll(/<Name>([^<]*)/g)].map((found) => found[1] ?? '');
  },
  bigBytes: 9 << 20,
});
