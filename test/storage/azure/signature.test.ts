import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pairs, signShared, textToSign } from '../../../src/storage/azure/signature.ts';

const key = Uint8Array.from({ length: 64 }, (_, at) => at);
const common: Pairs = [
  ['x-ms-date', 'Tue, 05 Mar 2024 06:07:08 GMT'],
  ['x-ms-version', '2021-12-02'],
];

test('what the Azure SDK for Python signs', () => {
  const cases: readonly (readonly [string, string, Pairs, Pairs, string])[] = [
    ['HEAD', '/data/store/files/md5/ab/cd', [], [], 'dU+Rxv1uGN26nfSKbfclmgQVIo6KVYk5yQ4RTlfl6vM='],
    [
      'PUT',
      '/data/odd%20%C3%BC/x%27y',
      [
        ['comp', 'block'],
        ['blockid', 'YWJj+Q=='],
        ['timeout', '30'],
      ],
      [
        ['content-length', '9'],
        ['content-md5', 'XrY7u+Ae7tCTyyK7j1rNww=='],
      ],
      '2iRp/9ictX/jk/TSAFipl3lhicBv0w9crBHbt0vljFo=',
    ],
    [
      'PUT',
      '/data/empty',
      [],
      [
        ['content-length', '0'],
        ['content-type', 'application/octet-stream'],
        ['x-ms-blob-type', 'BlockBlob'],
      ],
      'rPls8NzCTCaj7N07U9/6H35cohdNBqU8FzBNfx28XyU=',
    ],
    [
      'GET',
      '/teamdata/data/x',
      [['versionid', '2024-03-05T06:07:08.1234567Z']],
      [
        ['if-match', '"0x8D"'],
        ['x-ms-range', 'bytes=0-99'],
      ],
      'PAboqV3nOkqt8Ehcf/umFyGhwQmawhG2bON8+n4NTyQ=',
    ],
    [
      'GET',
      '/data',
      [
        ['restype', 'container'],
        ['comp', 'list'],
        ['prefix', 'a b/c'],
        ['include', 'metadata'],
        ['marker', '2!92!x'],
      ],
      [],
      'Tjf/3laaZ92yIxdn1sHf+FcXoWKFBz9fDdsElvVwz4U=',
    ],
  ];
  for (const [method, path, query, headers, signature] of cases) {
    const unsigned = { method, path, query, headers: [...headers, ...common] };
    assert.equal(signShared(unsigned, 'teamdata', key), `SharedKey teamdata:${signature}`, path);
  }
});

test('headers and query come in order of their names, other headers on lines of their own', () => {
  const text = textToSign(
    {
      method: 'PUT',
      path: '/c/b',
      query: [
        ['comp', 'block'],
        ['blockid', 'x='],
      ],
      headers: [
        ['x-ms-version', 'v'],
        ['content-type', 't'],
        ['if-match', 'e'],
        ['range', 'r'],
        ['x-ms-date', 'd'],
      ],
    },
    'name',
  );
  assert.equal(text, 'PUT\n\n\n\n\nt\n\n\ne\n\n\nr\nx-ms-date:d\nx-ms-version:v\n/name/c/b\nblockid:x=\ncomp:block');
});
