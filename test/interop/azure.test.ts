import { createHash } from 'node:crypto';
import { after, before } from 'node:test';
import { type Azurite, connectionString, container, startAzurite } from '../kit/azurite.ts';
import { testMeeting } from '../kit/meeting.ts';

const prefix = 'teams/ours/store/';
let azurite: Azurite;
before(
  async () => {
    azurite = await startAzurite();
  },
  { timeout: 90_000 },
);
after(() => azurite?.close());

testMeeting('Azure on Azurite', async () => ({
  url: `azure://${container}/${prefix.slice(0, -1)}`,
  options: { connection_string: connectionString(azurite.endpoint) },
  directory: async () => {
    const { text } = await azurite.request('GET', `/${container}?restype=container&comp=list&prefix=${prefix}`);
    const names = [...text.matchAll(/<Name>([^<]*)/g)].map(([, name = '']) => name);
    const hashes = await Promise.all(
      names.map(async (name): Promise<[string, string]> => {
        const { bytes } = await azurite.request('GET', `/${container}/${name}`);
        return [name.slice(prefix.length), createHash('md5').update(bytes).digest('hex')];
      }),
    );
    return new Map(hashes.sort());
  },
  // More than both put into one request.
  fileBytes: 70_000_000,
}));
