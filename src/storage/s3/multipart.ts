import { HelperError } from '../../model/error.ts';
import type { Content } from '../../model/operation.ts';
import type { Budget } from '../parts/budget.ts';
import { sendParts } from '../parts/upload.ts';
import type { UploadMemory } from '../remote.ts';
import { encodePart } from '../wire/encode.ts';
import { textOf } from '../wire/request.ts';
import type { Call, Client } from './client.ts';
import { element } from './failure.ts';
import type { Headers } from './settings.ts';

import { abandon, isHere, type Part, recall, type Unfinished } from './unfinished.ts';

const mib = 1024 * 1024;
/** Parts have at least this size. */
export const leastPartBytes: number = 8 * mib;
/** What a service takes (S3 User Guide, "multipart upload limits"), and what one buffer of Node 20 holds. */
const mostParts = 10_000;
const mostPartBytes = 4096 * mib;
const partsAtOnce = 5;

export interface Upload {
  readonly client: Client;
  readonly budget: Budget;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  readonly content: Content;
  readonly createHeaders: Headers;
  readonly objectHeaders: Headers;
  /** Left out, nothing is left of an upload that does not end. */
  readonly uploads?: UploadMemory | undefined;
  readonly signal: AbortSignal;
  readonly moved?: ((bytes: number) => void) | undefined;
}

/** Bytes of each part but the last. Throws `unsupported` for an object that no number of parts can carry. */
export function partBytesOf(size: number, action: string): number {
  const bytes = Math.max(leastPartBytes, Math.ceil(size / mostParts / mib) * mib);
  if (bytes <= mostPartBytes) return bytes;
  const most = Math.floor((mostPartBytes * mostParts) / mib ** 2);
  throw new HelperError('unsupported', `${action}: an object of more than ${most} TiB does not fit into S3`);
}

/**
 * Sends an object in parts, and goes on where an earlier run ended: what the service still has of it is compared with the
 * content, part by part.
 */
export async function uploadInParts(upload: Upload): Promise<void> {
  const { key, uploads, content, action } = upload;
  const begun = await begin(upload, partBytesOf(content.size, action));
  const fault = { ofContent: false };
  try {
    await complete(upload, begun.id, await sendAll(upload, begun, fault));
    uploads?.forget(key);
  } catch (error) {
    const gone = error instanceof GoneError;
    if (uploads === undefined || fault.ofContent || gone || isFinal(error)) {
      uploads?.forget(key);
      await abandon(upload, key, begun.id);
    }
    // Another push of this clone may have ended it.
    if (!gone || !(await isThere(upload))) throw error;
  }
}

/** The service does not know the upload any more: it was joined, or ended by somebody, or by a rule for old parts. */
class GoneError extends HelperError {}

/** True where the same parts could never be joined. */
function isFinal(error: unknown): boolean {
  return error instanceof HelperError && ['config', 'unsupported', 'corrupt'].includes(error.code);
}

interface Begun extends Unfinished {
  /** What the service has of it, by number. */
  readonly parts: ReadonlyMap<number, Part>;
}

async function begin(upload: Upload, partBytes: number): Promise<Begun> {
  const { client, key, action, content, uploads, signal } = upload;
  const known = await recall(upload);
  const goesOn = known?.parts !== undefined && known.size === content.size && known.partBytes >= partBytes;
  let begun: Begun | undefined = goesOn ? { ...known, parts: known.parts ?? new Map() } : undefined;
  if (begun === undefined) {
    const headers = [...upload.createHeaders, ...upload.objectHeaders];
    const answer = await client.request({ action, method: 'POST', key, query: 'uploads=', headers }, signal);
    const id = element(textOf(answer), 'UploadId');
    if (id === undefined)
      throw new HelperError('unavailable', `${action}: the service named no multipart upload ('${key}')`);
    if (known !== undefined) await abandon(upload, key, known.id);
    begun = { id, size: content.size, partBytes, parts: new Map() };
  }
  // Also of one that goes on: it is as young again.
  const { id, size, partBytes: bytes } = begun;
  uploads?.note(key, JSON.stringify({ id, size, partBytes: bytes } satisfies Unfinished));
  return begun;
}

interface Fault {
  /** The content could not be read, or was not what it promised. */
  ofContent: boolean;
}

/** The same content, which notes in `fault` when it cannot be read. */
function watched({ content, signal }: Upload, fault: Fault): Content {
  return {
    size: content.size,
    async *open() {
      try {
        yield* content.open();
      } catch (error) {
        fault.ofContent = !signal.aborted;
        throw error;
      }
    },
  };
}

/** Sends what is not there. Answers the ETags of all parts. */
async function sendAll(upload: Upload, begun: Begun, fault: Fault): Promise<readonly string[]> {
  const { client, key, action, objectHeaders, moved } = upload;
  const { id, partBytes, parts } = begun;
  const tags: string[] = [];
  await sendParts({
    ...upload,
    content: watched(upload, fault),
    partBytes,
    partsAtOnce,
    async send(number, body, signal) {
      const there = parts.get(number);
      if (there !== undefined && isHere(there, body)) {
        tags[number - 1] = there.tag;
        moved?.(body.length);
        return;
      }
      const query = `partNumber=${number}&uploadId=${encodePart(id)}`;
      const call = { action, method: 'PUT', key, query, headers: objectHeaders, body, moved, expects: [404] } as const;
      const sent = await client.request(call, signal);
      if (sent.status === 404)
        throw new GoneError('unavailable', `${action}: the service has ended the upload ('${key}')`);
      tags[number - 1] = sent.headers.etag ?? '';
    },
  });
  return tags;
}

async function complete(upload: Upload, id: string, tags: readonly string[]): Promise<void> {
  const { client, key, action, objectHeaders, signal } = upload;
  const quoted = (tag: string): string =>
    tag.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  const parts = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${quoted(tag)}</ETag></Part>`);
  const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
  const query = `uploadId=${encodePart(id)}`;
  const call: Call = { action, method: 'POST', key, query, headers: objectHeaders, body, expects: [404] };
  const done = await client.request(call, signal);
  const text = textOf(done);
  // S3 answers 200 before it knows: the error then stands in the body.
  if (done.status === 200 && !/<Error[\s>]/.test(text)) return;
  // Of a 404: the first of two tries may have worked although its answer was lost, which whoever catches it looks into.
  const why = `${action}: the parts could not be joined (${element(text, 'Code') ?? done.status}, '${key}')`;
  throw done.status === 404 ? new GoneError('unavailable', why) : new HelperError('unavailable', why);
}

async function isThere({ client, key, action, objectHeaders, content, signal }: Upload): Promise<boolean> {
  const head = await client.request({ action, method: 'HEAD', key, headers: objectHeaders, expects: [404] }, signal);
  return head.status === 200 && Number(head.headers['content-length']) === content.size;
}
