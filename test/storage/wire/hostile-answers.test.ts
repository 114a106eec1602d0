// Answers made to keep a reader busy, or to pass for what they are not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePage as parseAzurePage } from '../../../src/storage/azure/listing.ts';
import { parsePage as parseS3Page } from '../../../src/storage/s3/listing.ts';
import { parseKeywords } from '../../../src/storage/ssh/client-config.ts';
import { parseMultistatus } from '../../../src/storage/webdav/multistatus.ts';

const times = 50_000;
const readers: readonly (readonly [name: string, read: () => unknown])[] = [
  ['S3, objects without end', () => parseS3Page(`<ListBucketResult${'<Contents>'.repeat(times)}`)],
  [
    'Azure, blobs without end',
    () => parseAzurePage(`<EnumerationResults${'<Blob>'.repeat(times)}</EnumerationResults>`),
  ],
  ...['<response>', '<response ', '<!--', '<![CDATA['].map((piece): [string, () => unknown] => [
    `WebDAV, ${piece}`,
    () => parseMultistatus(`${piece.repeat(times)}</multistatus>`),
  ]),
  ['WebDAV, blanks', () => parseMultistatus(`<response><href>${' '.repeat(times)}</response></multistatus>`)],
  ['ssh, one keyword', () => parseKeywords('identityfile x\n'.repeat(times))],
];
for (const [name, read] of readers) {
  test(`is read once from its begin to its end: ${name}`, () => {
    const before = process.cpuUsage();
    read();
    assert.ok(process.cpuUsage(before).user < 1_000_000);
  });
}

test('an object without a size that can be is no part of a listing', () => {
  for (const size of ['', '<Size></Size>', '<Size>-1</Size>', '<Size>1e3</Size>', '<Size>99999999999999999999</Size>'])
    assert.equal(
      parseS3Page(`<ListBucketResult><Contents><Key>a</Key>${size}</Contents></ListBucketResult>`),
      undefined,
    );
  for (const size of ['', '<Content-Length>x</Content-Length>', `<Content-Length>${'9'.repeat(400)}</Content-Length>`])
    assert.equal(
      parseAzurePage(`<EnumerationResults><Blob><Name>a</Name>${size}</Blob></EnumerationResults>`),
      undefined,
    );
  const dav = (size: string): unknown =>
    parseMultistatus(`<response><href>/a</href><getcontentlength>${size}</getcontentlength></response></multistatus>`);
  assert.deepEqual(dav(' 7 '), [{ path: '/a', isFolder: false, size: 7, modified: Number.NaN }]);
  assert.deepEqual(dav('9'.repeat(400)), [{ path: '/a', isFolder: false, size: undefined, modified: Number.NaN }]);
});

test('comments and CDATA are told apart in the order in which they come', () => {
  const read = (href: string): unknown => parseMultistatus(`<response><href>${href}</href></response></multistatus>`);
  const path = (text: string): unknown => [{ path: text, isFolder: false, size: undefined, modified: Number.NaN }];
  assert.deepEqual(read('/a<!-- <![CDATA[ -->b'), path('/ab'));
  assert.deepEqual(read('/a<![CDATA[<!--b-->]]>'), path('/a<!--b-->'));
  assert.equal(read('/a<!--'), undefined);
});
