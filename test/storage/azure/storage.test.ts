// What Azurite cannot show: versions, folders of hierarchical names, tiers, and answers of somebody who is not Azure.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { openAzureStorage } from '../../../src/storage/azure/storage.ts';
import type { ReadOperation, Storage } from '../../../src/storage/remote.ts';
import { failsWith, listAll, operation, readAll } from '../../conformance/storage.ts';
import { anyGuard } from '../../kit/trusting.ts';

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse, url: URL) => void;
let asked: string[] = [];
before(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response, new URL(request.url ?? '/', 'http://service'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
});

async function using(work: (storage: Storage) => Promise<void>): Promise<void> {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/team`;
  const options = { connection_string: `AccountName=team;AccountKey=c2VjcmV0;BlobEndpoint=${endpoint}` };
  const config = { name: 'store', scheme: 'azure', url: 'azure://data/p', options, committed: new Set<string>() };
  const storage = await openAzureStorage(config, {
    ...{ env: {}, home: '/nonexistent', guard: anyGuard },
    retry: { tries: 1 },
  });
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

const refuse = (response: ServerResponse, status: number, code: string, message = 'no'): void => {
  response.writeHead(status, code === '' ? {} : { 'x-ms-error-code': code });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}.\nRequestId:1</Message></Error>`);
};

test('a version is read by its ID, all ranges of it', { timeout: 30_000 }, () =>
  using(async (storage) => {
    const size = 40 << 20;
    answer = (request, response) => {
      const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(String(request.headers['x-ms-range'])) ?? []).map(Number);
      const end = Math.min(to, size - 1);
      const headers = {
        etag: '"e"',
        'content-range': `bytes ${from}-${end}/${size}`,
        'content-length': end + 1 - from,
      };
      response.writeHead(206, headers).end(Buffer.alloc(end + 1 - from, 7));
    };
    const to: ReadOperation = { ...operation, version: '2024-03-05T06:07:08.1234567Z', start: 5 };
    assert.equal((await readAll(storage, 'a/b', to)).length, size - 5);
    assert.equal(asked.length, 3);
    for (const each of asked) assert.equal(each, 'GET /team/data/p/a/b?versionid=2024-03-05T06%3A07%3A08.1234567Z');
    answer = (_, response) => refuse(response, 404, 'BlobNotFound');
    await assert.rejects(readAll(storage, 'a/b', to), failsWith('missing'));
  }),
);

test('a listing goes on where the service says', () =>
  using(async (storage) => {
    const page = (name: string, next: string): string =>
      `<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>p/${name}</Name><Properties><Content-Length>3` +
      `</Content-Length></Properties></Blob></Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`;
    answer = (_, response, url) => {
      const marker = url.searchParams.get('marker');
      response.end(marker === null ? page('a', '2!8!x&amp;y') : page('b', ''));
      if (marker !== null) assert.equal(marker, '2!8!x&y');
    };
    const entries = await listAll(storage, '');
    assert.deepEqual(entries, [
      { key: 'a', size: 3 },
      { key: 'b', size: 3 },
    ]);
    assert.equal(asked.length, 2);
  }));

test('a folder of hierarchical names is no object', () =>
  using(async (storage) => {
    for (const said of [{ 'x-ms-meta-hdi_isfolder': 'true' }, { 'x-ms-resource-type': 'directory' }]) {
      answer = (_, response) => void response.writeHead(200, { ...said, 'content-length': '0' }).end();
      assert.equal(await storage.stat('files/md5/ab', operation), undefined);
      await assert.rejects(readAll(storage, 'files/md5/ab'), failsWith('missing'));
    }
  }));

test('only the service itself can say that a blob is absent', () =>
  using(async (storage) => {
    for (const code of ['', 'ResourceNotFound', 'ContainerNotFound']) {
      answer = (_, response) => refuse(response, 404, code);
      await assert.rejects(storage.stat('a', operation), failsWith('config'), code);
      await assert.rejects(readAll(storage, 'a'), failsWith('config'), code);
    }
    answer = (_, response) => refuse(response, 404, 'BlobNotFound');
    assert.equal(await storage.stat('a', operation), undefined);
    await assert.rejects(readAll(storage, 'a'), failsWith('missing'));
  }));

test('what else the service may say', () =>
  using(async (storage) => {
    const cases: readonly (readonly [number, string, string, RegExp])[] = [
      [409, 'BlobArchived', 'config', /archived[\s\S]*az storage blob set-tier/],
      [403, 'AuthorizationFailure', 'auth', /AuthorizationFailure: no\)[\s\S]*connection string[\s\S]*firewall/],
      [
        403,
        'KeyBasedAuthenticationNotPermitted',
        'auth',
        /KeyBasedAuthenticationNotPermitted[\s\S]*takes no keys[\s\S]*az login/,
      ],
      [409, 'ContainerBeingDeleted', 'unavailable', /ContainerBeingDeleted/],
      [500, 'OperationTimedOut', 'unavailable', /OperationTimedOut/],
      [400, 'InvalidUri', 'config', /InvalidUri: no \('a'\)/],
      [307, '', 'config', /the service answers 307|no/],
    ];
    for (const [status, code, kind, words] of cases) {
      answer = (_, response) => refuse(response, status, code);
      await assert.rejects(readAll(storage, 'a'), failsWith(kind, words), code);
    }
  }));
