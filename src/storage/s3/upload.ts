import { HelperError } from '../../model/error.ts';
import type { Content } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import { measure, readWhole } from '../content.ts';
import { textOf } from '../wire/request.ts';
import type { Budget } from './budget.ts';
import type { Call, Client } from './client.ts';
import { element } from './failure.ts';
import type { Headers } from './settings.ts';
import { encodePart } from './signature.ts';

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

/** The content cut into buffers of `size` bytes, the last one shorter. Reads to the end, where content proves itself. */
async function* cut(upload: Upload, size: number, buffers: Buffer[]): AsyncGenerator<Buffer> {
  let part: Buffer = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of measure(upload)) {
    for (let at = 0; at < chunk.length; ) {
      if (filled === 0) part = buffers.pop() ?? Buffer.allocUnsafeSlow(size);
      const count = Math.min(size - filled, chunk.length - at);
      part.set(chunk.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled === size) {
        yield part;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

async function uploadInParts(upload: Upload): Promise<void> {
  const { client, key, action, objectHeaders, signal } = upload;
  const headers = [...upload.createHeaders, ...objectHeaders];
  const begun = await client.request({ action, method: 'POST', key, query: 'uploads=', headers }, signal);
  const id = element(textOf(begun), 'UploadId');
  if (id === undefined)
    throw new HelperError('unavailable', `${action}: the service named no multipart upload ('${key}')`);
  try {
    await complete(upload, id, await sendParts(upload, id));
  } catch (error) {
    await abandon(upload, id);
    throw error;
  }
}

/** Sends parts as they fill up, a few at once. Answers their ETags. After a failure it waits for those under way. */
async function sendParts(upload: Upload, id: string): Promise<readonly string[]> {
  const { client, key, action, objectHeaders, content, budget, moved } = upload;
  const size = Math.max(partBytes, Math.ceil(content.size / mostParts / mib) * mib);
  const stop = new AbortController();
  const signal = AbortSignal.any([upload.signal, stop.signal]);
  const tags: string[] = [];
  const buffers: Buffer[] = [];
  const underway = new Set<Promise<void>>();
  let release = await budget.take(size, signal);
  const send = async (number: number, body: Buffer, free: () => void): Promise<void> => {
    try {
      const query = `partNumber=${number}&uploadId=${encodePart(id)}`;
      const call = { action, method: 'PUT', key, query, headers: objectHeaders, body, moved } as const;
      const sent = await client.request(call, signal);
      tags[number - 1] = sent.headers.etag ?? '';
      if (body.length === size) buffers.push(body);
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      free();
    }
  };
  try {
    let number = 0;
    for await (const body of cut({ ...upload, signal }, size, buffers)) {
      number += 1;
      const sending = send(number, body, release).finally(() => underway.delete(sending));
      underway.add(sending);
      // A failure aborts `signal`, where this loop meets it.
      sending.catch(() => {});
      while (underway.size >= partsAtOnce) await Promise.race(underway);
      release = await budget.take(size, signal);
    }
    await Promise.all(underway);
    return tags;
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    release();
    await Promise.allSettled(underway);
  }
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
