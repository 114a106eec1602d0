import { HelperError } from '../../model/error.ts';
import { openClient } from '../http/client.ts';
import { downloadObject } from '../http/download.ts';
import { headObject } from '../http/object.ts';
import { guardLogin, readHttpSettings } from '../http/settings.ts';
import { requireKey } from '../key.ts';
import type { Entry, OpenStorage, Storage } from '../remote.ts';
import { openFolders } from './folders.ts';
import { listObjects } from './listing.ts';
import { removeTemporary } from './temporaries.ts';
import { openUpload } from './upload.ts';

/** A folder on a WebDAV server (RFC 4918). Objects are sent under another name and moved to their own. */
export const openWebdavStorage: OpenStorage = async (config, context) => {
  const settings = await guardLogin(readHttpSettings(config, context), context.guard);
  const client = openClient(settings, context);
  const folders = openFolders(settings, client, context.createBase === true);
  const { displayUrl } = settings;

  const stat = async (key: string, signal: AbortSignal): Promise<Entry | undefined> => {
    const action = `cannot look into '${displayUrl}'`;
    const size = await sizeOf(action, key, signal);
    if (size !== undefined) return { key, size };
    await folders.checkBase(action, signal);
    return undefined;
  };
  const sizeOf = async (action: string, key: string, signal: AbortSignal): Promise<number | undefined> => {
    const size = await headObject(client, action, key, { signal });
    if (size !== 'unknown') return size;
    const [found] = (await folders.look(action, key, 0, signal)) ?? [];
    return found?.isFolder === false ? (found.size ?? 0) : undefined;
  };
  // Whoever pushes has such a memory, and may tidy up.
  const sweep = context.uploads && ((key: string) => removeTemporary(client, key));
  const upload = openUpload({ client, folders, displayUrl, sizeOf });
  return {
    displayUrl,
    concurrency: settings.connections,
    canList: true,
    stat: async (key, operation) => stat(requireKey(key), operation.signal),
    list: (prefix, { signal }) => listObjects(folders, `cannot list '${displayUrl}'`, prefix, signal, sweep),
    read(key, operation) {
      const action = `cannot read from '${displayUrl}'`;
      const absent = async (): Promise<HelperError> => {
        await folders.checkBase(action, operation.signal);
        return new HelperError('missing', `storage '${displayUrl}' has no object '${key}'`);
      };
      return downloadObject({ client, action, key: requireKey(key), absent }, operation);
    },
    async write(key, content, operation) {
      operation.signal.throwIfAborted();
      await upload(requireKey(key), content, operation);
    },
    async close() {
      client.close();
    },
  } satisfies Storage;
};
