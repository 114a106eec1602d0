import { decodeXml } from '../wire/xml.ts';

/** One resource that a PROPFIND tells of. */
export interface Resource {
  /** Path of its URL, decoded, without the slash at its end. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Bytes; undefined where the server does not tell. */
  readonly size: number | undefined;
}

/** Asks for what `parseMultistatus` reads (RFC 4918, 9.1). */
export const propfindBody: Buffer = Buffer.from(
  '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/></D:prop></D:propfind>',
);

// The prefix of a name is the server's choice.
const prefix = '(?:[\\w.-]+:)?';
const response = new RegExp(`<${prefix}response(?:\\s[^>]*)?>(.*?)</${prefix}response\\s*>`, 'gs');
const hrefElement = new RegExp(`<${prefix}href(?:\\s[^>]*)?>\\s*(.*?)\\s*</${prefix}href\\s*>`, 's');
const lengthElement = new RegExp(`<${prefix}getcontentlength(?:\\s[^>]*)?>\\s*(\\d+)\\s*<`);
const collectionElement = new RegExp(`<${prefix}collection[\\s/>]`);
const statusElement = new RegExp(`</${prefix}href\\s*>\\s*<${prefix}status(?:\\s[^>]*)?>\\s*HTTP/[\\d.]+\\s+(\\d+)`);
const whole = new RegExp(`</${prefix}multistatus\\s*>\\s*$`);

/** The resources of a 207 answer. undefined when it is none, or not all of one: half must not pass for the whole. */
export function parseMultistatus(xml: string): readonly Resource[] | undefined {
  const plain = xml.replace(/<!--.*?-->/gs, '').replace(/<!\[CDATA\[(.*?)\]\]>/gs, (_, text: string) => encode(text));
  if (!whole.test(plain)) return undefined;
  const found: Resource[] = [];
  for (const [, fields = ''] of plain.matchAll(response)) {
    const path = pathOf(decodeXml(hrefElement.exec(fields)?.[1] ?? ''));
    // A resource that the server itself could not look at.
    const status = Number(statusElement.exec(fields)?.[1] ?? 200);
    if (path === undefined || status >= 300) continue;
    const size = lengthElement.exec(fields)?.[1];
    found.push({
      path,
      isFolder: collectionElement.test(fields),
      size: size === undefined ? undefined : Number(size),
    });
  }
  return found;
}

const encode = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Of a path or a whole URL, encoded in one way or another. */
function pathOf(href: string): string | undefined {
  const path = href.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  try {
    return decodeURIComponent(path).replace(/\/+$/, '');
  } catch {
    return undefined;
  }
}
