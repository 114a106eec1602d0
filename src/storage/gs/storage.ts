import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { isKey, requireKey } from '../key.ts';
import { type Budget, openBudget } from '../parts/budget.ts';
import { downloadObject, type RangeCall } from '../parts/download.ts';
import type { Entry, OpenStorage, ReadOperation, Storage } from '../remote.ts';
import type { WireResponse } from '../wire/request.ts';
import { type Client, openClient } from './client.ts';
import { objectPath, objectsPath, parseObject, parsePage } from './object.ts';
import { type GsSettings, readGsSettings } from './settings.ts';
import { uploadObject } from './upload.ts';

/** Bytes of objects that the whole process holds at once, over all storage remotes of this kind. */
const memory: Budget = openBudget(64 * 1024 * 1024);

/** Google Cloud Storage, by its JSON API. Object names are DVC's: the URL's path, a slash, the key. */
export const openGsStorage: OpenStorage = async (config, context) => {
  const settings = readGsSettings(config, context);
  const { bucket, prefix, displayUrl } = settings;
  const client = openClient(settings, config, context);
  const requireBucket = openBucketCheck(settings, client);
  return {
    displayUrl,
    concurrency: 128,
    canList: true,
    async stat(key, { signal }) {
      const action = `cannot look into '${displayUrl}'`;
      const path = `${objectPath(bucket, prefix + requireKey(key))}?fields=size`;
      const answer = await client.request({ action, method: 'GET', path, key, expects: [404] }, signal);
      if (answer.status === 404) {
        await requireBucket(action, signal);
        return undefined;
      }
      const { size } = parseObject(answer);
      if (size === undefined) throw new HelperError('unavailable', `${action}: the answer tells no size ('${key}')`);
      return { key, size };
    },
    list: (start, operation) => listObjects(settings, client, start, operation),
    read: (key, operation) => readObject(settings, client, requireBucket, requireKey(key), operation),
    async write(key, content, { signal, moved }) {
      signal.throwIfAborted();
      const action = `cannot write to '${displayUrl}'`;
      const name = prefix + requireKey(key);
      const { uploads } = context;
      await uploadObject({ client, bucket, name, key, action, content, budget: memory, uploads, signal, moved });
    },
    async close() {
      client.close();
    },
  } satisfies Storage;
};

type RequireBucket = (action: string, signal: AbortSignal) => Promise<void>;

/** Throws `config` when there is no bucket: its 404 is no absent object. Asks once. */
function openBucketCheck({ bucket }: GsSettings, client: Client): RequireBucket {
  let seen = false;
  return async (action, signal) => {
    if (seen) return;
    const path = `${objectsPath(bucket)}?maxResults=1&fields=kind`;
    // Whoever may not list is told so of a bucket that is there.
    await client.request({ action, method: 'GET', path, expects: [401, 403] }, signal);
    seen = true;
  };
}

async function* listObjects(
  { displayUrl, bucket, prefix }: GsSettings,
  client: Client,
  start: string,
  { signal }: Operation,
): AsyncGenerator<Entry> {
  const action = `cannot list '${displayUrl}'`;
  const wanted = `fields=kind,items(name,size,updated),nextPageToken&maxResults=1000&prefix=${encodeURIComponent(prefix + start)}`;
  for (let token: string | undefined = ''; token !== undefined; ) {
    const from: string = token === '' ? '' : `&pageToken=${encodeURIComponent(token)}`;
    const path = `${objectsPath(bucket)}?${wanted}${from}`;
    const page = parsePage(await client.request({ action, method: 'GET', path }, signal));
    if (page === undefined) throw new HelperError('unavailable', `${action}: the answer is no listing`);
    for (const { name, size, modified } of page.objects) {
      const key = name.slice(prefix.length);
      // Folder markers and names that DVC cannot have made.
      if (name.startsWith(prefix) && isKey(key)) yield { key, size, modified };
    }
    token = page.next;
  }
}

function readObject(
  { displayUrl, bucket, prefix }: GsSettings,
  client: Client,
  requireBucket: RequireBucket,
  key: string,
  { signal, moved, start, version }: ReadOperation,
): AsyncIterable<Uint8Array> {
  const action = `cannot read from '${displayUrl}'`;
  const which = version === undefined ? '' : ` in version '${printable(version)}'`;
  const absent = (): HelperError =>
    new HelperError('missing', `storage '${displayUrl}' has no object '${key}'${which}`);
  // Whatever else a metafile names is no generation.
  if (version !== undefined && !/^\d{1,19}$/.test(version)) throw absent();
  const path = `${objectPath(bucket, prefix + key)}?alt=media`;
  const ask = async ({ range, first, ...how }: RangeCall, until: AbortSignal): Promise<WireResponse> => {
    const same = generationOf(first);
    const wanted = version === undefined ? same && `&ifGenerationMatch=${same}` : `&generation=${version}`;
    const call = { action, method: 'GET', path: path + (wanted ?? ''), key, headers: ['range', range] } as const;
    const answer = await client.request({ ...call, expects: [404, 412, 416], moved, ...how }, until);
    if (answer.status === 404) await requireBucket(action, until);
    // What stands in for the service in tests does not heed the condition.
    return same === undefined || answer.status >= 400 || generationOf(answer.headers) === same
      ? answer
      : { ...answer, status: 412 };
  };
  return downloadObject({ ask, budget: memory, key, action, absent, start, signal });
}

function generationOf(headers: WireResponse['headers'] | undefined): string | undefined {
  const value = headers?.['x-goog-generation'];
  return typeof value === 'string' && /^\d+$/.test(value) ? value : undefined;
}
