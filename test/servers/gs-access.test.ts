// Who we are to Google Cloud Storage: credentials of every kind and place, and what is said when they do not do.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { openStorage } from '../../src/storage/open.ts';
import type { Judge, Retry, Storage, StorageContext } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type GoogleTokens, startGoogleTokens } from '../kit/google-tokens.ts';
import { refusing, trusting } from '../kit/trusting.ts';
import { alone, anonymous, freshUrl, openGs, openStage } from './gs-remote.ts';

const stage = openStage();
let google: GoogleTokens;
let home: string;
before(async () => {
  google = await startGoogleTokens();
  home = mkdtempSync(join(tmpdir(), 'dvcexp-gs-'));
});
after(async () => {
  await google?.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  google.asked.length = 0;
  google.lifetime = 3599;
  google.machine = undefined;
  stage.front.whose = (token) => google.whose(token)?.who;
});

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const behindProxy = (): string => `http://127.0.0.1:${stage.proxy.port}`;

async function using(opening: Promise<Storage>, work: (storage: Storage) => Promise<void>): Promise<void> {
  const storage = await opening;
  try {
    await work(storage);
  } finally {
    await storage.close();
  }
}

/** Every verb must fail alike: none may take a refusal for absence. */
async function refuses(storage: Storage, code: string, words: RegExp): Promise<void> {
  await assert.rejects(storage.write(key, contentOf('x'), operation), failsWith(code, words));
  await assert.rejects(storage.write(key, contentOf(noise(9 << 20)), operation), failsWith(code, words));
  await assert.rejects(readAll(storage, key), failsWith(code, words));
  await assert.rejects(storage.stat(key, operation), failsWith(code, words));
  await assert.rejects(listAll(storage, 'files/'), failsWith(code, words));
}

const works = async (storage: Storage): Promise<void> => {
  await storage.write(key, contentOf('hello'), operation);
  assert.equal(String(await readAll(storage, key)), 'hello');
  assert.equal((await storage.stat(key, operation))?.size, 5);
  assert.equal((await listAll(storage, 'files/')).length, 1);
};

/** Writes a file below home and answers its path. */
function file(name: string, json: object): string {
  const path = join(home, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, JSON.stringify(json));
  return path;
}

/** Who was seen to ask, in order. */
const askers = (): (string | undefined)[] =>
  stage.proxy.seen.map(({ headers }) => google.whose(String(headers.authorization).replace(/^Bearer /, ''))?.who);

for (const [kind, who] of [
  ['serviceAccount', 'robot@lab.iam.gserviceaccount.com'],
  ['user', 'ada@example.org'],
  ['federated', 'somebody from another cloud'],
  ['impersonating', 'deputy@lab.iam.gserviceaccount.com'],
] as const) {
  test(`${kind}: named by the remote, by the environment, and as gcloud keeps it; one token for all`, async () => {
    const path = file(`${kind}.json`, google[kind]);
    const gcloud = join(home, `gcloud-${kind}`);
    file(`gcloud-${kind}/application_default_credentials.json`, google[kind]);
    file(`home-${kind}/.config/gcloud/application_default_credentials.json`, google[kind]);
    const ways: readonly (readonly [Record<string, string>, Partial<StorageContext>])[] = [
      [{ credentialpath: path }, {}],
      [{}, { env: { GOOGLE_APPLICATION_CREDENTIALS: path } }],
      [{}, { env: { CLOUDSDK_CONFIG: gcloud } }],
      [{}, { home: join(home, `home-${kind}`) }],
    ];
    for (const [options, context] of ways) {
      google.asked.length = 0;
      stage.proxy.seen.length = 0;
      await using(openGs(behindProxy(), options, context), works);
      assert.deepEqual(new Set(askers()), new Set([who]));
      assert.ok(google.asked.length <= 2, google.asked.join());
    }
  });
}

test('the order: nobody when told so, the remote, the environment, gcloud', async () => {
  const path = file('robot.json', google.serviceAccount);
  const user = file('user.json', google.user);
  const env = { GOOGLE_APPLICATION_CREDENTIALS: user };
  await using(openGs(behindProxy(), { credentialpath: path }, { env }), works);
  assert.deepEqual(new Set(askers()), new Set(['robot@lab.iam.gserviceaccount.com']));
  stage.proxy.seen.length = 0;
  stage.front.whose = (token) => (token === '' ? 'anybody' : undefined);
  await using(openGs(behindProxy(), { ...anonymous, credentialpath: path }, { env }), works);
  assert.ok(stage.proxy.seen.every(({ headers }) => headers.authorization === undefined));
});

test('without any credentials a public bucket can be read; another says what to type', async () => {
  stage.front.whose = (token) => (token === '' ? 'anybody' : undefined);
  stage.front.may = (_, what) => what === 'read';
  await using(openGs(behindProxy(), {}), async (storage) => {
    assert.deepEqual(await listAll(storage, 'files/'), []);
    await assert.rejects(
      storage.write(key, contentOf('x'), operation),
      failsWith('auth', /access denied \(anybody does not have storage\.objects\.create/),
    );
  });
  stage.front.whose = () => undefined;
  const hints =
    /no Google credentials were found\n.*gcloud auth application-default login\n.*dvc remote modify --local store credentialpath <key\.json>\n.*GOOGLE_APPLICATION_CREDENTIALS/;
  await using(openGs(behindProxy(), {}), (storage) => refuses(storage, 'auth', hints));
  await using(openGs(behindProxy(), anonymous), (storage) =>
    refuses(storage, 'auth', /access denied \(Invalid Credentials\)[\s\S]*--unset store allow_anonymous_login/),
  );
});

test('a credential that Google does not take, or no longer', async () => {
  const gone = file('gone.json', { ...google.user, refresh_token: 'CANARY-old' });
  await using(openGs(behindProxy(), { credentialpath: gone }), (storage) =>
    refuses(
      storage,
      'auth',
      /invalid_grant: Token has been expired or revoked\nthe credentials are those of a user in '.*gone\.json' \(credentialpath\)\n/,
    ),
  );
  assert.deepEqual(stage.proxy.seen, [], 'the service was asked without a token');
  const kept = join(home, 'kept');
  file('kept/application_default_credentials.json', { ...google.user, refresh_token: 'CANARY-old' });
  await using(openGs(behindProxy(), {}, { env: { CLOUDSDK_CONFIG: kept } }), (storage) =>
    refuses(storage, 'auth', /sign in again: gcloud auth application-default login/),
  );
});

test('files that cannot be used are named', async () => {
  const missing = join(home, 'nowhere.json');
  const cases: readonly (readonly [Record<string, string>, Record<string, string>, RegExp])[] = [
    [{ credentialpath: missing }, {}, /there are no Google credentials in '.*nowhere\.json' \(credentialpath\)/],
    [{}, { GOOGLE_APPLICATION_CREDENTIALS: missing }, /in '.*nowhere\.json' \(GOOGLE_APPLICATION_CREDENTIALS\)/],
    [{ credentialpath: home }, {}, /cannot read '.*': EISDIR/],
    [{ credentialpath: file('none.json', ['CANARY']) }, {}, /none\.json' \(credentialpath\) are no JSON file/],
  ];
  for (const [options, env, words] of cases) {
    await using(openGs(behindProxy(), options, { env }), (storage) => refuses(storage, 'config', words));
  }
});

test('a user who may read only', async () => {
  const url = freshUrl();
  const [robot, user] = [file('robot.json', google.serviceAccount), file('user.json', google.user)];
  stage.front.may = (who, what) => what === 'read' || who.startsWith('robot@');
  await using(openGs(behindProxy(), { credentialpath: robot }, { url }), works);
  await using(openGs(behindProxy(), { credentialpath: user }, { url }), async (storage) => {
    assert.equal(String(await readAll(storage, key)), 'hello');
    assert.equal((await listAll(storage, 'files/')).length, 1);
    for (const size of [1, 20 << 20]) {
      const words =
        /access denied \(ada@example\.org does not have storage\.objects\.create[\s\S]*those of a user in '/;
      await assert.rejects(storage.write(key, contentOf(noise(size)), operation), failsWith('auth', words));
    }
    assert.equal(String(await readAll(storage, key)), 'hello');
  });
});

test('a token that ends in the middle of a transfer is renewed, and the transfer goes on', {
  timeout: 60_000,
}, async () => {
  const path = file('robot.json', google.serviceAccount);
  const bytes = noise(40 << 20);
  const retries: Retry[] = [];
  const retry = { ...alone.retry, onRetry: (each: Retry) => retries.push(each) };
  await using(openGs(behindProxy(), { credentialpath: path }, { retry }), async (storage) => {
    await storage.write(key, contentOf(bytes), operation);
    let length = 0;
    for await (const chunk of storage.read(key, operation)) {
      google.expire();
      assert.ok(bytes.subarray(length, length + chunk.length).equals(chunk));
      length += chunk.length;
    }
    assert.equal(length, bytes.length);
    google.expire();
    await Promise.all(Array.from({ length: 9 }, (_, at) => storage.write(`many/${at}`, contentOf('x'), operation)));
    google.expire();
    google.refusals.push({ status: 503, body: '' });
    assert.equal((await storage.stat(key, operation))?.size, bytes.length);
    assert.deepEqual(
      retries.map(({ throttled }) => throttled),
      [true],
    );
  });
  assert.ok(google.asked.length <= 6, google.asked.join());
});

test('a refusal that a new token does not cure is told at once', async () => {
  const path = file('robot.json', google.serviceAccount);
  stage.front.whose = () => undefined;
  await using(openGs(behindProxy(), { credentialpath: path }), async (storage) => {
    await assert.rejects(storage.stat(key, operation), failsWith('auth', /Invalid Credentials[\s\S]*robot@lab/));
    assert.deepEqual([stage.proxy.seen.length, google.asked.length], [2, 2]);
  });
});

test('where nothing may be shown no token is asked for, and a file of the repository is opened not at all', async () => {
  const path = file('robot.json', google.serviceAccount);
  const open = (options: Record<string, string>, committed: string[], judge: Judge): Promise<Storage> =>
    openStorage(
      { name: 'store', scheme: 'gs', url: freshUrl(), options, committed: new Set(committed) },
      { ...alone, judge, env },
    );
  const endpointurl = behindProxy();
  const env = { ...alone.env, GOOGLE_APPLICATION_CREDENTIALS: path };
  for (const options of [{ endpointurl }, { endpointurl, credentialpath: path }]) {
    await using(open(options, ['endpointurl'], refusing), (storage) => refuses(storage, 'trust', /no secret is shown/));
  }
  // A file that came with the repository is no file at all.
  await using(open({ endpointurl, credentialpath: path }, ['credentialpath'], refusing), (storage) =>
    refuses(storage, 'trust', /no secret is shown/),
  );
  assert.ok(stage.proxy.seen.every(({ headers }) => headers.authorization === undefined));
  assert.deepEqual(google.asked, []);
  await using(open({ endpointurl }, [], trusting), works);
});

test('no token leaves this machine unencrypted', async () => {
  const path = file('robot.json', google.serviceAccount);
  const env = { HTTP_PROXY: behindProxy(), NO_PROXY: `127.0.0.1` };
  await using(openGs('http://storage.example:4443', { credentialpath: path }, { env }), (storage) =>
    refuses(storage, 'auth', /the endpoint is not encrypted, so it is shown no credentials/),
  );
  assert.ok(
    stage.proxy.seen.length > 0 && stage.proxy.seen.every(({ headers }) => headers.authorization === undefined),
  );
});

test('an emulator that the environment names is asked, without credentials unless the remote names some', async () => {
  const path = file('robot.json', google.serviceAccount);
  const env = { STORAGE_EMULATOR_HOST: `127.0.0.1:${stage.proxy.port}`, GOOGLE_APPLICATION_CREDENTIALS: path };
  stage.front.whose = (token) => (token === '' ? 'anybody' : google.whose(token)?.who);
  await using(openGs(undefined, {}, { env }), works);
  assert.ok(stage.proxy.seen.every(({ headers }) => headers.authorization === undefined));
  stage.proxy.seen.length = 0;
  await using(openGs(undefined, { credentialpath: path }, { env: { STORAGE_EMULATOR_HOST: behindProxy() } }), works);
  assert.deepEqual(new Set(askers()), new Set(['robot@lab.iam.gserviceaccount.com']));
});

test('who pays: the quota project of the file or the environment, and a bucket that wants one', async () => {
  const payer = file('payer.json', { ...google.user, quota_project_id: 'my-project' });
  const seen = (): (string | undefined)[] =>
    stage.proxy.seen.map(({ headers }) => String(headers['x-goog-user-project']));
  await using(openGs(behindProxy(), { credentialpath: payer }), works);
  assert.deepEqual(new Set(seen()), new Set(['my-project']));
  stage.proxy.seen.length = 0;
  const env = { GOOGLE_CLOUD_QUOTA_PROJECT: 'other' };
  await using(openGs(behindProxy(), { credentialpath: payer }, { env }), works);
  assert.deepEqual(new Set(seen()), new Set(['other']));
  const message = 'Bucket is a requester pays bucket but no user project provided.';
  stage.proxy.rules = [{ match: /./, status: 400, body: JSON.stringify({ error: { code: 400, message } }) }];
  await using(openGs(behindProxy(), { credentialpath: payer }), (storage) =>
    refuses(storage, 'config', /requester pays\)\n.*GOOGLE_CLOUD_QUOTA_PROJECT\n.*set-quota-project/),
  );
  const quota = { error: { code: 403, message: 'no more today', errors: [{ reason: 'dailyLimitExceeded' }] } };
  stage.proxy.rules = [{ match: /./, status: 403, body: JSON.stringify(quota) }];
  await using(openGs(behindProxy(), { credentialpath: payer }), (storage) =>
    refuses(storage, 'unavailable', /may ask for in a day is used up \(no more today\)[\s\S]*try again tomorrow/),
  );
});
