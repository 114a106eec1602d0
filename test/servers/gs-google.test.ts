// Google's own hosts, as everybody uses them: no endpoint is named, everything goes over TLS, here through a proxy.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Storage, StorageContext } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { type GcsFront, openGcsFront } from '../kit/gcs-front.ts';
import { type GoogleHosts, openGoogleHosts } from '../kit/google-hosts.ts';
import { type GoogleTokens, startGoogleTokens } from '../kit/google-tokens.ts';
import { openGs } from './gs-remote.ts';

let server: FakeGcs;
let front: GcsFront;
let google: GoogleTokens;
let hosts: GoogleHosts;
let home: string;
before(
  async () => {
    server = await startFakeGcs();
    front = await openGcsFront(server);
    google = await startGoogleTokens();
    hosts = await openGoogleHosts({ 'storage.googleapis.com': front.port, 'oauth2.googleapis.com': google.port });
    home = mkdtempSync(join(tmpdir(), 'dvcexp-gs-'));
  },
  { timeout: 60_000 },
);
after(async () => {
  await hosts?.close();
  await front?.close();
  await server?.close();
  await google?.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  hosts.seen.length = 0;
  front.whose = (token) => google.whose(token)?.who;
});

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const bytes = noise(20 << 20);

async function using(
  options: Record<string, string>,
  env: Record<string, string>,
  work: (storage: Storage) => Promise<void>,
  context: Partial<StorageContext> = {},
): Promise<void> {
  const reach = { HTTPS_PROXY: hosts.proxy, SSL_CERT_FILE: hosts.caFile };
  const storage = await openGs(undefined, options, { ...context, env: { ...reach, ...env } });
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

async function works(storage: Storage): Promise<void> {
  await storage.write(key, contentOf(bytes), operation);
  assert.ok(bytes.equals(await readAll(storage, key)));
  assert.equal((await listAll(storage, 'files/')).length, 1);
}

test('a service account whose file names no other place', async () => {
  const path = join(home, 'key.json');
  const { token_uri: _, ...key } = google.serviceAccount;
  writeFileSync(path, JSON.stringify(key));
  await using({ credentialpath: path }, {}, works);
  const [first, ...rest] = hosts.seen;
  assert.equal(first?.what, 'POST oauth2.googleapis.com/token');
  assert.ok(rest.length > 0 && rest.every(({ what }) => what.includes(' storage.googleapis.com/')));
  assert.equal(first?.authorization, undefined);
});

test('the machine itself, asked without the proxy', async () => {
  google.machine = 'vm@lab.iam.gserviceaccount.com';
  google.asked.length = 0;
  const env = { NO_GCE_CHECK: '', GCE_METADATA_HOST: `127.0.0.1:${google.port}`, HTTP_PROXY: 'http://127.0.0.1:1' };
  await using({}, env, works);
  assert.equal(google.asked.length, 1);
  google.expire();
  await using({}, env, works);
  assert.equal(google.asked.length, 2);
  google.machine = undefined;
  await using({}, env, (storage) =>
    assert.rejects(works(storage), failsWith('auth', /no Google credentials were found/)),
  );
});

test('an authority that nobody trusts', async () => {
  await using({}, { SSL_CERT_FILE: '' }, (storage) =>
    assert.rejects(storage.stat(key, operation), failsWith('config', /cannot trust the server[\s\S]*http\.sslCAInfo/)),
  );
  assert.deepEqual(hosts.seen, []);
});
