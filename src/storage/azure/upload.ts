import { createHash } from 'node:crypto';
import { HelperError } from '../../model/error.ts';
import type { Content } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import { measure, readWhole } from '../content.ts';
import type { Budget } from '../parts/budget.ts';
import { sendParts } from '../parts/upload.ts';
import type { UploadMemory } from '../remote.ts';
import { textOf } from '../wire/request.ts';
import type { Call, Client } from './client.ts';
import { absent } from './failure.ts';

const mib = 1024 * 1024;
/** Objects up to this size go in one request, bigger ones in blocks of at least this size. */
const blockBytes: number = 8 * mib;
const mostBlocks = 50_000;
const blocksAtOnce = 5;
/** What the service takes in one request. */
const mostAtOnce: number = 5000 * mib;
// What a body may take without asking; below it a request's own overhead is of the same order.
const smallBytes = 256 * 1024;

export interface Upload {
  readonly client: Client;
  readonly budget: Budget;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  readonly content: Content;
  readonly uploads: UploadMemory | undefined;
  readonly signal: AbortSignal;
  readonly moved?: ((bytes: number) => void) | undefined;
}

const md5 = (bytes: Uint8Array, encoding: 'base64' | 'hex'): string => createHash('md5').update(bytes).digest(encoding);

const wholeBlob = [
  ['content-type', 'application/octet-stream'],
  ['x-ms-blob-type', 'BlockBlob'],
] as const;

/**
 * Small content in one request. Big content in blocks, which nobody sees until their list is committed; the service drops
 * those that never are after a week, and nothing else can take them back.
 */
export async function uploadBlob(upload: Upload): Promise<void> {
  const { content, signal, budget, client, key, action, moved } = upload;
  if (content.size > blockBytes) return uploadInBlocks(upload);
  const release = content.size > smallBytes ? await budget.take(content.size, signal) : undefined;
  try {
    const body = await readWhole(upload);
    const headers = [['content-md5', md5(body, 'base64')] as const, ...wholeBlob];
    await client.request({ action, method: 'PUT', key, headers, body, moved }, signal);
  } finally {
    release?.();
  }
}

async function uploadInBlocks(upload: Upload): Promise<void> {
  const { uploads, key, signal, content } = upload;
  try {
    const staged = uploads?.recall(key) === undefined ? new Map<string, number>() : await listStaged(upload);
    uploads?.note(key, `blocks of ${content.size} bytes`);
    const ids = await stage(upload, staged);
    if (ids === undefined) await sendWhole(upload);
    else await commit(upload, ids);
    uploads?.forget(key);
  } catch (error) {
    const passing = error instanceof HelperError && ['unavailable', 'auth'].includes(error.code);
    // Content that is not what it should be is nothing to go on with.
    if (!signal.aborted && !passing) uploads?.forget(key);
    throw error;
  }
}

/**
 * By place and content: a block that was staged before is found again, and writers of one blob who have the same content
 * use the same blocks. As long as those of Azure's own programs, since all blocks of a blob must have names of one length.
 */
function blockId(number: number, body: Uint8Array): string {
  return Buffer.from(`dvcexp-${String(number).padStart(8, '0')}-${md5(body, 'hex')}`).toString('base64');
}

/** Blocks of this blob that wait to be committed, with their sizes in bytes. */
async function listStaged({ client, key, action, signal }: Upload): Promise<ReadonlyMap<string, number>> {
  const query = [
    ['blocklisttype', 'uncommitted'],
    ['comp', 'blocklist'],
  ] as const;
  const text = textOf(await client.request({ action, method: 'GET', key, query, expects: [absent] }, signal));
  const blocks = text.matchAll(/<Block>\s*<Name>([^<]*)<\/Name>\s*<Size>(\d+)<\/Size>/g);
  return new Map([...blocks].map(([, id = '', size]) => [id, Number(size)]));
}

/** Answers the names of the blocks, in order; undefined where foreign blocks are in the way. */
async function stage(upload: Upload, staged: ReadonlyMap<string, number>): Promise<readonly string[] | undefined> {
  const { client, key, action, moved } = upload;
  const ids: string[] = [];
  let skipped = 0;
  const foreign = new Error('blocks of another program');
  try {
    await sendParts({
      ...upload,
      partBytes: Math.max(blockBytes, Math.ceil(upload.content.size / mostBlocks / mib) * mib),
      partsAtOnce: blocksAtOnce,
      async send(number, body, signal) {
        const id = blockId(number, body);
        ids[number - 1] = id;
        if (staged.get(id) === body.length) {
          skipped += 1;
          moved?.(body.length);
          return;
        }
        const query = [['blockid', id] as const, ['comp', 'block'] as const];
        const headers = [['content-md5', md5(body, 'base64')] as const];
        const call: Call = { action, method: 'PUT', key, query, headers, body, expects: [otherLength], moved };
        if ((await client.request(call, signal)).status >= 300) throw foreign;
      },
    });
  } catch (error) {
    if (error !== foreign || upload.content.size > mostAtOnce) throw error === foreign ? inTheWay(upload) : error;
    return undefined;
  }
  if (skipped > 0) trace(() => `storage: ${skipped} of ${ids.length} blocks of ${key} were there from before`);
  return ids;
}

/** Blocks under other names than ours, of another length, wait for the same blob. */
const otherLength = 'InvalidBlobOrBlock';

function inTheWay({ action, key }: Upload): HelperError {
  return new HelperError('config', `${action}: an unfinished upload by another program is in the way ('${key}')`, {
    hints: ['finish it with that program; else the service drops it after a week'],
  });
}

/** In one request, which drops all blocks that wait. The last bytes go when the content has proven itself. */
async function sendWhole(upload: Upload): Promise<void> {
  const { client, key, action, content, signal, moved } = upload;
  trace(() => `storage: ${key} goes in one request, since blocks of another program are in the way`);
  const proven: Content = { size: content.size, open: () => measure(upload) };
  await client.request({ action, method: 'PUT', key, headers: wholeBlob, content: proven, moved }, signal);
}

async function commit(upload: Upload, ids: readonly string[]): Promise<void> {
  const { client, key, action, signal } = upload;
  const body = Buffer.from(`<BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join('')}</BlockList>`);
  const query = [['comp', 'blocklist'] as const];
  const headers = [['content-md5', md5(body, 'base64')] as const, ['content-type', 'application/xml'] as const];
  const call: Call = { action, method: 'PUT', key, query, headers, body, expects: [unknownBlock] };
  if ((await client.request(call, signal)).status < 300) return;
  const why = 'somebody else wrote the object meanwhile, and its blocks are gone';
  throw new HelperError('unavailable', `${action}: ${why} (${unknownBlock}, '${key}')`);
}

const unknownBlock = 'InvalidBlockList';
