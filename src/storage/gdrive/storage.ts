import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { requireKey } from '../key.ts';
import type { OpenStorage, Storage } from '../remote.ts';
import { downloadObject } from './download.ts';
import { openDrive } from './drive.ts';
import { listObjects } from './listing.ts';
import type { Candidate } from './lookup.ts';
import { removeQuietly } from './target.ts';
import { openUpload } from './upload.ts';

/** A folder in Google Drive, with the layout that DVC gives it: a folder for each part of a key, a file for the last. */
export const openDriveStorage: OpenStorage = async (config, context) => {
  const { settings, client, files, folders, lookup } = await openDrive(config, context);
  const { displayUrl, acknowledgeAbuse } = settings;
  const upload = openUpload({ client, files, folders, lookup, displayUrl, uploads: context.uploads });

  // Whoever pushes has such a memory, and may tidy up.
  const sweep =
    context.uploads && ((id: string) => removeQuietly(files, { action: `cannot tidy up '${displayUrl}'` }, id));

  const findToRead = async (action: string, key: string, { signal }: Operation): Promise<Candidate> => {
    const [file] = await lookup.findSurely({ action, key }, key, signal);
    if (file === undefined) {
      throw new HelperError('missing', `storage '${displayUrl}' has no object '${printable(key)}'`);
    }
    if (!file.damaged) return file;
    const text = `the bytes of '${printable(key)}' in '${displayUrl}' hash to '${file.md5}', says Google Drive`;
    throw new HelperError('corrupt', text);
  };

  return {
    displayUrl,
    concurrency: settings.connections,
    canList: true,
    vouches: true,
    async stat(key, { signal }) {
      signal.throwIfAborted();
      const about = { action: `cannot look into '${displayUrl}'`, key };
      const [found] = await lookup.find(about, requireKey(key), signal);
      return found === undefined || found.damaged ? undefined : { key, size: found.size };
    },
    list: (prefix, { signal }) =>
      listObjects(files, folders, { action: `cannot list '${displayUrl}'` }, prefix, signal, sweep),
    read(key, operation) {
      const action = `cannot read from '${displayUrl}'`;
      if (operation.version !== undefined) {
        throw new HelperError('unsupported', `${action}: DVC names no versions of objects there`);
      }
      requireKey(key);
      const find = (inner: Operation): Promise<Candidate> => findToRead(action, key, inner);
      return downloadObject({ client, action, key, acknowledgeAbuse, find }, operation);
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
