import type { OpenSweeper } from '../sweeper.ts';
import { openDrive } from './drive.ts';

/** Google Drive: into the trash, where people find it for thirty days. Every file of the name goes, in all folders of a name. */
export const openDriveSweeper: OpenSweeper = async (config, context) => {
  const { settings, client, files, lookup } = await openDrive(config, context);
  return {
    concurrency: settings.connections,
    async remove(key, { signal }) {
      const about = { action: `cannot remove from '${settings.displayUrl}'`, key };
      for (const { id } of await lookup.find(about, key, signal)) await files.trash(about, id, signal);
    },
    async close() {
      client.close();
    },
  };
};
