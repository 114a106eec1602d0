// What storage services say: listings, complaints and challenges, which come from whoever answers at a URL.
import { parsePage as parseAzurePage } from '../../src/storage/azure/listing.ts';
import { openDigest } from '../../src/storage/http/digest.ts';
import { element } from '../../src/storage/s3/failure.ts';
import { parsePage as parseS3Page } from '../../src/storage/s3/listing.ts';
import { parseMultistatus } from '../../src/storage/webdav/multistatus.ts';
import type { Campaign } from './campaign.ts';
import { control, textOf, tokens, words } from './text.ts';

const tag = /<[^>]*>|&[^;]*;/g;

/** Entries by name, as an honest service would tell of them. */
const entries: readonly (readonly [name: string, size: number])[] = [
  ['files/md5/ab/cdef0123456789abcdef0123456789', 5],
  ['files/md5/00/0000000000000000000000000000.dir', 0],
  ['a b/ü&<>"+%41', 9_007_199_254_740_991],
];
const xmlText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

interface Listed {
  readonly name: string;
  readonly size: number | undefined;
}

/** What is wrong with a listing that was taken for one. */
function complainOf(listed: readonly Listed[] | undefined, text: string, honest: string): string | undefined {
  if (listed === undefined) return text === honest ? 'did not understand an honest listing' : undefined;
  const bad = listed.find(({ size }) => size !== undefined && !(Number.isSafeInteger(size) && size >= 0));
  if (bad !== undefined) return `took ${bad.size} for a size`;
  if (text !== honest) return undefined;
  const same =
    listed.length === entries.length &&
    entries.every(([name, size], at) => listed[at]?.name === name && listed[at]?.size === size);
  return same ? undefined : `read ${JSON.stringify(listed)}`;
}

const hostile = words(
  ...[
    '<',
    '>',
    '/>',
    '</',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '&#x110000;',
    '&#0;',
    '&amp;',
    '&#xfffff;',
    '%',
    '%zz',
    '%2e%2e%2f',
  ],
  ...['<!DOCTYPE x [<!ENTITY a "b">]>', '&a;', '99999999999999999999999', '-1', '1e400', ' ', '\u0000', '+', '..', '/'],
);

const s3Text = `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>data</Name><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>${entries
  .map(
    ([name, size]) =>
      `<Contents><Key>${encodeURIComponent(name).replaceAll('%20', '+')}</Key><Size>${size}</Size><ETag>&quot;x&quot;</ETag></Contents>`,
  )
  .join('')}<NextContinuationToken>1/t=</NextContinuationToken></ListBucketResult>`;

const s3: Campaign = {
  name: 'listings of S3',
  honest: [tokens(s3Text, tag)],
  dictionary: [...tokens(s3Text, tag), ...hostile],
  cpuMs: 2_000,
  judge: async (pieces) => {
    const text = textOf(pieces);
    const page = parseS3Page(text);
    if (page?.next === '') return 'goes on nowhere';
    element(text, 'Code');
    return complainOf(page?.objects, text, s3Text);
  },
};

const azureText = `\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="data"><Blobs>${entries
  .map(
    ([name, size]) =>
      `<Blob><Name>${xmlText(name)}</Name><Properties><Content-Length>${size}</Content-Length></Properties><Metadata><a>b</a></Metadata></Blob>`,
  )
  .join(
    '',
  )}<Blob><Name>folder</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob></Blobs><NextMarker>2!x</NextMarker></EnumerationResults>`;

const azure: Campaign = {
  name: 'listings of Azure',
  honest: [tokens(azureText, tag)],
  dictionary: [...tokens(azureText, tag), ...words('<Name Encoded="true">', '%ff'), ...hostile],
  cpuMs: 2_000,
  judge: async (pieces) => {
    const text = textOf(pieces);
    const page = parseAzurePage(text);
    if (page?.next === '') return 'goes on nowhere';
    return complainOf(page?.objects, text, azureText);
  },
};

const davText = `<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n${entries
  .map(
    ([name, size]) =>
      `<D:response><D:href>/${name.split('/').map(encodeURIComponent).join('/')}</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>${size}</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`,
  )
  .join('\n')}\n</D:multistatus>\n`;

const webdav: Campaign = {
  name: 'listings of WebDAV',
  honest: [tokens(davText, tag)],
  dictionary: [
    ...tokens(davText, tag),
    ...words(
      '<D:collection/>',
      '<response xmlns="DAV:">',
      '</response>',
      '<href>',
      '</href >',
      '<D:response ',
      'https://other/',
      '<status>HTTP/1.1 404</status>',
    ),
    ...hostile,
  ],
  cpuMs: 2_000,
  judge: async (pieces) => {
    const text = textOf(pieces);
    const found = parseMultistatus(text);
    const listed = found?.map(({ path, size }) => ({ name: path.slice(1), size }));
    return complainOf(listed, text, davText);
  },
};

const challenges: Campaign = {
  name: 'challenges of HTTP servers',
  honest: [
    words(
      'Digest ',
      'realm="a, b"',
      ', ',
      'nonce="abc"',
      ', ',
      'qop="auth,auth-int"',
      ', ',
      'algorithm=SHA-256',
      ', ',
      'opaque="x"',
    ),
    words('Basic realm="x"', ', ', 'Digest ', 'realm=x', ',', 'nonce=y', ' ,', 'stale=TRUE'),
  ],
  dictionary: words(
    'Digest ',
    ', ',
    ' ',
    '=',
    '"',
    '\\"',
    'nonce=',
    'algorithm=MD5-sess',
    'qop=auth',
    'stale=true',
    'a=b',
    '\t',
  ),
  cpuMs: 1_000,
  judge: async (pieces) => {
    // No header is longer (node:http, maxHeaderSize).
    const text = textOf(pieces).slice(0, 16 * 1024);
    const digest = openDigest('ada', 'pass');
    const taken = digest.take(text, undefined);
    const answer = digest.answer('GET', '/path');
    if (taken !== (answer !== undefined)) return 'a challenge without an answer';
    return answer !== undefined && control.test(answer) && !control.test(text)
      ? 'made up control characters'
      : undefined;
  },
};

export const storageAnswers: readonly Campaign[] = [s3, azure, webdav, challenges];
