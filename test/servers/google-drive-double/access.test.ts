// What no foreign client shows of the double: who gets in, and what they may do (the judges: test/interop).
import assert from 'node:assert/strict';
import { createHash, createSign, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { ada, bob, type Drive, startDrive } from '../../kit/google-drive/drive.ts';
import { type Answer, ask, reasonOf } from './plain-client.ts';

let drive: Drive;
before(async () => {
  drive = await startDrive();
});
after(() => drive?.close());
beforeEach(() => {
  Object.assign(drive.consent, { answer: 'allow', email: ada });
});

const files = 'GET /drive/v3/files';
const form = { 'content-type': 'application/x-www-form-urlencoded' };

function token(fields: Readonly<Record<string, string>>): Promise<Answer> {
  const body = new URLSearchParams(fields).toString();
  return ask(drive, 'POST /token', { token: null, headers: form, body });
}

const client = () => ({ client_id: drive.client.id, client_secret: drive.client.secret });

test('a bearer that is missing or has expired is a 401 that says so', async () => {
  for (const wrong of [null, 'ya29.never', '']) {
    const answer = await ask(drive, files, { token: wrong });
    assert.equal(reasonOf(answer), '401 authError');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer .*invalid_token/);
  }
  const good = drive.accessToken();
  assert.equal((await ask(drive, files, { token: good })).status, 200);
  drive.accounts.expireTokens();
  assert.equal((await ask(drive, files, { token: good })).status, 401);
});

test('a refresh token is good until it is taken back', async () => {
  const refresh = { grant_type: 'refresh_token', refresh_token: drive.refreshToken(), ...client() };
  const { json } = await token(refresh);
  assert.deepEqual([json.expires_in, json.token_type, json.refresh_token], [3599, 'Bearer', undefined]);
  assert.equal((await ask(drive, files, { token: json.access_token })).status, 200);
  assert.equal(reasonOf(await token({ ...refresh, client_secret: 'no' })), '401 invalid_client');
  assert.equal(reasonOf(await token({ ...refresh, refresh_token: 'no' })), '400 invalid_grant');
  const gone = await ask(drive, 'POST /revoke', { token: null, query: { token: refresh.refresh_token } });
  assert.equal(gone.status, 200);
  assert.equal(reasonOf(await token(refresh)), '400 invalid_grant');
  assert.equal((await ask(drive, files, { token: json.access_token })).status, 401);
});

function assertion(more: object = {}, key = drive.serviceAccount.private_key): string {
  const { client_email: iss, token_uri: aud } = drive.serviceAccount;
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss, aud, iat, exp: iat + 3600, scope: 'https://www.googleapis.com/auth/drive', ...more };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`;
}

test('an assertion of the service account is checked', async () => {
  const grant = (jwt: string): Promise<Answer> =>
    token({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: jwt });
  const good = await grant(assertion());
  const { json } = await ask(drive, 'GET /drive/v3/about', {
    token: good.json.access_token,
    query: { fields: 'user' },
  });
  assert.equal(json.user.emailAddress, drive.serviceAccount.client_email);
  assert.equal((await grant(assertion({ aud: `${drive.url}/token` }))).status, 200);
  const other = await startDrive();
  const now = Date.now() / 1000;
  const wrong: readonly [string, RegExp][] = [
    [assertion({}, other.serviceAccount.private_key), /Invalid JWT Signature/],
    [assertion({ aud: 'https://example.org/token' }), /audience/],
    [assertion({ exp: now + 7200 }), /short-lived/],
    [assertion({ iat: now - 8000, exp: now - 4400 }), /short-lived/],
    [assertion({ iss: 'nobody@example.org' }), /account not found/],
    ['x.y.z', /not a JWT/],
  ];
  await other.close();
  for (const [jwt, words] of wrong) {
    const answer = await grant(jwt);
    assert.equal(reasonOf(answer), '400 invalid_grant');
    assert.match(answer.json.error_description, words);
  }
  assert.equal(reasonOf(await grant(assertion({ sub: ada }))), '401 unauthorized_client');
  drive.accounts.delegation = true;
  assert.equal((await grant(assertion({ sub: ada }))).status, 200);
});

test('signing in over the loopback, with PKCE', async () => {
  const verifier = randomBytes(32).toString('base64url');
  const redirect = 'http://127.0.0.1:9/done';
  const query = {
    client_id: drive.client.id,
    redirect_uri: redirect,
    response_type: 'code',
    scope: 'https://www.googleapis.com/auth/drive',
    state: 's1',
    access_type: 'offline',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  const page = 'GET /o/oauth2/v2/auth';
  const back = async (more: object = {}): Promise<URLSearchParams> => {
    const answer = await ask(drive, page, { token: null, query: { ...query, ...more } });
    assert.equal(answer.status, 302, answer.text);
    return new URL(answer.headers.get('location') ?? '').searchParams;
  };
  const exchange = (code: string | null, more: object = {}): Promise<Answer> =>
    token({
      ...{ grant_type: 'authorization_code', code: code ?? '', redirect_uri: redirect, code_verifier: verifier },
      ...client(),
      ...more,
    });
  const first = await back();
  assert.equal(first.get('state'), 's1');
  const { json } = await exchange(first.get('code'));
  assert.match(json.refresh_token, /^1\/\/0/);
  assert.equal((await ask(drive, files, { token: json.access_token })).status, 200);
  // A code is good once, for the same address, with the right verifier.
  assert.equal(reasonOf(await exchange(first.get('code'))), '400 invalid_grant');
  assert.equal(reasonOf(await exchange((await back()).get('code'), { code_verifier: 'no' })), '400 invalid_grant');
  const elsewhere = { redirect_uri: 'http://127.0.0.1:8/' };
  assert.equal(reasonOf(await exchange((await back()).get('code'), elsewhere)), '400 redirect_uri_mismatch');
  const online = await exchange((await back({ access_type: 'online' })).get('code'));
  assert.equal(online.json.refresh_token, undefined);
  drive.consent.answer = 'deny';
  assert.deepEqual(
    [...(await back())],
    [
      ['state', 's1'],
      ['error', 'access_denied'],
    ],
  );
  drive.consent.answer = 'blocked';
  assert.match((await ask(drive, page, { token: null, query })).text, /This app is blocked/);
  const foreign = await ask(drive, page, { token: null, query: { ...query, redirect_uri: 'https://example.org/' } });
  assert.equal(foreign.status, 400);
});

test('scopes: read-only does not write, drive.file sees what its client made, app data is apart', async () => {
  const scope = (name: string): string => drive.accessToken(ada, [`https://www.googleapis.com/auth/${name}`]);
  const make = (token: string, parent: string): Promise<Answer> =>
    ask(drive, 'POST /drive/v3/files', { token, body: { name: 'x', parents: [parent] } });
  const readonly = scope('drive.readonly');
  assert.equal((await ask(drive, files, { token: readonly })).status, 200);
  assert.equal(reasonOf(await make(readonly, 'root')), '403 insufficientPermissions');
  await drive.addFile('not by this client', drive.folderId, 'x');
  const some = scope('drive.file');
  const mine = (await ask(drive, 'POST /drive/v3/files', { token: some, body: { name: 'mine' } })).json.id;
  const seen = (await ask(drive, files, { token: some })).json.files.map(({ id }: { id: string }) => id);
  assert.deepEqual(seen, [mine]);
  assert.equal(reasonOf(await ask(drive, `GET /drive/v3/files/${drive.folderId}`, { token: some })), '404 notFound');
  assert.equal(reasonOf(await make(some, 'appDataFolder')), '403 insufficientScopes');
  const data = (await make(scope('drive.appdata'), 'appDataFolder')).json.id;
  const list = async (spaces: string): Promise<string[]> =>
    (await ask(drive, files, { query: { spaces } })).json.files.map(({ id }: { id: string }) => id);
  assert.deepEqual(await list('appDataFolder'), [data]);
  assert.ok(!(await list('drive')).includes(data));
});

test('who only reads does not write, trash or delete; who writes does not delete what others own', async () => {
  const id = await drive.addFile('owned by ada', drive.folderId, 'x');
  const [reader, writer] = [drive.accessToken(bob), drive.accessToken('eve@example.org')];
  drive.share(drive.folderId, 'eve@example.org', 'writer');
  const path = `/drive/v3/files/${id}`;
  const outcome = async (method: string, token: string, body?: object): Promise<string> =>
    reasonOf(await ask(drive, `${method} ${path}`, { token, ...(body && { body }) }));
  assert.equal(await outcome('GET', reader), '200 undefined');
  assert.equal(await outcome('PATCH', reader, { name: 'new' }), '403 insufficientFilePermissions');
  assert.equal(await outcome('PATCH', writer, { name: 'new' }), '200 undefined');
  assert.equal(await outcome('PATCH', writer, { trashed: true }), '403 insufficientFilePermissions');
  assert.equal(await outcome('DELETE', writer), '403 insufficientFilePermissions');
  assert.equal(await outcome('GET', drive.accessToken('stranger@example.org')), '404 notFound');
  assert.equal(await outcome('DELETE', drive.accessToken()), '204 undefined');
});

test('the proxy leads to Google alone', async () => {
  const connectTo = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: drive.port, method: 'CONNECT', path };
      const outgoing = request(options).on('error', reject).end();
      outgoing.on('connect', (answer, socket) => {
        socket.destroy();
        resolve(answer.statusCode);
      });
    });
  assert.equal(await connectTo('www.googleapis.com:443'), 200);
  assert.equal(await connectTo('example.org:443'), 403);
  assert.equal(await connectTo('www.googleapis.com:80'), 403);
  assert.equal(drive.counts.refused, 2);
});
