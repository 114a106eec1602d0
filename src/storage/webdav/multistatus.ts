import { decodeXml, parseSize } from '../wire/xml.ts';

/** One resource that a PROPFIND tells of. */
export interface Resource {
  /** Path of its URL, decoded, without the slash at its end. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Bytes; undefined where the server does not tell. */
  readonly size: number | undefined;
  /** Milliseconds since 1970; NaN where the server does not tell. */
  readonly modified: number;
}

/** Asks for what `parseMultistatus` reads (RFC 4918, 9.1). */
export const propfindBody: Buffer = Buffer.from(
  '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/></D:prop></D:propfind>',
);

// The prefix of a name is the server's choice. No part of these looks beyond the next `<`, so that none takes long.
const prefix = '(?:[\\w.-]+:)?';
const more = '(?:\\s[^<>]*)?';
const responseBegin = new RegExp(`<${prefix}response${more}>`, 'g');
const responseEnd = new RegExp(`</${prefix}response\\s*>`, 'g');
const hrefBegin = new RegExp(`<${prefix}href${more}>`, 'g');
const hrefEnd = new RegExp(`</${prefix}href\\s*>`, 'g');
const lengthElement = new RegExp(`<${prefix}getcontentlength${more}>\\s*(\\d+)\\s*<`);
const modifiedElement = new RegExp(`<${prefix}getlastmodified${more}>\\s*([^<]*?)\\s*<`);
const collectionElement = new RegExp(`<${prefix}collection[\\s/>]`);
const statusElement = new RegExp(`</${prefix}href\\s*>\\s*<${prefix}status${more}>\\s*HTTP/[\\d.]+\\s+(\\d+)`);
const whole = new RegExp(`</${prefix}multistatus\\s*>\\s*$`);

/** The resources of a 207 answer. undefined when it is none, or not all of one: half must not pass for the whole. */
export function parseMultistatus(xml: string): readonly Resource[] | undefined {
  const plain = withoutComments(xml);
  if (plain === undefined || !whole.test(plain)) return undefined;
  const found: Resource[] = [];
  for (const fields of between(plain, responseBegin, responseEnd)) {
    const [href = ''] = between(fields, hrefBegin, hrefEnd);
    const path = pathOf(decodeXml(href.trim()));
    // A resource that the server itself could not look at.
    const status = Number(statusElement.exec(fields)?.[1] ?? 200);
    if (path === undefined || status >= 300) continue;
    found.push({
      path,
      isFolder: collectionElement.test(fields),
      size: parseSize(lengthElement.exec(fields)?.[1]),
      modified: Date.parse(modifiedElement.exec(fields)?.[1] ?? ''),
    });
  }
  return found;
}

/** What stands between each beginning and the end that follows it. */
function* between(text: string, begin: RegExp, end: RegExp): Generator<string> {
  for (let at = 0; ; ) {
    const opened = search(text, begin, at);
    const closed = opened === undefined ? undefined : search(text, end, opened.end);
    if (opened === undefined || closed === undefined) return;
    yield text.slice(opened.end, closed.start);
    at = closed.end;
  }
}

function search(
  text: string,
  pattern: RegExp,
  from: number,
): { readonly start: number; readonly end: number } | undefined {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? undefined : { start: match.index, end: pattern.lastIndex };
}

/** Without comments, and with the text of CDATA as other text; undefined where one of them does not end. */
function withoutComments(xml: string): string | undefined {
  const parts: string[] = [];
  let at = 0;
  for (const mark = /<!--|<!\[CDATA\[/g; ; ) {
    mark.lastIndex = at;
    const found = mark.exec(xml);
    if (found === null) break;
    const isComment = found[0] === '<!--';
    const end = xml.indexOf(isComment ? '-->' : ']]>', mark.lastIndex);
    if (end < 0) return undefined;
    parts.push(xml.slice(at, found.index), isComment ? '' : encode(xml.slice(mark.lastIndex, end)));
    at = end + 3;
  }
  return `${parts.join('')}${xml.slice(at)}`;
}

const encode = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Of a path or a whole URL, encoded in one way or another. */
function pathOf(href: string): string | undefined {
  const path = href.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  try {
    return withoutSlashes(decodeURIComponent(path));
  } catch {
    return undefined;
  }
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
