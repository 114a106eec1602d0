import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { HelperError } from '../../../src/model/error.ts';
import type { StorageConfig } from '../../../src/model/storage-config.ts';
import { type CredentialOrigin, parseCredential } from '../../../src/storage/google/credential.ts';
import { type AccessToken, exchange } from '../../../src/storage/google/exchange.ts';
import { openKeychain, type TokenSource } from '../../../src/storage/google/keychain.ts';
import { askMetadata } from '../../../src/storage/google/metadata.ts';
import { openTransport, type Transport } from '../../../src/storage/google/transport.ts';
import { BusyError } from '../../../src/storage/retry.ts';
import { failsWith } from '../../conformance/storage.ts';
import { openFaultProxy } from '../../kit/fault-proxy.ts';
import { type GoogleTokens, startGoogleTokens } from '../../kit/google-tokens.ts';

const scopes = ['https://www.googleapis.com/auth/devstorage.read_write'];
const origin: CredentialOrigin = { name: "'key.json' (a test)", trusted: true };
const config: StorageConfig = { name: 'store', scheme: 'gs', url: 'gs://b', options: {}, committed: new Set() };
const { signal } = new AbortController();
let google: GoogleTokens;
let transport: Transport;
before(async () => {
  google = await startGoogleTokens();
  transport = openTransport(config, { env: {}, home: '/nonexistent' });
});
after(async () => {
  transport.close();
  await google.close();
});
beforeEach(() => {
  google.asked.length = 0;
  google.lifetime = 3599;
  google.machine = undefined;
});

const parse = (json: object, how: Partial<CredentialOrigin> = {}): ReturnType<typeof parseCredential> =>
  parseCredential(JSON.stringify(json), { ...origin, ...how });

const kinds = [
  ['serviceAccount', 'robot@lab.iam.gserviceaccount.com', ['POST /token']],
  ['user', 'ada@example.org', ['POST /token']],
  ['federated', 'somebody from another cloud', ['GET /subject', 'POST /sts']],
  ['impersonating', 'deputy@lab.iam.gserviceaccount.com', ['POST /token', 'POST /v1/projects']],
] as const;
for (const [kind, who, asked] of kinds) {
  test(`${kind}: a token, good for what was asked, with its end`, async () => {
    const token = await exchange(parse(google[kind]), scopes, transport);
    assert.equal(google.whose(token.text)?.who, who);
    if (kind !== 'user') assert.equal(google.whose(token.text)?.scope, scopes[0]);
    assert.ok(Math.abs((token.expiresMs ?? 0) - Date.now() - 3599_000) < 10_000, String(token.expiresMs));
    assert.deepEqual(
      google.asked.map((each) => asked.find((start) => each.startsWith(start))),
      asked,
    );
  });
}

test('refusals say what Google says, and never a secret', async () => {
  const refused = (words: RegExp) => (error: unknown) => {
    assert.ok(failsWith('auth', words)(error));
    return !/CANARY|BEGIN/.test(`${error} ${(error as Error).stack}`);
  };
  const wrong = { ...google.user, refresh_token: 'CANARY-old' };
  const words = /^cannot get an access token from 'http:\/\/127.*': invalid_grant: Token has been expired or revoked$/;
  await assert.rejects(exchange(parse(wrong), scopes, transport), refused(words));
  const acting = { ...google.impersonating, source_credentials: wrong };
  await assert.rejects(exchange(parse(acting), scopes, transport), refused(words));
  const stranger = await startGoogleTokens();
  await stranger.close();
  const forged = { ...google.serviceAccount, private_key: stranger.serviceAccount.private_key };
  await assert.rejects(exchange(parse(forged), scopes, transport), refused(/Invalid JWT Signature$/));
  const broken = { ...google.serviceAccount, private_key: 'CANARY' };
  await assert.rejects(exchange(parse(broken), scopes, transport), refused(/cannot get an access token: /));
  google.refusals.push({ status: 403, body: '<html>CANARY' });
  await assert.rejects(exchange(parse(google.user), scopes, transport), refused(/the answer is 403 \(Forbidden\)$/));
});

test('what may pass is told apart, with the wish of the service', async () => {
  google.refusals.push({ status: 503, body: '', headers: { 'retry-after': '7' } }, { status: 500, body: '{}' });
  await assert.rejects(exchange(parse(google.user), scopes, transport), (error) => {
    assert.ok(error instanceof HelperError && error.code === 'unavailable');
    return true;
  });
  await assert.rejects(transport.ask({ method: 'GET', url: new URL(google.url), headers: [], body: undefined }), {
    code: 'unavailable',
  });
  google.refusals.push({ status: 429, body: '', headers: { 'retry-after': '7' } });
  const asking = transport.ask({ method: 'GET', url: new URL(google.url), headers: [], body: undefined });
  await assert.rejects(asking, (error) => error instanceof BusyError && error.retryAfterMs === 7000);
});

test('a file is believed as far as whoever named it', () => {
  const evil = { ...google.user, token_uri: 'https://evil.example/token' };
  assert.equal(parse(evil).kind, 'authorized_user');
  const untrusted = { trusted: false };
  for (const uri of [
    'https://evil.example/token',
    'http://oauth2.googleapis.com/token',
    'https://googleapis.com.evil/',
    7,
  ]) {
    assert.throws(
      () => parse({ ...evil, token_uri: uri }, untrusted),
      failsWith('config', /'token_uri' that is not Google's/),
    );
  }
  for (const uri of ['https://oauth2.googleapis.com/token', 'https://accounts.google.com/o/oauth2/token', undefined]) {
    assert.equal(parse({ ...evil, token_uri: uri }, untrusted).kind, 'authorized_user');
  }
  for (const json of [google.federated, google.impersonating]) {
    assert.throws(() => parse(json, untrusted), failsWith('config', /counts only where this machine names it/));
  }
});

test('a file that is none says so and is not quoted', () => {
  const { refresh_token: _, ...partly } = google.user;
  const cases: readonly (readonly [string, RegExp])[] = [
    ['CANARY', /are no JSON file/],
    ['["CANARY"]', /are no JSON file/],
    [JSON.stringify(partly), /have no 'refresh_token'/],
    ['{"type": "CANARY_type"}', /of an unknown type/],
    ['{"client_id": "CANARY"}', /have no 'type'/],
    [JSON.stringify({ ...google.user, universe_domain: 'example.cloud' }), /universe_domain.*not supported/],
  ];
  for (const [text, words] of cases) {
    assert.throws(
      () => parseCredential(text, origin),
      (error) => failsWith('config', words)(error) && !/CANARY(?!_type)/.test(String(error)),
    );
  }
});

test('nothing secret goes unencrypted further than this machine', async () => {
  const away = { ...google.user, token_uri: 'http://192.0.2.1/token' };
  await assert.rejects(exchange(parse(away), scopes, transport), failsWith('config', /has to be encrypted/));
});

test('the metadata service: there, nobody, absent, somebody else, failing, not asked', async () => {
  const env = { GCE_METADATA_HOST: `127.0.0.1:${google.port}` };
  assert.equal(await askMetadata(env, scopes), undefined, 'without its mark it is something else');
  google.machine = 'vm@lab.iam.gserviceaccount.com';
  const token = await askMetadata(env, scopes);
  assert.deepEqual(google.whose(token?.text ?? ''), { who: google.machine, scope: scopes[0] });
  google.refusals.push({ status: 500, body: '' });
  await assert.rejects(askMetadata(env, scopes), failsWith('unavailable', /metadata service: the answer is 500/));
  google.asked.length = 0;
  assert.equal(await askMetadata({ ...env, NO_GCE_CHECK: 'true' }, scopes), undefined);
  assert.deepEqual(google.asked, []);
  const closed = await openFaultProxy({ port: 1 });
  await closed.close();
  assert.equal(await askMetadata({ GCE_METADATA_HOST: `127.0.0.1:${closed.port}` }, scopes), undefined);
});

test('a keychain asks once for all, again near the end, and after a refusal', async () => {
  let finds = 0;
  const source: TokenSource = {
    name: 'a test',
    hints: ['type this'],
    fetch: () => exchange(parse(google.user), scopes, transport),
  };
  const keychain = openKeychain(async () => {
    finds += 1;
    if (finds === 1) throw new HelperError('config', 'not yet');
    return source;
  });
  await assert.rejects(keychain.get(signal), failsWith('config', /not yet/));
  const [first, same] = await Promise.all([keychain.get(signal), keychain.get(signal)]);
  assert.equal(first, same);
  assert.equal(await keychain.get(signal), first);
  assert.deepEqual([finds, google.asked.length], [2, 1]);

  assert.equal(await keychain.renew(first, signal), true);
  assert.equal(await keychain.renew(first, signal), true, 'somebody else has renewed it');
  assert.equal(google.asked.length, 2);

  google.refusals.push({ status: 400, body: '{"error":"invalid_grant"}' });
  const second = await keychain.get(signal);
  await assert.rejects(
    keychain.renew(second, signal),
    failsWith('auth', /invalid_grant\nthe credentials are a test\ntype this/),
  );
  assert.equal(await keychain.get(signal), second, 'it may still be good elsewhere');
  assert.equal(finds, 2);
});

test('a token is renewed before its end; one that cannot be renewed is used to its end', async (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const later = (minutes: number): void => context.mock.timers.tick(minutes * 60_000);
  const fetch = (): Promise<AccessToken> => exchange(parse(google.user), scopes, transport);
  const keychain = openKeychain(async () => ({ name: 'a test', hints: [], fetch }));
  const first = await keychain.get(signal);
  later(54);
  assert.equal(await keychain.get(signal), first);
  later(2);
  google.refusals.push({ status: 500, body: '' }, { status: 500, body: '' });
  assert.equal(await keychain.get(signal), first);
  later(4);
  await assert.rejects(keychain.get(signal), failsWith('unavailable'));
  const second = await keychain.get(signal);
  assert.notEqual(second, first);
  // Of a short life most is used.
  google.lifetime = 60;
  later(60);
  const third = await keychain.get(signal);
  later(0.7);
  assert.equal(await keychain.get(signal), third);
  later(0.2);
  assert.notEqual(await keychain.get(signal), third);
});

test('anonymous has no token and none to renew; an abort is not waited for', async () => {
  const anonymous = openKeychain(async () => ({ name: 'nobody', hints: [], fetch: undefined }));
  const identity = await anonymous.get(signal);
  assert.equal(identity.token, undefined);
  assert.equal(await anonymous.renew(identity, signal), false);
  const stop = new AbortController();
  const never = openKeychain(() => new Promise(() => undefined));
  const waiting = never.get(stop.signal);
  stop.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});
