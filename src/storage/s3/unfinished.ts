import { createHash } from 'node:crypto';
import { HelperError } from '../../model/error.ts';
import { trace } from '../../report/trace.ts';
import type { UploadMemory } from '../remote.ts';
import { encodePart } from '../wire/encode.ts';
import { textOf } from '../wire/request.ts';
import { decodeXml, elementsOf } from '../wire/xml.ts';
import type { Client } from './client.ts';
import { element } from './failure.ts';

/** The object that is about to be sent. */
interface Upload {
  readonly client: Client;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  readonly uploads?: UploadMemory | undefined;
  readonly signal: AbortSignal;
}

/** A multipart upload that did not end, as it is noted. */
export interface Unfinished {
  readonly id: string;
  /** Bytes of the object. */
  readonly size: number;
  /** Bytes of each part but the last. */
  readonly partBytes: number;
}

/** What the service has of one part. */
export interface Part {
  /** As it came, quoted. */
  readonly tag: string;
  readonly size: number;
}

/** Abandoned uploads that one run tells the service of. */
const mostTidied = 20;
const patienceMs = 10_000;

/**
 * What an earlier run noted, with the parts that the service has; undefined when there is nothing, or the service does not
 * know of it. `parts` is undefined when it does not tell.
 */
export async function recall(
  upload: Upload,
): Promise<(Unfinished & { readonly parts: ReadonlyMap<number, Part> | undefined }) | undefined> {
  const { key, uploads } = upload;
  const text = uploads?.recall(key);
  const noted = text === undefined ? undefined : parse(text);
  if (noted === undefined) return undefined;
  try {
    const parts = await listParts(upload, noted.id);
    if (parts !== undefined) return { ...noted, parts };
    uploads?.forget(key);
    return undefined;
  } catch (error) {
    // Listing parts is a permission of its own. If it is more than that, beginning anew will say so.
    const refused = error instanceof HelperError && (error.code === 'auth' || error.code === 'config');
    if (!refused) throw error;
    trace(() => `storage: parts of ${key} cannot be listed: ${error.message}`);
    return { ...noted, parts: undefined };
  }
}

function parse(text: string): Unfinished | undefined {
  try {
    const { id, size, partBytes } = JSON.parse(text) as Partial<Unfinished>;
    const known = typeof id === 'string' && id !== '' && Number.isSafeInteger(size) && Number.isSafeInteger(partBytes);
    return known ? { id, size: Number(size), partBytes: Number(partBytes) } : undefined;
  } catch {
    return undefined;
  }
}

/** undefined: there is no such upload. */
async function listParts(upload: Upload, id: string): Promise<ReadonlyMap<number, Part> | undefined> {
  const { client, key, action, signal } = upload;
  const found = new Map<number, Part>();
  for (let after = 0; ; ) {
    const query = `max-parts=1000&part-number-marker=${after}&uploadId=${encodePart(id)}`;
    const answer = await client.request({ action, method: 'GET', key, query, expects: [404] }, signal);
    if (answer.status === 404) return undefined;
    const xml = textOf(answer);
    for (const fields of elementsOf(xml, 'Part')) {
      const tag = decodeXml(/<ETag>([^<]*)<\/ETag>/.exec(fields)?.[1] ?? '');
      found.set(Number(element(fields, 'PartNumber')), { tag, size: Number(element(fields, 'Size')) });
    }
    const next = Number(element(xml, 'NextPartNumberMarker'));
    // What is not listed is only sent again.
    if (element(xml, 'IsTruncated') !== 'true' || !(next > after)) return found;
    after = next;
  }
}

/**
 * True when the service has these bytes as the part. Its ETag is their MD5, but for parts under a key of the customer's or
 * of a key service: those are sent again.
 */
export function isHere({ tag, size }: Part, body: Uint8Array): boolean {
  if (size !== body.length) return false;
  return tag.replaceAll('"', '').toLowerCase() === createHash('md5').update(body).digest('hex');
}

/** Takes an upload back, its parts with it. Best effort: answers whether the service agreed. */
export async function abandon(
  { client, action }: { readonly client: Client; readonly action: string },
  key: string,
  id: string,
): Promise<boolean> {
  try {
    const query = `uploadId=${encodePart(id)}`;
    await client.request({ action, method: 'DELETE', key, query, expects: [404] }, AbortSignal.timeout(patienceMs));
    return true;
  } catch (error) {
    trace(() => `storage: multipart upload of ${key} could not be taken back: ${String(error)}`);
    return false;
  }
}

/** Takes back what earlier runs noted and nobody went on with: the service would keep the parts, at somebody's cost. */
export async function tidy(client: Client, uploads: UploadMemory, action: string): Promise<void> {
  const old = uploads.expired().slice(0, mostTidied);
  await Promise.all(
    old.map(async ([key, text]) => {
      const noted = parse(text);
      if (noted === undefined || (await abandon({ client, action }, key, noted.id))) uploads.forget(key);
    }),
  );
}
