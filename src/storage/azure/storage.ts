import { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import { isKey, requireKey } from '../key.ts';
import { type Budget, openBudget } from '../parts/budget.ts';
import { downloadObject, type RangeCall } from '../parts/download.ts';
import type { Entry, OpenStorage, ReadOperation, Storage } from '../remote.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import { type Client, openClient } from './client.ts';
import { absent, element } from './failure.ts';
import { parsePage } from './listing.ts';
import { type AzureSettings, readAzureSettings } from './settings.ts';
import type { Pairs } from './signature.ts';
import { uploadBlob } from './upload.ts';

/** Bytes of blobs that the whole process holds at once, over all Azure storage remotes. */
const memory: Budget = openBudget(64 * 1024 * 1024);

// Of a range: absent, changed, beyond the end.
const expects = [absent, 'ConditionNotMet', 'InvalidRange'];

/** Azure Blob Storage. Names of blobs are DVC's: the URL's path, a slash, the key. */
export const openAzureStorage: OpenStorage = async (config, context) => {
  const settings = readAzureSettings(config, context);
  const client = openClient(settings, context);
  const { displayUrl } = settings;
  return {
    displayUrl,
    concurrency: settings.concurrency,
    canList: true,
    stat: async (key, operation) => statBlob(settings, client, requireKey(key), operation),
    list: (prefix, operation) => listBlobs(settings, client, prefix, operation),
    read: (key, operation) => readBlob(settings, client, requireKey(key), operation),
    async write(key, content, { signal, moved }) {
      signal.throwIfAborted();
      const action = `cannot write to '${displayUrl}'`;
      const { uploads } = context;
      await uploadBlob({ client, budget: memory, key: requireKey(key), action, content, uploads, signal, moved });
    },
    async close() {
      client.close();
    },
  } satisfies Storage;
};

/** Where names are hierarchical, a folder can be asked for as if it were a blob. */
function isFolder({ headers }: WireResponse): boolean {
  return headers['x-ms-meta-hdi_isfolder'] === 'true' || headers['x-ms-resource-type'] === 'directory';
}

async function statBlob(
  settings: AzureSettings,
  client: Client,
  key: string,
  { signal }: Operation,
): Promise<Entry | undefined> {
  const action = `cannot look into '${settings.displayUrl}'`;
  const head = await client.request({ action, method: 'HEAD', key, expects: [absent] }, signal);
  if (head.status === 404 || isFolder(head)) return undefined;
  return { key, size: Number(head.headers['content-length']) };
}

function readBlob(
  { displayUrl }: AzureSettings,
  client: Client,
  key: string,
  { signal, moved, start, version }: ReadOperation,
): AsyncIterable<Uint8Array> {
  const action = `cannot read from '${displayUrl}'`;
  const none = (): HelperError => new HelperError('missing', `storage '${displayUrl}' has no object '${key}'`);
  const query: Pairs = version === undefined ? [] : [['versionid', version]];
  const ask = async ({ range, first, ...how }: RangeCall, until: AbortSignal): Promise<WireResponse> => {
    const match: Pairs = first?.etag === undefined ? [] : [['if-match', first.etag]];
    const headers: Pairs = [['x-ms-range', range], ...match];
    const call = { action, method: 'GET', key, query, headers, expects, moved, ...how } as const;
    const response = await client.request(call, until);
    if (isFolder(response)) throw none();
    return response;
  };
  return downloadObject({ ask, budget: memory, key, action, absent: none, start, signal });
}

async function* listBlobs(
  settings: AzureSettings,
  client: Client,
  prefix: string,
  { signal }: Operation,
): AsyncGenerator<Entry> {
  const action = `cannot list '${settings.displayUrl}'`;
  const wanted: Pairs = [
    ['comp', 'list'],
    ['include', 'metadata'],
    ['prefix', settings.prefix + prefix],
    ['restype', 'container'],
  ];
  for (let marker: string | undefined = ''; marker !== undefined; ) {
    const query: Pairs = marker === '' ? wanted : [...wanted, ['marker', marker]];
    const text = textOf(await client.request({ action, method: 'GET', query }, signal));
    const page = parsePage(text);
    if (page === undefined) {
      throw new HelperError('unavailable', `${action}: the answer is no listing ${element(text, 'Code') ?? ''}`);
    }
    for (const { name, size, modified } of page.objects) {
      const key = name.slice(settings.prefix.length);
      // Names that DVC cannot have made.
      if (name.startsWith(settings.prefix) && isKey(key)) yield { key, size, modified };
    }
    marker = page.next;
  }
}
