import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePage } from '../../../src/storage/azure/listing.ts';

const page = (blobs: string, next = '<NextMarker />'): string =>
  `\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>${blobs}</Blobs>${next}</EnumerationResults>`;
const blob = (name: string, more = ''): string =>
  `<Blob>${name}<Properties><Last-Modified>Mon, 27 Jul 2026 12:28:53 GMT</Last-Modified><Content-Length>7</Content-Length>${more}</Properties><Metadata /></Blob>`;
const modified = Date.UTC(2026, 6, 27, 12, 28, 53);

test('names, plain and encoded', () => {
  const text = page(blob('<Name>a&amp;b &lt;ü&gt; 100%</Name>') + blob('<Name Encoded="true">a%01b</Name>'));
  assert.deepEqual(parsePage(text), {
    objects: [
      { name: 'a&b <ü> 100%', size: 7, modified },
      { name: 'a\u0001b', size: 7, modified },
    ],
    next: undefined,
  });
});

test('folders of hierarchical names are no objects', () => {
  const old = `<Blob><Name>a/folder</Name><Properties><Content-Length>0</Content-Length></Properties>
    <Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>`;
  const text = page(
    old + blob('<Name>b/folder</Name>', '<ResourceType>directory</ResourceType>') + blob('<Name>c</Name>'),
  );
  assert.deepEqual(parsePage(text)?.objects, [{ name: 'c', size: 7, modified }]);
});

test('half a listing must not pass for a whole one', () => {
  assert.equal(parsePage(page('', '<NextMarker>2!8!a&amp;b</NextMarker>'))?.next, '2!8!a&b');
  assert.equal(parsePage(page(blob('<Name>a</Name>')).slice(0, -5)), undefined);
  assert.equal(parsePage('<html>sign in</html>'), undefined);
  assert.equal(parsePage(''), undefined);
});
