// The methods of the collection `files` that carry no content in: list, get, update, trash, delete, copy.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Api, Call } from './api.ts';
import { contentOf, readContent } from './content.ts';
import { send, sendJson, textOf } from './exchange.ts';
import { DriveError, forbidden, invalid, notFound } from './failure.ts';
import { fileResource, select } from './resource.ts';
import { folderType, type Item, type Store } from './store.ts';

/** What version 3 tells of a file when nobody says which fields. */
const usualFields = 'kind,id,name,mimeType,driveId,teamDriveId';

export async function sendFile(api: Api, call: Call, item: Item, status = 200): Promise<void> {
  const { version, params, base, caller } = call;
  const fields = params.get('fields') || (version === 3 ? usualFields : undefined);
  const resource = select(fileResource(api.store, item, version, base, caller.email), fields, version);
  await sendJson(call.exchange, status, resource);
}

export async function getFile(api: Api, call: Call, id: string): Promise<void> {
  const media = call.params.get('alt') === 'media';
  if (media) call.exchange.operation = 'files.download';
  // Content comes out of shared drives without the flag too: neither rclone nor PyDrive2 sends it there.
  const item = api.store.find(id, call.caller, call.allDrives || media);
  if (!media) return sendFile(api, call, item);
  const { content } = item;
  if (content === undefined) {
    const place = { location: 'alt', locationType: 'parameter' } as const;
    const text = 'Only files with binary content can be downloaded. Use Export with Docs Editors files.';
    throw new DriveError(403, 'fileNotDownloadable', text, place);
  }
  if (item.abusive) checkAbuse(api.store, call, item);
  const range = rangeOf(call.exchange.request.headers.range, content.size);
  if (range === undefined) {
    const headers = { 'content-type': 'text/html', 'content-range': `bytes */${content.size}`, 'content-length': 0 };
    return send(call.exchange, 416, headers, []);
  }
  const [start, end, whole] = range;
  const headers = {
    'content-type': item.mimeType,
    'content-length': end - start,
    ...(whole ? {} : { 'content-range': `bytes ${start}-${end - 1}/${content.size}` }),
  };
  await send(call.exchange, whole ? 200 : 206, headers, readContent(content, start, end));
}

/** Only the owner, or a manager of the shared drive, can say that it is no harm. */
function checkAbuse(store: Store, { caller, params }: Call, item: Item): void {
  const role = store.roleOf(item, caller.email);
  if (params.get('acknowledgeAbuse') === 'true' && (role === 'owner' || role === 'organizer')) return;
  const text = 'This file has been identified as malware or spam and cannot be downloaded.';
  throw new DriveError(403, 'cannotDownloadAbusiveFile', text, { location: 'alt', locationType: 'parameter' });
}

/** First byte and the one behind the last (RFC 9110, section 14); undefined when none of them is there. */
function rangeOf(header: string | undefined, size: number): [start: number, end: number, whole: boolean] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  const senseless = first === '' ? last === '' : last !== '' && Number(last) < Number(first);
  if (senseless) return [0, size, true];
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? [start, end, false] : undefined;
}

/** What clients send of a file, in the names of version 3. */
export interface Metadata {
  readonly id?: string;
  readonly name?: string;
  readonly mimeType?: string;
  readonly parents?: readonly string[];
  readonly trashed?: boolean;
  readonly createdTime?: string;
  readonly modifiedTime?: string;
  readonly description?: string;
  readonly properties?: Record<string, string>;
  readonly appProperties?: Record<string, string>;
}

export function parseMetadata(text: string, version: 2 | 3): Metadata {
  let body: Record<string, unknown>;
  try {
    // Some clients send `null` where they have nothing to say.
    body = text.trim() === '' ? {} : (JSON.parse(text) ?? {});
  } catch {
    throw new DriveError(400, 'parseError', 'Parse Error');
  }
  if (version === 3) return body;
  const { title, createdDate, modifiedDate, labels, parents, properties, ...rest } = body as Record<string, never>;
  return defined({
    ...rest,
    name: title,
    createdTime: createdDate,
    modifiedTime: modifiedDate,
    trashed: (labels as { trashed?: boolean } | undefined)?.trashed,
    parents: (parents as { id: string }[] | undefined)?.map(({ id }) => id),
    properties:
      properties &&
      Object.fromEntries((properties as { key: string; value: string }[]).map(({ key, value }) => [key, value])),
  });
}

function defined(value: Record<string, unknown>): Metadata {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

/** Makes a file or folder without content. Throws when its place is not to be had. */
export function createItem(store: Store, call: Call, given: Metadata, type?: string): Item {
  const { caller, allDrives } = call;
  const parents = given.parents ?? ['root'];
  if (parents.length !== 1) throw invalid('parents', 'A file can only have one parent.');
  const parent = store.find(parents[0] ?? '', caller, allDrives);
  if (parent.mimeType !== folderType)
    throw new DriveError(403, 'parentNotAFolder', 'The specified parent is not a folder.');
  store.demand(parent, caller, 'writer');
  if (given.id !== undefined) {
    if (store.items.has(given.id))
      throw new DriveError(409, 'fileIdInUse', 'A file already exists with the provided ID.');
    if (!store.promised.delete(given.id)) throw invalid('file.id', 'The provided file ID is not usable.');
  }
  const { id, name = 'Untitled', mimeType = type ?? 'application/octet-stream' } = given;
  const owner = parent.driveId === undefined ? caller.email : undefined;
  const place = { parent: parent.id, driveId: parent.driveId, space: parent.space, owner, clientId: caller.clientId };
  const item = store.add({ ...(id === undefined ? {} : { id }), name, mimeType, ...place });
  return change(item, { ...given, trashed: false });
}

function change(item: Item, given: Metadata): Item {
  const { name, mimeType, description, modifiedTime, properties, appProperties } = given;
  if (name !== undefined) item.name = name;
  if (mimeType !== undefined) item.mimeType = mimeType;
  if (description !== undefined) item.description = description;
  if (given.trashed !== undefined) item.trashed = given.trashed;
  item.properties = { ...item.properties, ...properties };
  item.appProperties = { ...item.appProperties, ...appProperties };
  const modified = modifiedTime === undefined ? new Date() : new Date(modifiedTime);
  if (Number.isNaN(modified.getTime())) throw invalid('modifiedTime');
  item.modifiedTime = modified.toISOString();
  item.version += 1;
  return item;
}

/** Changes what a file is called, where it lies, whether it is in the trash. */
export function updateItem(store: Store, call: Call, item: Item, given: Metadata): Item {
  const { caller, params, allDrives, version } = call;
  const { parents, trashed, ...rest } = given;
  if (trashed !== undefined && trashed !== item.trashed) setTrashed(store, call, item, trashed);
  if (Object.keys(rest).length > 0) store.demand(item, caller, 'writer');
  if (version === 3 && parents !== undefined) {
    const text = 'The parents field is not directly writable in update requests. Use the addParents and removeParents';
    throw new DriveError(403, 'fieldNotWritable', `${text} parameters instead.`);
  }
  const added = params.get('addParents') ?? parents?.[0];
  const removed = params.get('removeParents')?.split(',') ?? [];
  const left = item.parent !== undefined && removed.includes(item.parent) ? undefined : item.parent;
  // Both may name the same folder: then nothing moves.
  const target = added === undefined ? left : store.find(added, caller, allDrives).id;
  if (target !== item.parent) {
    store.demand(item, caller, item.driveId === undefined && target !== undefined ? 'writer' : 'fileOrganizer');
    move(store, call, item, target);
  }
  return change(item, rest);
}

function move(store: Store, { caller }: Call, item: Item, target: string | undefined): void {
  const parent = target === undefined ? undefined : store.items.get(target);
  if (parent !== undefined) store.demand(parent, caller, 'writer');
  item.parent = target;
  const settle = (each: Item): void => {
    each.driveId = parent?.driveId;
    each.owner = parent?.driveId === undefined ? (each.owner ?? caller.email) : undefined;
    for (const child of store.children(each.id)) settle(child);
  };
  settle(item);
}

export function setTrashed(store: Store, { caller }: Call, item: Item, trashed: boolean): void {
  // In My Drive only the owner may, in a shared drive a content manager.
  store.demand(item, caller, item.driveId === undefined ? 'owner' : 'fileOrganizer');
  if (item.parent === undefined) throw forbidden(item.id);
  item.trashed = trashed;
  item.version += 1;
}

export async function patchFile(api: Api, call: Call, id: string): Promise<void> {
  const given = parseMetadata(await textOf(call.exchange), call.version);
  const item = api.store.find(id, call.caller, call.allDrives);
  await sendFile(api, call, updateItem(api.store, call, item, given));
}

export async function deleteFile(api: Api, call: Call, id: string): Promise<void> {
  const { store } = api;
  const item = store.find(id, call.caller, call.allDrives);
  store.demand(item, call.caller, item.driveId === undefined ? 'owner' : 'organizer');
  if (item.parent === undefined && item.driveId === undefined && item.owner === call.caller.email) {
    const isRoot = store.resolve('root', call.caller) === item.id;
    if (isRoot) throw forbidden(item.id);
  }
  store.remove(item);
  await send(call.exchange, 204, {}, []);
}

export async function copyFileTo(api: Api, call: Call, id: string): Promise<void> {
  const { store } = api;
  const given = parseMetadata(await textOf(call.exchange), call.version);
  const source = store.find(id, call.caller, call.allDrives);
  if (source.content === undefined) throw new DriveError(403, 'cannotCopyFile', 'This file cannot be copied.');
  const parents = given.parents ?? [source.parent ?? 'root'];
  store.checkQuota(call.caller.email, source.content.size);
  const item = createItem(store, call, { name: `Copy of ${source.name}`, ...given, parents }, source.mimeType);
  const path = join(store.directory, item.id);
  await copyFile(source.content.path, path);
  store.setContent(item, { ...source.content, path });
  await sendFile(api, call, item);
}

export function trashFile(api: Api, call: Call, id: string, trashed: boolean): Promise<void> {
  const item = api.store.find(id, call.caller, call.allDrives);
  setTrashed(api.store, call, item, trashed);
  return sendFile(api, call, item);
}

export async function emptyTrash(api: Api, call: Call): Promise<void> {
  const mine = [...api.store.items.values()].filter((item) => item.trashed && item.owner === call.caller.email);
  for (const item of mine) if (api.store.items.has(item.id)) api.store.remove(item);
  await send(call.exchange, 204, {}, []);
}

/** A folder, or a file without a byte in it. */
export async function createFile(api: Api, call: Call): Promise<void> {
  const given = parseMetadata(await textOf(call.exchange), call.version);
  const item = createItem(api.store, call, given);
  if (!item.mimeType.startsWith('application/vnd.google-apps.'))
    api.store.setContent(item, await contentOf(api.store.directory, Buffer.alloc(0)));
  await sendFile(api, call, item);
}

export async function generateIds(api: Api, call: Call): Promise<void> {
  const { params, version } = call;
  const count = Number(params.get(version === 3 ? 'count' : 'maxResults') ?? 10);
  if (!(count >= 1 && count <= 1000)) throw invalid('count', 'Values must be within the range: [1, 1000]');
  const ids = Array.from({ length: count }, () => api.store.newId());
  for (const id of ids) api.store.promised.add(id);
  const space = params.get('space') ?? 'drive';
  await sendJson(call.exchange, 200, { kind: 'drive#generatedIds', space, ids });
}

export async function getDrive(api: Api, call: Call, id: string): Promise<void> {
  const drive = api.store.drives.get(id);
  if (drive === undefined || api.store.roleOf(drive.root, call.caller.email) === undefined)
    throw new DriveError(404, 'notFound', `Shared drive not found: ${id}`, notFound(id).place);
  await sendJson(call.exchange, 200, { kind: 'drive#drive', id, name: drive.name });
}
