import { decodeXml, elementsOf, parseSize } from '../wire/xml.ts';
import { element } from './failure.ts';

interface StoredObject {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970; NaN where the service does not tell. */
  readonly modified: number;
}

/** One answer of ListObjectsV2, asked with `encoding-type=url`. */
export interface Page {
  readonly objects: readonly StoredObject[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
}

/**
 * undefined when the text is no listing, ends early, tells of an object without its size, or says there is more and not
 * where: half must not pass for all.
 */
export function parsePage(xml: string): Page | undefined {
  const whole = /<ListBucketResult\b[^<>]*\/>/.test(xml) || xml.includes('</ListBucketResult>');
  if (!xml.includes('<ListBucketResult') || !whole) return undefined;
  // Not every service encodes names when asked to; those that do say so.
  const encoded = element(xml, 'EncodingType') === 'url';
  const objects: StoredObject[] = [];
  for (const fields of elementsOf(xml, 'Contents')) {
    const name = /<Key>([^<]*)<\/Key>/.exec(fields)?.[1] ?? '';
    const size = parseSize(/<Size>([^<]*)<\/Size>/.exec(fields)?.[1]);
    if (size === undefined) return undefined;
    const modified = Date.parse(/<LastModified>([^<]*)</.exec(fields)?.[1] ?? '');
    objects.push({ name: encoded ? decodeName(name) : decodeXml(name), size, modified });
  }
  if (element(xml, 'IsTruncated') !== 'true') return { objects, next: undefined };
  const next = element(xml, 'NextContinuationToken');
  return next === undefined || next === '' ? undefined : { objects, next };
}

/** Form encoding: a blank comes as `+`, a plus as `%2B`. A name that is not encoded after all stays as it is. */
function decodeName(text: string): string {
  const plain = decodeXml(text);
  if (!/[%+]/.test(plain)) return plain;
  try {
    return decodeURIComponent(plain.replaceAll('+', ' '));
  } catch {
    return plain;
  }
}
