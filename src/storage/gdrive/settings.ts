import { HelperError } from '../../model/error.ts';
import { createOrigin, type Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import type { LocateStorage, Surroundings } from '../remote.ts';
import { seconds } from '../wire/seconds.ts';
import { readTrust } from '../wire/trust.ts';
import type { WireSettings } from '../wire/wire.ts';

/** Everything that configuration and environment say about one storage remote on Google Drive, but for who we are. */
export interface DriveSettings extends WireSettings {
  /** Printable name of the storage remote. */
  readonly remote: string;
  readonly displayUrl: string;
  /** ID of a folder or of a shared drive, or one of Drive's names: `root` (My Drive) and `appDataFolder`. */
  readonly root: string;
  /** Names of the folders that lead from there to the base of the storage remote. */
  readonly base: readonly string[];
  readonly connections: number;
  /** Objects that Google flags as malware or spam are wanted all the same. */
  readonly acknowledgeAbuse: boolean;
}

export const apiHost = 'www.googleapis.com';

// Google's own documentation says no more of an ID than that it is opaque; all known ones are made of these.
const idPattern = /^[A-Za-z0-9_-]{1,255}$/;

/** Throws `config` for what cannot be. */
export function readDriveSettings(config: StorageConfig, context: Surroundings): DriveSettings {
  const { root, base } = parseDriveUrl(config);
  // Git's own wish, since DVC has no option for it: after so long without progress a transfer is given up.
  const patience = context.env.GIT_HTTP_LOW_SPEED_TIME || context.configuration?.('http.lowSpeedTime');
  return {
    remote: printable(config.name),
    displayUrl: displayUrl(config.url),
    root,
    base,
    acknowledgeAbuse: config.options.gdrive_acknowledge_abuse?.toLowerCase() === 'true',
    secure: true,
    ...readTrust(config, context),
    connections: 16,
    connectMs: 30_000,
    stallMs: seconds(patience, 60),
  };
}

/** Where tokens go, whatever the folder: Google's own API. Throws as `readDriveSettings` does for a URL that cannot be. */
export const locateDrive: LocateStorage = (config): Origin => {
  const namedBy = config.committed.has('url') ? 'repository' : 'user';
  const { root } = parseDriveUrl(config);
  // Everybody has these two of their own; an ID is the same folder for all.
  const namespace = root === 'root' || root === 'appDataFolder' ? undefined : '';
  return createOrigin('https', apiHost, root, { provider: true, namedBy, namespace });
};

/** Nothing in it is decoded, as in DVC: `%20` is a folder of that name. */
function parseDriveUrl(config: StorageConfig): { root: string; base: readonly string[] } {
  const fail = (text: string, ...hints: string[]): HelperError =>
    new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });
  const shown = `'${displayUrl(config.url)}'`;
  const form = "write 'gdrive://<folder ID>/path', 'gdrive://root/path' or 'gdrive://appDataFolder/path'";
  const [, root = '', path = ''] = /^gdrive:\/\/([^/]*)(.*)$/is.exec(config.url) ?? [];
  if (root === '') throw fail(`${shown} names no folder`, form);
  if (!idPattern.test(root)) {
    throw fail(`${shown} begins with no folder ID`, form, "the ID is what stands behind '/folders/' in the browser");
  }
  const base = path.split('/').filter((name) => name !== '');
  if (base.some((name) => name === '.' || name === '..')) throw fail(`${shown} leads out of the folder`);
  return { root, base };
}
