import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import type { Drive } from '../kit/google-drive/drive.ts';
import { alone } from './web-remote.ts';

/** Nothing of the user's, the double behind its proxy, and the key of the service account. */
export function driveContext(drive: Drive, more: Partial<OpenContext> = {}): OpenContext {
  const env = {
    https_proxy: drive.proxyUrl,
    SSL_CERT_FILE: drive.caFile,
    GDRIVE_CREDENTIALS_DATA: JSON.stringify(drive.serviceAccount),
    ...more.env,
  };
  return { ...alone, ...more, env };
}

export function openDrive(
  drive: Drive,
  path: string,
  options: Readonly<Record<string, string>> = {},
  more: Partial<OpenContext> = {},
): Promise<Storage> {
  const url = `gdrive://${path}`;
  return openStorage(
    { name: 'store', scheme: 'gdrive', url, options, committed: new Set() },
    driveContext(drive, more),
  );
}
