import type { OpenSweeper } from '../sweeper.ts';
import { failure, status, statusOf } from './failure.ts';
import { openLinks } from './links.ts';
import { readSshSettings } from './settings.ts';

/** A directory of an ssh server, over SFTP. */
export const openSshSweeper: OpenSweeper = async (config, context) => {
  const settings = readSshSettings(config);
  const links = openLinks(settings, context);
  return {
    concurrency: 64,
    async remove(key, { signal }) {
      const task = (await links.current(signal)).begin(signal);
      try {
        await task.request((sftp, done) => sftp.unlink(`${settings.path}/${key}`, done));
      } catch (error) {
        if (statusOf(error) === status.noSuchFile) return;
        throw failure(error, (reason) => `cannot remove from '${settings.displayUrl}': ${reason} ('${key}')`);
      } finally {
        task.end();
      }
    },
    close: () => links.close(),
  };
};
