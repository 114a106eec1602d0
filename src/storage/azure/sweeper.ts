import type { OpenSweeper } from '../sweeper.ts';
import { openClient } from './client.ts';
import { absent } from './failure.ts';
import { readAzureSettings } from './settings.ts';

/** One request for each blob (Delete Blob). What the account keeps of it (versions, soft delete) is the account's. */
export const openAzureSweeper: OpenSweeper = async (config, context) => {
  const settings = readAzureSettings(config, context);
  const client = openClient(settings, context);
  const action = `cannot remove from '${settings.displayUrl}'`;
  return {
    concurrency: settings.concurrency,
    async remove(key, { signal }) {
      await client.request({ action, method: 'DELETE', key, expects: [absent] }, signal);
    },
    async close() {
      client.close();
    },
  };
};
