import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { isKey, requireKey } from '../key.ts';
import { type Budget, openBudget } from '../parts/budget.ts';
import { downloadObject, type RangeCall } from '../parts/download.ts';
import type { Entry, OpenStorage, SecretUse, Storage } from '../remote.ts';
import { encodePart } from '../wire/encode.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import { type Client, openClient } from './client.ts';
import { element } from './failure.ts';
import { parsePage } from './listing.ts';
import { readS3Settings, type S3Settings } from './settings.ts';
import { tidy } from './unfinished.ts';
import { uploadObject } from './upload.ts';

/** Bytes of objects that the whole process holds at once, over all S3 storage remotes. */
const memory: Budget = openBudget(64 * 1024 * 1024);

// Of a range: absent, changed, beyond the end. Of a version also 405: it is a mark of deletion.
const expects = [404, 412, 416];
const expectsOfVersion = [...expects, 405];
const ownKey: SecretUse = { from: 'options', shows: 'secret' };

/** Amazon S3 and what speaks its language. Object names are DVC's: the URL's path, a slash, the key. */
export const openS3Storage: OpenStorage = async (config, context) => {
  const settings = readS3Settings(config, context);
  // The customer's own encryption key is a part of every request, and there is no doing without it.
  const refusal = settings.objectHeaders.length > 0 ? await context.guard.admit(ownKey) : undefined;
  if (refusal !== undefined) throw refusal;
  const client = openClient(settings, context);
  const stat = openStat(settings, client);
  const { createHeaders, objectHeaders } = settings;
  const { uploads } = context;
  let tidied: Promise<void> | undefined;
  const common = { client, budget: memory, objectHeaders };
  return {
    displayUrl: settings.displayUrl,
    concurrency: settings.concurrency,
    canList: true,
    stat: async (key, operation) => stat(requireKey(key), operation),
    list: (prefix, operation) => listObjects(settings, client, prefix, operation),
    read(key, { signal, moved, start, version }) {
      const which = version === undefined ? '' : ` in version '${printable(version)}'`;
      const absent = (): HelperError =>
        new HelperError('missing', `storage '${settings.displayUrl}' has no object '${key}'${which}`);
      const action = `cannot read from '${settings.displayUrl}'`;
      const of = version === undefined ? { expects } : { version, expects: expectsOfVersion };
      const call = { action, method: 'GET', key: requireKey(key), headers: objectHeaders, moved, ...of } as const;
      const ask = async ({ range, first, ...how }: RangeCall, until: AbortSignal): Promise<WireResponse> => {
        const match = first?.etag === undefined ? [] : ['if-match', first.etag];
        const response = await client.request({ ...call, ...how, extra: ['range', range, ...match] }, until);
        if (response.status === 405) throw absent();
        return response;
      };
      return downloadObject({ ask, budget: memory, key, action, absent, start, signal });
    },
    async write(key, content, { signal, moved }) {
      signal.throwIfAborted();
      const action = `cannot write to '${settings.displayUrl}'`;
      tidied ??= uploads && tidy(client, uploads, action);
      // Before anything is noted, under a key that may be among them.
      await tidied;
      await uploadObject({ ...common, key: requireKey(key), action, content, createHeaders, uploads, signal, moved });
    },
    async close() {
      client.close();
    },
  } satisfies Storage;
};

function openStat(
  settings: S3Settings,
  client: Client,
): (key: string, operation: Operation) => Promise<Entry | undefined> {
  const { objectHeaders } = settings;
  // An answer to HEAD has no body, so that its 404 may as well mean the bucket: until we have met it, ask with GET.
  let bucketSeen = false;
  return async (key, { signal }) => {
    const action = `cannot look into '${settings.displayUrl}'`;
    const expects = [400, 403, 404];
    const head = await client.request({ action, method: 'HEAD', key, headers: objectHeaders, expects }, signal);
    if (head.status === 404 && bucketSeen) return undefined;
    if (head.status < 300) {
      bucketSeen = true;
      return { key, size: Number(head.headers['content-length']) };
    }
    // Only the answer to GET tells why: which of both is absent, a wrong key, a clock, a region.
    const extra = ['range', 'bytes=0-0'];
    const call = { action, method: 'GET', key, headers: objectHeaders, extra, expects: [404, 416] } as const;
    const got = await client.request(call, signal);
    bucketSeen = true;
    if (got.status === 404) return undefined;
    const total = /\/(\d+)$/.exec(got.headers['content-range'] ?? '')?.[1];
    return { key, size: got.status === 416 ? 0 : Number(total ?? got.length) };
  };
}

async function* listObjects(
  settings: S3Settings,
  client: Client,
  prefix: string,
  { signal }: Operation,
): AsyncGenerator<Entry> {
  const action = `cannot list '${settings.displayUrl}'`;
  const wanted = `prefix=${encodePart(settings.prefix + prefix)}`;
  for (let token: string | undefined = ''; token !== undefined; ) {
    const from: string = token === '' ? '' : `continuation-token=${encodePart(token)}&`;
    const query = `${from}encoding-type=url&list-type=2&${wanted}`;
    const text = textOf(await client.request({ action, method: 'GET', query }, signal));
    const page = parsePage(text);
    if (page === undefined)
      throw new HelperError('unavailable', `${action}: the answer is no listing ${element(text, 'Code') ?? ''}`);
    for (const { name, size, modified } of page.objects) {
      const key = name.slice(settings.prefix.length);
      // Folder markers and names that DVC cannot have made.
      if (name.startsWith(settings.prefix) && isKey(key)) yield { key, size, modified };
    }
    token = page.next;
  }
}
