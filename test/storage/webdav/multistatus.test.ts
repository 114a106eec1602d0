import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMultistatus } from '../../../src/storage/webdav/multistatus.ts';

const file = (href: string, extra = ''): string =>
  `<D:response><D:href>${href}</D:href><D:propstat><D:prop><D:getcontentlength>5</D:getcontentlength><D:resourcetype/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>${extra}</D:response>`;

test('answers of several servers', () => {
  // Apache: prefixes by number; a property that is not there in a propstat of its own.
  const apache = `<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response xmlns:lp1="DAV:"><D:href>/dav/a%20b/</D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response></D:multistatus>\n`;
  assert.deepEqual(parseMultistatus(apache), [
    { path: '/dav/a b', isFolder: true, size: undefined, modified: Number.NaN },
  ]);
  // IIS: no prefix, whole URLs, entities, blanks.
  const iis = `<multistatus xmlns="DAV:"><response>\n <href> http://h:1/x&amp;y </href><propstat><status>HTTP/1.1 200 OK</status><prop><getcontentlength xmlns:b="urn" b:dt="int">12</getcontentlength><getlastmodified b:dt="dateTime.rfc1123">Mon, 27 Jul 2026 12:28:53 GMT</getlastmodified><resourcetype/></prop></propstat></response></multistatus>`;
  assert.deepEqual(parseMultistatus(iis), [
    { path: '/x&y', isFolder: false, size: 12, modified: Date.UTC(2026, 6, 27, 12, 28, 53) },
  ]);
  const odd = `<d:multistatus xmlns:d="DAV:"><!-- </d:response> -->${file('<![CDATA[/a<b]]>').replaceAll('D:', 'd:')}</d:multistatus>`;
  assert.deepEqual(parseMultistatus(odd), [{ path: '/a<b', isFolder: false, size: 5, modified: Number.NaN }]);
});

test('what the server could not look at, or names in no way, is left out', () => {
  const refused = '<D:response><D:href>/x</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>';
  const text = `<D:multistatus xmlns:D="DAV:">${refused}${file('/%E0%A4%A')}${file('/ok')}</D:multistatus>`;
  assert.deepEqual(
    parseMultistatus(text)?.map(({ path }) => path),
    ['/ok'],
  );
});

test('half an answer is none', () => {
  const text = `<D:multistatus xmlns:D="DAV:">${file('/a')}${file('/b')}</D:multistatus>`;
  for (const cut of [0, 30, text.length - 30, text.length - 1]) {
    assert.equal(parseMultistatus(text.slice(0, cut)), undefined, String(cut));
  }
  assert.equal(parseMultistatus('<html>sign in</html>'), undefined);
  assert.equal(parseMultistatus(text)?.length, 2);
});
