import { HelperError } from '../../model/error.ts';
import type { Content, TransferOperation } from '../../model/operation.ts';
import { requireKey } from '../key.ts';
import type { Entry, OpenStorage, Storage } from '../remote.ts';
import { type Client, openClient } from './client.ts';
import { downloadObject } from './download.ts';
import { headObject, sendInPlace } from './object.ts';
import { guardLogin, type HttpSettings, readHttpSettings } from './settings.ts';

/**
 * A plain HTTP server: objects are asked for one by one and sent with the option `method`. It has no folders, so that an
 * object that is not there and a URL that leads nowhere look the same.
 */
export const openHttpStorage: OpenStorage = async (config, context) => {
  const settings = await guardLogin(readHttpSettings(config, context), context.guard);
  const client = openClient(settings, context);
  const { displayUrl } = settings;
  return {
    displayUrl,
    concurrency: settings.connections,
    canList: false,
    stat: async (key, operation) => statObject(client, displayUrl, requireKey(key), operation.signal),
    list() {
      throw new HelperError('unsupported', `cannot list '${displayUrl}': a plain HTTP server tells no names`);
    },
    read(key, operation) {
      const absent = async (): Promise<HelperError> =>
        new HelperError('missing', `storage '${displayUrl}' has no object '${key}'`);
      const action = `cannot read from '${displayUrl}'`;
      return downloadObject({ client, action, key: requireKey(key), absent }, operation);
    },
    async write(key, content, operation) {
      operation.signal.throwIfAborted();
      await writeObject(client, settings, requireKey(key), content, operation);
    },
    async close() {
      client.close();
    },
  } satisfies Storage;
};

async function statObject(
  client: Client,
  displayUrl: string,
  key: string,
  signal: AbortSignal,
): Promise<Entry | undefined> {
  const action = `cannot look into '${displayUrl}'`;
  const size = await headObject(client, action, key, { signal });
  if (size === undefined) return undefined;
  if (size !== 'unknown') return { key, size };
  // Some servers take no HEAD, or sign GET alone. The first byte tells how many there are.
  const expects = [404, 410, 416];
  const answer = await client.open({ action, method: 'GET', key, headers: ['range', 'bytes=0-0'], expects }, signal);
  const { status, headers } = answer;
  if (status === 404 || status === 410) {
    answer.discard();
    return undefined;
  }
  const total = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
  const told = total ?? (status === 200 ? headers['content-length'] : undefined);
  if (told !== undefined || status === 416) {
    await leave(answer.body);
    return { key, size: Number(told ?? 0) };
  }
  let length = 0;
  for await (const chunk of answer.body) length += chunk.length;
  return { key, size: length };
}

/** Ends a body unread, and the connection with it where more of it is to come. */
async function leave(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body) break;
}

async function writeObject(
  client: Client,
  settings: HttpSettings,
  key: string,
  content: Content,
  operation: TransferOperation,
): Promise<void> {
  const { displayUrl, method, remote } = settings;
  const action = `cannot write to '${displayUrl}'`;
  await sendInPlace(client, { action, method, key }, content, operation);
  // Many a server answers a form's POST with 200 and keeps nothing of it.
  const found = await statObject(client, displayUrl, key, operation.signal);
  if (found?.size === content.size) return;
  const instead = found === undefined ? 'has not got it' : `has ${found.size} bytes of ${content.size}`;
  throw new HelperError('config', `${action}: the server took the object by ${method} and ${instead} ('${key}')`, {
    hints: [`if it takes ${method === 'PUT' ? 'POST' : 'PUT'}: dvc remote modify ${remote} method <method>`],
  });
}
