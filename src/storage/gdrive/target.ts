import { HelperError } from '../../model/error.ts';
import type { TransferOperation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import type { UploadMemory } from '../remote.ts';
import type { Client } from './client.ts';
import type { Source } from './content.ts';
import type { About } from './failure.ts';
import type { DriveFile, Files, FolderRef } from './files.ts';
import type { Folders } from './folders.ts';
import type { Lookup } from './lookup.ts';

export interface UploadTools {
  readonly client: Client;
  readonly files: Files;
  readonly folders: Folders;
  readonly lookup: Lookup;
  readonly displayUrl: string;
  readonly uploads: UploadMemory | undefined;
}

/** The file that content becomes: a new one, or another content of one that is there. */
export type Target =
  | { readonly parent: FolderRef; readonly name: string; readonly id?: undefined }
  | { readonly id: string };

/** What one write needs to know. */
export interface Upload extends Source {
  readonly target: Target;
  readonly operation: TransferOperation;
}

/** How long a failed write may take to remove what it left. */
export const patienceMs: number = 10_000;
const uploadFields = 'id,name,mimeType,size,md5Checksum';

/** Throws when Google keeps other bytes than were sent; a new file is then removed. */
export async function verify(tools: UploadTools, upload: Upload, file: DriveFile, md5: string): Promise<void> {
  if (file.size === upload.content.size && (file.md5 ?? md5) === md5) return;
  if (upload.target.id === undefined) {
    await removeQuietly(tools.files, upload, file.id);
  }
  const text = `${upload.action}: Google Drive keeps other bytes than were sent ('${printable(upload.key)}')`;
  throw new HelperError('unavailable', text);
}

/** Best effort: what is left lies under a name that nobody reads, or is not what its name promises. */
export async function removeQuietly(files: Files, about: About, id: string): Promise<void> {
  await files.remove(about, id, AbortSignal.timeout(patienceMs)).catch((error: unknown) => {
    trace(() => `storage: ${about.key ?? id} could not be removed: ${String(error)}`);
  });
}

/** Throws when the folder, or the file that was to be replaced, is gone. */
export function refuseGone({ folders }: UploadTools, { action, key }: About, status: number): void {
  if (status !== 404) return;
  folders.forget();
  throw new HelperError('unavailable', `${action}: its folder has gone meanwhile ('${printable(key ?? '')}')`);
}

export function uploadPath(target: Target, type: string): string {
  const path = target.id === undefined ? '' : `/${encodeURIComponent(target.id)}`;
  return `/upload/drive/v3/files${path}?uploadType=${type}&supportsAllDrives=true&fields=${encodeURIComponent(uploadFields)}`;
}

/** What is to be known of a file, beside its content. */
export function metadataOf(target: Target, name?: string): string {
  if (target.id !== undefined) return '{}';
  return JSON.stringify({
    name: name ?? target.name,
    parents: [target.parent.id],
    mimeType: 'application/octet-stream',
  });
}
