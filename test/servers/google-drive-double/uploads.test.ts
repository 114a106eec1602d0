// What no foreign client shows of uploads into the double: broken pieces, lost sessions, quota (the judges: test/interop).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { ada, type Drive, startDrive } from '../../kit/google-drive/drive.ts';
import { type Answer, ask, breakOff, reasonOf } from './plain-client.ts';

let drive: Drive;
before(async () => {
  drive = await startDrive();
});
after(() => drive?.close());
afterEach(() => {
  drive.faults = [];
  drive.store.quotas.clear();
});

const unit = 256 * 1024;
const bytes = randomBytes(3 * unit + 1000);

async function begin(total: number | undefined, more: object = {}): Promise<string> {
  const headers: Record<string, string> = { 'x-upload-content-type': 'application/octet-stream' };
  if (total !== undefined) headers['x-upload-content-length'] = String(total);
  const body = { name: 'upload', parents: [drive.folderId], ...more };
  const question = { query: { uploadType: 'resumable', fields: 'id,md5Checksum,size' }, headers, body };
  const answer = await ask(drive, 'POST /upload/drive/v3/files', question);
  assert.equal(answer.status, 200, answer.text);
  return answer.headers.get('location') ?? '';
}

function piece(location: string, first: number, end: number, total: number | '*' = bytes.length): Promise<Answer> {
  const headers = { 'content-range': `bytes ${first}-${end - 1}/${total}` };
  return put(location, headers, bytes.subarray(first, end));
}

/** The address alone lets a piece in. */
function put(location: string, headers: Record<string, string>, body: Uint8Array, method = 'PUT'): Promise<Answer> {
  const { pathname, search } = new URL(location);
  return ask(drive, `${method} ${pathname}${search}`, { token: null, headers, body });
}

const status = (location: string, total: number | '*' = '*'): Promise<Answer> =>
  put(location, { 'content-range': `bytes */${total}` }, Buffer.alloc(0));

const held = ({ status: code, headers }: Answer): string => `${code} ${headers.get('range')}`;

function assertWhole({ status: code, json }: Answer, content = bytes): void {
  const md5Checksum = createHash('md5').update(content).digest('hex');
  assert.deepEqual([code, json.size, json.md5Checksum], [200, String(content.length), md5Checksum]);
}

test('pieces, questions how far it got, and the same piece twice', async () => {
  const location = await begin(bytes.length);
  assert.equal(held(await status(location)), '308 null');
  assert.equal(held(await piece(location, 0, unit)), `308 bytes=0-${unit - 1}`);
  assert.equal(held(await status(location, bytes.length)), `308 bytes=0-${unit - 1}`);
  // The answer got lost: what is there already does not count twice.
  assert.equal(held(await piece(location, 0, 2 * unit)), `308 bytes=0-${2 * unit - 1}`);
  assert.deepEqual(drive.unfinished(), [{ name: 'upload', received: 2 * unit }]);
  assertWhole(await piece(location, 2 * unit, bytes.length));
  assertWhole(await status(location));
  assert.deepEqual(drive.unfinished(), []);
});

test('only units of 256 KiB are kept of a piece that is not the last', async () => {
  const location = await begin(undefined);
  assert.equal(held(await piece(location, 0, 2 * unit + 5, '*')), `308 bytes=0-${2 * unit - 1}`);
  const small = await piece(location, 2 * unit, 2 * unit + 5, '*');
  assert.match(small.text, /400[\s\S]*greater than 262144/);
  assert.match((await piece(location, 3 * unit, bytes.length)).text, /400[\s\S]*Expected bytes from/);
  assertWhole(await piece(location, 2 * unit, bytes.length));
});

test('a request that breaks off leaves the units that came', async () => {
  const location = await begin(bytes.length);
  const headers = {
    'content-range': `bytes 0-${bytes.length - 1}/${bytes.length}`,
    'content-length': `${bytes.length}`,
  };
  await breakOff(drive, location, headers, bytes.subarray(0, unit + 100));
  assert.equal(held(await status(location)), `308 bytes=0-${unit - 1}`);
  drive.faults = [{ match: /^PUT /, times: 1, dropRequestAfter: unit + 7 }];
  await assert.rejects(piece(location, unit, bytes.length), /fetch failed/);
  assert.equal(held(await status(location)), `308 bytes=0-${2 * unit - 1}`);
  assertWhole(await piece(location, 2 * unit, bytes.length));
});

test('an answer that gets lost has made its file all the same', async () => {
  const before = drive.tree().length;
  const location = await begin(bytes.length);
  drive.faults = [{ match: /^PUT /, times: 1, dropResponseAfter: 0 }];
  await assert.rejects(piece(location, 0, bytes.length), /fetch failed/);
  assertWhole(await status(location));
  assert.equal(drive.tree().length, before + 1);
});

test('nothing at all, in one PUT without a range; everything, in one', async () => {
  assertWhole(await put(await begin(0), {}, Buffer.alloc(0)), Buffer.alloc(0));
  assertWhole(await put(await begin(bytes.length), {}, bytes));
  assertWhole(await put(await begin(undefined), {}, bytes));
  // The end of a stream whose length was a multiple of the pieces.
  const location = await begin(undefined);
  await piece(location, 0, unit, '*');
  assertWhole(await status(location, unit), bytes.subarray(0, unit));
});

test('uploads that are over, given up, or were never begun', async () => {
  const location = await begin(bytes.length);
  assert.equal(reasonOf(await piece(location, 0, unit, 999)), '400 badRequest');
  drive.loseSessions();
  assert.equal(reasonOf(await status(location)), '404 notFound');
  const other = await begin(bytes.length);
  assert.equal((await put(other, {}, Buffer.alloc(0), 'DELETE')).status, 499);
  assert.equal(reasonOf(await status(other)), '404 notFound');
  const nowhere = { query: { uploadType: 'resumable' }, body: { name: 'x', parents: ['1nothing'] } };
  assert.equal(reasonOf(await ask(drive, 'POST /upload/drive/v3/files', nowhere)), '404 notFound');
});

test('new content for a file that is there; multipart, in base64 too; media', async () => {
  const id = await drive.addFile('old', drive.folderId, 'old');
  const whole = { uploadType: 'media', fields: 'id,size,md5Checksum' };
  const media = await ask(drive, `PATCH /upload/drive/v3/files/${id}`, { query: whole, body: bytes });
  assertWhole(media);
  assert.equal(media.json.id, id);
  for (const base64 of [false, true]) {
    const parts = [
      '--cut\r\ncontent-type: application/json\r\n\r\n',
      JSON.stringify({ name: 'parts', parents: [drive.folderId] }),
      `\r\n--cut\r\ncontent-type: application/x-test\r\n${base64 ? 'Content-Transfer-Encoding: base64\r\n' : ''}\r\n`,
      base64 ? bytes.toString('base64') : bytes,
      '\r\n--cut--\r\n',
    ];
    const answer = await ask(drive, 'POST /upload/drive/v3/files', {
      query: { uploadType: 'multipart', fields: 'id,size,md5Checksum,mimeType' },
      headers: { 'content-type': 'multipart/related; boundary="cut"' },
      body: Buffer.concat(parts.map((part) => Buffer.from(part))),
    });
    assertWhole(answer);
    assert.equal(answer.json.mimeType, 'application/x-test');
  }
});

test('an account without room is told at the beginning, and at the end', async () => {
  const location = await begin(bytes.length);
  drive.store.quotas.set(ada, drive.store.usage(ada) + 10);
  const refused = await ask(drive, 'POST /upload/drive/v3/files', {
    query: { uploadType: 'resumable' },
    headers: { 'x-upload-content-length': String(bytes.length) },
    body: { name: 'x', parents: [drive.folderId] },
  });
  assert.equal(reasonOf(refused), '403 storageQuotaExceeded');
  assert.equal(reasonOf(await piece(location, 0, bytes.length)), '403 storageQuotaExceeded');
  // A service account without room does not even get an empty file in.
  const robot = drive.serviceAccount.client_email;
  drive.store.quotas.set(robot, 0);
  const token = drive.accessToken(robot);
  const empty = await ask(drive, 'POST /upload/drive/v3/files', { query: { uploadType: 'media' }, body: '', token });
  assert.match(empty.json.error.message, /Service Accounts do not have storage quota/);
  // What lies in a shared drive is nobody's.
  const all = { uploadType: 'media', supportsAllDrives: 'true' };
  const shared = await drive.addFile('shared', drive.sharedDriveId, '');
  assert.equal((await ask(drive, `PATCH /upload/drive/v3/files/${shared}`, { query: all, body: bytes })).status, 200);
});
