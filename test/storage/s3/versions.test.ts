import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { openStorage } from '../../../src/storage/open.ts';
import { failsWith, operation, readAll } from '../../conformance/storage.ts';
import { trusting } from '../../kit/trusting.ts';

/** Answers that Amazon gives and SeaweedFS does not: status and code by version. */
const answers: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  mark: [405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.'],
  alien: [400, 'InvalidArgument', 'Invalid version id specified'],
  gone: [404, 'NoSuchVersion', 'The specified version does not exist.'],
  secret: [403, 'AccessDenied', 'not authorized to perform: s3:GetObjectVersion'],
  key: [400, 'InvalidArgument', 'The calculated MD5 hash of the key did not match'],
};
let server: Server;
const asked: string[] = [];
before(async () => {
  server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://host');
    asked.push(request.url ?? '');
    const [status, code, message] = answers[searchParams.get('versionId') ?? ''] ?? [500, '', ''];
    response.writeHead(status).end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
});

test('what Amazon says of versions that cannot be read', async () => {
  const endpointurl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { endpointurl, allow_anonymous_login: 'true', version_aware: 'true' };
  const config = { name: 'store', scheme: 's3', url: 's3://bucket/x', options, committed: new Set<string>() };
  const storage = await openStorage(config, { env: {}, home: '/nonexistent', judge: trusting });
  const read = (version: string): Promise<Buffer> => readAll(storage, 'a b', { ...operation, version });
  try {
    for (const version of ['mark', 'alien', 'gone']) await assert.rejects(read(version), failsWith('missing'), version);
    await assert.rejects(read('secret'), failsWith('auth', /GetObjectVersion/));
    await assert.rejects(read('key'), failsWith('config'));
    assert.equal(asked[0], '/bucket/x/a%20b?versionId=mark');
  } finally {
    await storage.close();
  }
});
