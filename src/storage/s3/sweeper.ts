import type { SecretUse } from '../remote.ts';
import type { OpenSweeper } from '../sweeper.ts';
import { openClient } from './client.ts';
import { readS3Settings } from './settings.ts';

const ownKey: SecretUse = { from: 'options', shows: 'secret' };

/** One request for each object (DeleteObject): every service that speaks S3 has it. In a bucket with versions it leaves a mark. */
export const openS3Sweeper: OpenSweeper = async (config, context) => {
  const settings = readS3Settings(config, context);
  const refusal = settings.objectHeaders.length > 0 ? await context.guard.admit(ownKey) : undefined;
  if (refusal !== undefined) throw refusal;
  const client = openClient(settings, context);
  const action = `cannot remove from '${settings.displayUrl}'`;
  return {
    concurrency: settings.concurrency,
    async remove(key, { signal }) {
      await client.request({ action, method: 'DELETE', key, expects: [404] }, signal);
    },
    async close() {
      client.close();
    },
  };
};
