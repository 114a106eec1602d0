import type { StorageConfig } from '../../model/storage-config.ts';
import type { StorageContext } from '../remote.ts';
import { type Client, openClient } from './client.ts';
import { findCredentials } from './credentials.ts';
import { type Files, openFiles } from './files.ts';
import { type Folders, openFolders } from './folders.ts';
import { type Lookup, openLookup } from './lookup.ts';
import { type DriveSettings, readDriveSettings } from './settings.ts';

/** One storage remote in Google Drive, as whoever works on it needs it. The client is closed in the end. */
export interface Drive {
  readonly settings: DriveSettings;
  readonly client: Client;
  readonly files: Files;
  readonly folders: Folders;
  readonly lookup: Lookup;
}

export async function openDrive(config: StorageConfig, context: StorageContext): Promise<Drive> {
  const settings = readDriveSettings(config, context);
  const credentials = await findCredentials(config, context);
  // Without a token there is nothing to ask Drive for.
  const refusal = await context.guard.admit({ from: credentials.from, shows: 'secret' });
  if (refusal !== undefined) throw refusal;
  const hidden = settings.root === 'appDataFolder';
  // No more than is needed: an administrator may have allowed a service account no other.
  const scope = `https://www.googleapis.com/auth/drive${hidden ? '.appdata' : ''}`;
  const client = openClient(settings, credentials, [scope], config, context);
  const files = openFiles(client, hidden ? 'appDataFolder' : 'drive', () => folders.forget());
  const folders = openFolders(settings, client, files, context);
  const lookup = openLookup(files, folders);
  return { settings, client, files, folders, lookup };
}
