import { textOf, type WireResponse } from '../wire/request.ts';

export function objectsPath(bucket: string): string {
  return `/storage/v1/b/${bucket}/o`;
}

/** @param name the object's whole name in the bucket */
export function objectPath(bucket: string, name: string): string {
  return `${objectsPath(bucket)}/${encodeURIComponent(name)}`;
}

export function uploadPath(bucket: string): string {
  return `/upload${objectsPath(bucket)}`;
}

/** What the service tells of one object (JSON API, "Objects: resource"), as far as we ask. */
export interface StoredObject {
  /** Bytes; undefined where it does not tell. */
  readonly size: number | undefined;
  /** MD5 in Base64; undefined where it does not tell, as of objects composed of others. */
  readonly md5: string | undefined;
  readonly generation: string | undefined;
}

/** To be asked for when an object has been written. */
export const objectFields = 'fields=size,md5Hash,generation';

export function parseObject(response: WireResponse): StoredObject {
  const { size, md5Hash, generation } = parse(response) ?? {};
  return { size: number(size), md5: text(md5Hash), generation: text(generation) };
}

interface ListedObject {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970; NaN where the service does not tell. */
  readonly modified: number;
}

/** One answer of "Objects: list". */
export interface Page {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
}

/** undefined when the answer is no listing: half of one must not pass for all. */
export function parsePage(response: WireResponse): Page | undefined {
  const { kind, items = [], nextPageToken: next } = parse(response) ?? {};
  if (kind !== 'storage#objects') return undefined;
  if (!Array.isArray(items) || (next !== undefined && typeof next !== 'string')) return undefined;
  const objects: ListedObject[] = [];
  for (const item of items) {
    const [name, size] = [text(item?.name), number(item?.size)];
    if (name === undefined || size === undefined) return undefined;
    objects.push({ name, size, modified: Date.parse(text(item?.updated) ?? '') });
  }
  return { objects, next: next === '' ? undefined : next };
}

function parse(response: WireResponse): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(textOf(response));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Numbers beyond JSON's own come as text. */
const number = (value: unknown): number | undefined =>
  typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
