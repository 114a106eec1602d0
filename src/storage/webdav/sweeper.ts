import { openClient } from '../http/client.ts';
import { guardLogin, readHttpSettings } from '../http/settings.ts';
import type { OpenSweeper } from '../sweeper.ts';

/** A folder on a WebDAV server (RFC 4918, 9.6). */
export const openWebdavSweeper: OpenSweeper = async (config, context) => {
  const settings = await guardLogin(readHttpSettings(config, context), context.guard);
  const client = openClient(settings, context);
  const action = `cannot remove from '${settings.displayUrl}'`;
  return {
    concurrency: settings.connections,
    async remove(key, { signal }) {
      await client.ask({ action, method: 'DELETE', key, expects: [404, 410] }, signal);
    },
    async close() {
      client.close();
    },
  };
};
