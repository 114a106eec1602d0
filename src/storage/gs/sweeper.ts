import type { OpenSweeper } from '../sweeper.ts';
import { openClient } from './client.ts';
import { objectPath } from './object.ts';
import { readGsSettings } from './settings.ts';

/** One request for each object ("Objects: delete"). What the bucket keeps of it (versions, soft delete) is the bucket's. */
export const openGsSweeper: OpenSweeper = async (config, context) => {
  const settings = readGsSettings(config, context);
  const { bucket, prefix, displayUrl } = settings;
  const client = openClient(settings, config, context);
  const action = `cannot remove from '${displayUrl}'`;
  return {
    concurrency: 64,
    async remove(key, { signal }) {
      const path = objectPath(bucket, prefix + key);
      await client.request({ action, method: 'DELETE', path, key, expects: [404] }, signal);
    },
    async close() {
      client.close();
    },
  };
};
