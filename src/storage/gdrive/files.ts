import { HelperError } from '../../model/error.ts';
import type { Call, Client } from './client.ts';
import { fieldsOf, textOf as text } from './complaint.ts';
import type { About } from './failure.ts';

/** A folder, as queries and parents name it. */
export interface FolderRef {
  readonly id: string;
  /** The shared drive it lies on; undefined: on none, or a shortcut that was not followed. */
  readonly driveId: string | undefined;
  /** Reached by a shortcut, which does not tell where it lies, and may point to nothing: `follow` it. */
  readonly linked: boolean;
}

export interface DriveFile {
  readonly id: string;
  readonly name: string;
  /** IDs of the folders it lies in; of old files there may be more than one. */
  readonly parents: readonly string[];
  /** Undefined: no folder, nor a shortcut to one. */
  readonly folder: FolderRef | undefined;
  /** Bytes; undefined: Google keeps no bytes of it (a folder, a document of Google Docs). */
  readonly size: number | undefined;
  /** MD5 of the content, hex. */
  readonly md5: string | undefined;
  /** RFC 3339, of the last change. */
  readonly modified: string;
  readonly trashed: boolean;
}

export const folderType = 'application/vnd.google-apps.folder';
const shortcutType = 'application/vnd.google-apps.shortcut';
const fileFields =
  'id,name,mimeType,parents,driveId,size,md5Checksum,modifiedTime,trashed,shortcutDetails(targetId,targetMimeType)';
/** Most that Google gives on a page. */
const pageSize = 1000;

/** The methods of Drive's `files` that we use (API version 3). */
export interface Files {
  /** undefined: there is none of this ID that we may see. */
  get(about: About, id: string, signal: AbortSignal): Promise<DriveFile | undefined>;
  /** The folder that a shortcut leads to, and every other as it is; undefined: it leads nowhere any more. */
  follow(about: About, folder: FolderRef, signal: AbortSignal): Promise<FolderRef | undefined>;
  /**
   * What lies in the folders (of one shared drive, or of none) and fits `condition` in Drive's query language, page by
   * page; nothing from the trash. A folder that is gone is `unavailable`: whoever asked looks for it anew.
   */
  list(
    about: About,
    folders: readonly FolderRef[],
    condition: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<readonly DriveFile[]>;
  /** Makes a folder, although there may be one of that name. In one try. */
  createFolder(about: About, name: string, parent: FolderRef, signal: AbortSignal): Promise<FolderRef>;
  /** False when the file is not there any more. */
  rename(about: About, id: string, name: string, signal: AbortSignal): Promise<boolean>;
  /** Deletes a file of ours for good, or where that is not ours to do puts it into the trash. */
  remove(about: About, id: string, signal: AbortSignal): Promise<void>;
  /** Puts a file into the trash, from where people can have it back; one that is gone is no error. */
  trash(about: About, id: string, signal: AbortSignal): Promise<void>;
}

/**
 * @param space where listings look: `drive`, or `appDataFolder`
 * @param onGone told when a folder that was asked about is not there any more
 */
export function openFiles(client: Client, space: string, onGone: () => void): Files {
  const query = (values: Readonly<Record<string, string>>): string =>
    String(new URLSearchParams({ ...values, supportsAllDrives: 'true' }));
  const pathOf = (id: string): string => `/drive/v3/files/${encodeURIComponent(id)}`;

  const gone = ({ action }: About): HelperError => {
    onGone();
    return new HelperError('unavailable', `${action}: a folder has gone meanwhile`);
  };

  const get: Files['get'] = async (about, id, signal) => {
    const path = `${pathOf(id)}?${query({ fields: fileFields })}`;
    const answer = await client.askFor({ ...about, method: 'GET', path, expects: [404] }, signal);
    return answer.status === 404 ? undefined : parseFile(answer.value);
  };

  return {
    get,
    async follow(about, folder, signal) {
      if (!folder.linked) return folder;
      const target = await get(about, folder.id, signal);
      const usable = target?.folder !== undefined && !target.folder.linked && !target.trashed;
      return usable ? { ...target.folder, linked: true } : undefined;
    },
    async *list(about, folders, condition, signal) {
      const within = folders.map(({ id }) => `'${quote(id)}' in parents`).join(' or ');
      const driveId = folders[0]?.driveId;
      const values = {
        q: `trashed = false and (${within})${condition === undefined ? '' : ` and ${condition}`}`,
        fields: `nextPageToken,files(${fileFields})`,
        pageSize: String(pageSize),
        spaces: space,
        includeItemsFromAllDrives: 'true',
        ...(driveId === undefined ? {} : { corpora: 'drive', driveId }),
      };
      for (let token: string | undefined = ''; token !== undefined; ) {
        const path: string = `/drive/v3/files?${query(token === '' ? values : { ...values, pageToken: token })}`;
        const call: Call = { ...about, method: 'GET', path, expects: [404] };
        const { status, value } = await client.askFor(call, signal);
        if (status === 404) throw gone(about);
        const { files, nextPageToken } = fieldsOf(value);
        if (!Array.isArray(files)) throw new HelperError('unavailable', `${about.action}: the answer is no listing`);
        yield files.map(parseFile);
        token = text(nextPageToken) || undefined;
      }
    },
    async createFolder(about, name, parent, signal) {
      const body = Buffer.from(JSON.stringify({ name, mimeType: folderType, parents: [parent.id] }));
      const call: Call = {
        ...about,
        method: 'POST',
        path: `/drive/v3/files?${query({ fields: 'id' })}`,
        headers: jsonType,
        body: { size: body.length, open: () => body },
        expects: [404],
      };
      const { status, value } = await client.askForOnce(call, signal);
      if (status === 404) throw gone(about);
      const id = text(fieldsOf(value).id);
      if (id === '') throw new HelperError('unavailable', `${about.action}: Google Drive names no folder that it made`);
      return { id, driveId: parent.driveId, linked: false };
    },
    async rename(about, id, name, signal) {
      const body = Buffer.from(JSON.stringify({ name }));
      const path = `${pathOf(id)}?${query({ fields: 'id' })}`;
      const sent = { size: body.length, open: () => body };
      const call: Call = { ...about, method: 'PATCH', path, headers: jsonType, body: sent, expects: [404] };
      return (await client.ask(call, signal)).status !== 404;
    },
    async remove(about, id, signal) {
      const path = `${pathOf(id)}?${query({})}`;
      const deleted = await client.askOnce({ ...about, method: 'DELETE', path, expects: [403, 404] }, signal);
      if (deleted.status !== 403) return;
      await client.askOnce({ ...about, method: 'PATCH', path, headers: jsonType, body: trashed }, signal);
    },
    async trash(about, id, signal) {
      const path = `${pathOf(id)}?${query({ fields: 'id' })}`;
      const call: Call = { ...about, method: 'PATCH', path, headers: jsonType, body: trashed, expects: [404] };
      await client.ask(call, signal);
    },
  };
}

const trashedBody = Buffer.from('{"trashed":true}');
const trashed = { size: trashedBody.length, open: (): Uint8Array => trashedBody };

export const jsonType: readonly string[] = ['content-type', 'application/json; charset=UTF-8'];

/** Text between the quotes of a query ("Search for files and folders"). */
export function quote(value: string): string {
  return value.replace(/[\\']/g, '\\$&');
}

export function parseFile(value: unknown): DriveFile {
  const fields = fieldsOf(value);
  const id = text(fields.id);
  const type = text(fields.mimeType);
  const driveId = text(fields.driveId) || undefined;
  const target = fieldsOf(fields.shortcutDetails);
  const linked = type === shortcutType && text(target.targetMimeType) === folderType;
  const size = Number(text(fields.size) || Number.NaN);
  return {
    id,
    name: text(fields.name),
    parents: Array.isArray(fields.parents) ? fields.parents.map(text) : [],
    folder: type === folderType || linked ? { id: linked ? text(target.targetId) : id, driveId, linked } : undefined,
    size: Number.isSafeInteger(size) ? size : undefined,
    md5: text(fields.md5Checksum).toLowerCase() || undefined,
    modified: text(fields.modifiedTime),
    trashed: fields.trashed === true,
  };
}
