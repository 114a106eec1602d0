import { HelperError } from '../../model/error.ts';
import type { Content } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import { readWhole } from '../content.ts';
import type { Budget } from '../parts/budget.ts';
import { sendParts } from '../parts/upload.ts';
import { encodePart } from '../wire/encode.ts';
import { textOf } from '../wire/request.ts';
import type { Call, Client } from './client.ts';
import { element } from './failure.ts';
import type { Headers } from './settings.ts';

const mib = 1024 * 1024;
/** Objects up to this size go in one request, bigger ones in parts of at least this size. */
const partBytes: number = 8 * mib;
const mostParts = 10_000;
const partsAtOnce = 5;
// What a body may take without asking; below it a request's own overhead is of the same order.
const smallBytes = 256 * 1024;

export interface Upload {
  readonly client: Client;
  readonly budget: Budget;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  readonly content: Content;
  readonly createHeaders: Headers;
  readonly objectHeaders: Headers;
  readonly signal: AbortSignal;
  readonly moved?: ((bytes: number) => void) | undefined;
}

export async function uploadObject(upload: Upload): Promise<void> {
  const { content, signal, budget } = upload;
  if (content.size > partBytes) return uploadInParts(upload);
  const release = content.size > smallBytes ? await budget.take(content.size, signal) : undefined;
  try {
    const body = await readWhole(upload);
    const { client, key, action, createHeaders, objectHeaders, moved } = upload;
    const headers = [...createHeaders, ...objectHeaders];
    await client.request({ action, method: 'PUT', key, headers, body, moved }, signal);
  } finally {
    release?.();
  }
}

async function uploadInParts(upload: Upload): Promise<void> {
  const { client, key, action, objectHeaders, signal } = upload;
  const headers = [...upload.createHeaders, ...objectHeaders];
  const begun = await client.request({ action, method: 'POST', key, query: 'uploads=', headers }, signal);
  const id = element(textOf(begun), 'UploadId');
  if (id === undefined)
    throw new HelperError('unavailable', `${action}: the service named no multipart upload ('${key}')`);
  try {
    await complete(upload, id, await sendAll(upload, id));
  } catch (error) {
    await abandon(upload, id);
    throw error;
  }
}

/** Answers the ETags of the parts. */
async function sendAll(upload: Upload, id: string): Promise<readonly string[]> {
  const { client, key, action, objectHeaders, moved } = upload;
  const tags: string[] = [];
  await sendParts({
    ...upload,
    partBytes: Math.max(partBytes, Math.ceil(upload.content.size / mostParts / mib) * mib),
    partsAtOnce,
    async send(number, body, signal) {
      const query = `partNumber=${number}&uploadId=${encodePart(id)}`;
      const call = { action, method: 'PUT', key, query, headers: objectHeaders, body, moved } as const;
      const sent = await client.request(call, signal);
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
  // The first of two tries may have worked although its answer was lost.
  const head = await client.request({ action, method: 'HEAD', key, headers: objectHeaders, expects: [404] }, signal);
  if (done.status === 404 && Number(head.headers['content-length']) === upload.content.size && head.status === 200)
    return;
  throw new HelperError(
    'unavailable',
    `${action}: the parts could not be joined (${element(text, 'Code') ?? done.status}, '${key}')`,
  );
}

async function abandon(upload: Upload, id: string): Promise<void> {
  const { client, key, action } = upload;
  try {
    const call: Call = { action, method: 'DELETE', key, query: `uploadId=${encodePart(id)}`, expects: [404] };
    await client.request(call, AbortSignal.timeout(10_000));
  } catch (error) {
    trace(() => `storage: multipart upload of ${key} could not be taken back: ${String(error)}`);
  }
}
