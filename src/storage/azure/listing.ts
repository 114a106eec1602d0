import { percentDecoded } from '../../model/percent.ts';
import { decodeXml, elementsOf, parseSize } from '../wire/xml.ts';
import { element } from './failure.ts';

interface StoredBlob {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970; NaN where the service does not tell. */
  readonly modified: number;
}

/** One answer of List Blobs, asked with `include=metadata`. */
export interface Page {
  readonly objects: readonly StoredBlob[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
}

/**
 * Folders of an account with hierarchical names come as blobs that say so, and are left out. undefined when the text is
 * no whole listing: half of one must not pass for all.
 */
export function parsePage(xml: string): Page | undefined {
  if (!xml.includes('<EnumerationResults') || !xml.trimEnd().endsWith('</EnumerationResults>')) return undefined;
  const objects: StoredBlob[] = [];
  for (const fields of elementsOf(xml, 'Blob')) {
    const [, encoded, text = ''] = /<Name( Encoded="true")?>([^<]*)<\/Name>/.exec(fields) ?? [];
    // Names that XML cannot carry are percent-encoded.
    const name = encoded === undefined ? decodeXml(text) : percentDecoded(decodeXml(text));
    if (isFolder(fields)) continue;
    const size = parseSize(/<Content-Length>([^<]*)<\/Content-Length>/.exec(fields)?.[1]);
    if (size === undefined) return undefined;
    objects.push({ name, size, modified: Date.parse(/<Last-Modified>([^<]*)</.exec(fields)?.[1] ?? '') });
  }
  const next = element(xml, 'NextMarker');
  return { objects, next: next === '' ? undefined : next };
}

function isFolder(fields: string): boolean {
  return /<hdi_isfolder>true<|<ResourceType>directory</i.test(fields);
}
