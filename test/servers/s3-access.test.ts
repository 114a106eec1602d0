import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Retry, Storage } from '../../src/storage/remote.ts';
import { contentOf, failsWith, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { trusting } from '../kit/trusting.ts';
import { admin, bucket, reader, startWeed, type Weed } from '../kit/weed.ts';
import { adminKeys, freshUrl, openS3 } from './s3-remote.ts';

let weed: Weed;
let proxy: FaultProxy;
let home: string;
before(
  async () => {
    weed = await startWeed();
    proxy = await openFaultProxy(weed);
    home = mkdtempSync(join(tmpdir(), 'dvcexp-s3-'));
  },
  { timeout: 90_000 },
);
after(async () => {
  await proxy.close();
  await weed.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  proxy.rules = [];
  proxy.seen.length = 0;
});

const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
const behindProxy = (): string => `http://127.0.0.1:${proxy.port}`;

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
  await assert.rejects(readAll(storage, key), failsWith(code, words));
  await assert.rejects(storage.stat(key, operation), failsWith(code, words));
  await assert.rejects(listAll(storage, 'files/'), failsWith(code, words));
}

const aws = (name: string, text: string): string => {
  const path = join(home, name);
  mkdirSync(join(home, '.aws'), { recursive: true });
  writeFileSync(path, text);
  return path;
};

test('a wrong secret', () =>
  using(openS3(weed.endpoint, { ...adminKeys, secret_access_key: 'wrong' }), (storage) =>
    refuses(
      storage,
      'auth',
      /access denied \(SignatureDoesNotMatch.*\n.*come from the options of storage remote 'store'/,
    ),
  ));

test('an unknown key', () =>
  using(openS3(weed.endpoint, { ...adminKeys, access_key_id: 'NOBODY' }), (storage) =>
    refuses(storage, 'auth', /InvalidAccessKeyId/),
  ));

test('keys of the environment that are refused are named as such', () =>
  using(
    openS3(weed.endpoint, {}, { env: { AWS_ACCESS_KEY_ID: admin.id, AWS_SECRET_ACCESS_KEY: 'wrong' } }),
    (storage) => refuses(storage, 'auth', /come from the environment\n.*AWS_SESSION_TOKEN/),
  ));

test('no keys at all: what to type, and nothing is asked of the service', async () => {
  await using(openS3(behindProxy(), {}), (storage) =>
    refuses(
      storage,
      'auth',
      /no AWS access keys for storage remote 'store'[\s\S]*aws configure[\s\S]*AWS_ACCESS_KEY_ID/,
    ),
  );
  assert.equal(proxy.seen.length, 0);
});

test('a user who may read only', async () => {
  const url = freshUrl();
  await using(openS3(weed.endpoint, adminKeys, { url }), (storage) =>
    storage.write(key, contentOf('hello'), operation),
  );
  const keys = { access_key_id: reader.id, secret_access_key: reader.secret };
  await using(openS3(weed.endpoint, keys, { url }), async (storage) => {
    assert.equal(String(await readAll(storage, key)), 'hello');
    assert.equal((await storage.stat(key, operation))?.size, 5);
    assert.equal((await listAll(storage, 'files/')).length, 1);
    for (const size of [1, 20 << 20]) {
      await assert.rejects(storage.write(key, contentOf(noise(size)), operation), failsWith('auth', /AccessDenied/));
    }
    assert.equal(String(await readAll(storage, key)), 'hello');
  });
});

test('anonymous: requests go unsigned', () =>
  using(openS3(behindProxy(), { allow_anonymous_login: 'true' }), async (storage) => {
    await refuses(storage, 'auth', /AccessDenied[\s\S]*anonymous/);
    assert.ok(proxy.seen.every((each) => each.headers.authorization === undefined));
  }));

test('a session token is sent and signed', () =>
  using(openS3(behindProxy(), { ...adminKeys, session_token: 'TOKEN/+=' }), async (storage) => {
    await storage.stat(key, operation).catch(() => {});
    const [first] = proxy.seen;
    assert.equal(first?.headers['x-amz-security-token'], 'TOKEN/+=');
    assert.match(String(first?.headers.authorization), /SignedHeaders=[^,]*x-amz-security-token/);
  }));

test('profiles: named by the remote, by AWS_PROFILE, in either file', async () => {
  aws('.aws/credentials', `[team]\naws_access_key_id = ${admin.id}\naws_secret_access_key=${admin.secret}\n`);
  const configFile = aws(
    'config',
    `[profile ops]\nregion = eu-central-1\naws_access_key_id = ${admin.id}\naws_secret_access_key = ${admin.secret}\n` +
      `services = local\n[services local]\ns3 =\n  endpoint_url = ${weed.endpoint}\n`,
  );
  const wrong = { AWS_ACCESS_KEY_ID: 'NOBODY', AWS_SECRET_ACCESS_KEY: 'x' };
  await using(openS3(weed.endpoint, { profile: 'team' }, { home, env: wrong }), (storage) =>
    storage.write(key, contentOf('x'), operation),
  );
  await using(openS3(weed.endpoint, {}, { home, env: { AWS_PROFILE: 'team' } }), (storage) =>
    storage.write(key, contentOf('x'), operation),
  );
  await using(openS3(undefined, {}, { env: { AWS_PROFILE: 'ops', AWS_CONFIG_FILE: configFile } }), (storage) =>
    storage.write(key, contentOf('x'), operation),
  );
  await assert.rejects(openS3(weed.endpoint, { profile: 'nobody' }, { home }), failsWith('config', /no AWS profile/));
});

test('a profile with a process: the SDK finds the keys, and renews them when the service calls them expired', async () => {
  const answer = JSON.stringify({ Version: 1, AccessKeyId: admin.id, SecretAccessKey: admin.secret });
  const counter = join(home, 'calls');
  aws('config', `[profile made]\ncredential_process = sh -c "echo x >> ${counter}; cat ${aws('keys.json', answer)}"\n`);
  proxy.rules = [{ match: /PUT/, times: 1, status: 400, body: '<Error><Code>ExpiredToken</Code></Error>' }];
  const context = { env: { AWS_CONFIG_FILE: join(home, 'config') } };
  await using(openS3(behindProxy(), { profile: 'made' }, context), async (storage) => {
    // The same keys again are no help, so the error comes through.
    await assert.rejects(
      storage.write(key, contentOf('x'), operation),
      failsWith('auth', /ExpiredToken[\s\S]*--profile made/),
    );
    assert.equal(readFileSync(counter, 'utf8').length, 2 * 'x\n'.length);
    await storage.write(key, contentOf('x'), operation);
    assert.equal(String(await readAll(storage, key)), 'x');
  });
});

test('keys that the repository brought a file for are not read', async () => {
  const file = aws('planted', `[default]\naws_access_key_id = ${admin.id}\naws_secret_access_key = ${admin.secret}\n`);
  const { openStorage } = await import('../../src/storage/open.ts');
  const options = { endpointurl: behindProxy(), credentialpath: file };
  const config = { name: 'store', scheme: 's3', url: freshUrl(), options };
  const context = { env: { AWS_EC2_METADATA_DISABLED: 'true' }, home: '/nonexistent', judge: trusting };
  const planted = await openStorage({ ...config, committed: new Set(['credentialpath']) }, context);
  await assert.rejects(planted.stat(key, operation), failsWith('auth', /no AWS access keys/));
  const own = await openStorage({ ...config, committed: new Set() }, context);
  assert.equal(await own.stat(key, operation), undefined);
  await Promise.all([planted.close(), own.close()]);
});

test('a wrong clock is corrected once, and said to be wrong when that does not help', async () => {
  const skewed = '<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>';
  const late = { date: new Date(Date.now() - 3600_000).toUTCString() };
  await using(openS3(behindProxy()), async (storage) => {
    proxy.rules = [{ match: /GET/, times: 1, status: 403, body: skewed, headers: late }];
    // The corrected request is an hour off for the real service, which says so in turn.
    await assert.rejects(listAll(storage, ''), failsWith('auth', /clock differs by \d+ s/));
    const stamps = proxy.seen.map((each) => String(each.headers['x-amz-date']));
    assert.equal(stamps.length, 2);
    const hours = stamps.map((stamp) => Number(stamp.slice(9, 11)));
    assert.equal(((hours[0] ?? 0) - (hours[1] ?? 0) + 24) % 24, 1);
  });
});

test('a bucket in another region is followed, once for all requests', () =>
  using(openS3(behindProxy()), async (storage) => {
    const moved = '<Error><Code>PermanentRedirect</Code><Endpoint>evil.example</Endpoint></Error>';
    const headers = { 'x-amz-bucket-region': 'eu-west-1', location: 'http://evil.example/' };
    proxy.rules = [{ match: /PUT/, times: 1, status: 301, body: moved, headers }];
    await storage.write(key, contentOf('x'), operation);
    assert.equal(String(await readAll(storage, key)), 'x');
    const regions = proxy.seen.map((each) => /\/([^/]+)\/s3\/aws4/.exec(String(each.headers.authorization))?.[1]);
    assert.deepEqual(regions, ['us-east-1', 'eu-west-1', 'eu-west-1']);
  }));

test('a region told in a body is followed; one that is none, or none at all, is not', async () => {
  const malformed = (region: string): string =>
    `<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>${region}</Region></Error>`;
  await using(openS3(behindProxy()), async (storage) => {
    proxy.rules = [{ match: /GET/, times: 1, status: 400, body: malformed('ap-south-1') }];
    assert.deepEqual(await listAll(storage, ''), []);
    assert.match(String(proxy.seen[1]?.headers.authorization), /ap-south-1/);
    proxy.rules = [{ match: /GET/, times: 1, status: 400, body: malformed('x.evil.example/') }];
    await assert.rejects(listAll(storage, ''), failsWith('auth', /AuthorizationHeaderMalformed/));
    proxy.rules = [{ match: /GET/, times: 1, status: 301, body: '' }];
    await assert.rejects(listAll(storage, ''), failsWith('config', /another region[\s\S]*region <region>/));
  });
});

test('virtual-host style, through a forward proxy', async () => {
  const configFile = aws('config', '[default]\ns3 =\n  addressing_style = virtual\n  max_concurrent_requests = 7\n');
  const env = { AWS_CONFIG_FILE: configFile, HTTP_PROXY: behindProxy() };
  // weed knows buckets below 'localhost'; the name itself need not resolve, the proxy is asked for it.
  await using(openS3(`http://localhost:${weed.port}`, adminKeys, { env }), async (storage) => {
    assert.equal(storage.concurrency, 7);
    await storage.write(key, contentOf('virtual'), operation);
    assert.equal(String(await readAll(storage, key)), 'virtual');
    assert.equal((await listAll(storage, 'files/')).length, 1);
    assert.equal(proxy.seen[0]?.headers.host, `${bucket}.localhost:${weed.port}`);
    assert.match(String(proxy.seen[0]?.url), /^http:\/\/data\.localhost:\d+\/test/);
  });
});

test('encryption on the server, with its key and with ours', async () => {
  const url = freshUrl();
  await using(openS3(behindProxy(), { ...adminKeys, sse: 'AES256' }, { url }), async (storage) => {
    for (const [name, size] of [['small', 100] as const, ['big', 20 << 20] as const]) {
      await storage.write(name, contentOf(noise(size)), operation);
      assert.ok((await readAll(storage, name)).equals(noise(size)));
    }
    const made = proxy.seen.filter((each) => each.method !== 'GET' && !each.url.includes('uploadId'));
    assert.ok(made.length === 2 && made.every((each) => each.headers['x-amz-server-side-encryption'] === 'AES256'));
  });
  const ours = { sse_customer_algorithm: 'AES256', sse_customer_key: Buffer.alloc(32, 7).toString('base64') };
  await using(openS3(weed.endpoint, { ...adminKeys, ...ours }, { url }), async (storage) => {
    for (const [name, size] of [['c-small', 100] as const, ['c-big', 20 << 20] as const]) {
      await storage.write(name, contentOf(noise(size)), operation);
      assert.ok((await readAll(storage, name)).equals(noise(size)), name);
      assert.equal((await storage.stat(name, operation))?.size, size);
    }
  });
  await using(openS3(weed.endpoint, adminKeys, { url }), (storage) =>
    assert.rejects(readAll(storage, 'c-small'), failsWith('config')),
  );
});

test('TLS: the authority is named by ssl_verify or AWS_CA_BUNDLE, else not trusted', { timeout: 120_000 }, async () => {
  const secure = await startWeed({ tls: true });
  const tunnel = await openFaultProxy(secure);
  const caFile = secure.caFile ?? '';
  try {
    const works = (options: Record<string, string>, env: Record<string, string>): Promise<void> =>
      using(openS3(secure.endpoint, { ...adminKeys, ...options }, { env }), async (storage) => {
        for (const size of [100, 3 << 20, 20 << 20]) {
          await storage.write(key, contentOf(noise(size)), operation);
          assert.ok((await readAll(storage, key)).equals(noise(size)));
        }
      });
    await works({ ssl_verify: caFile }, {});
    await works({}, { AWS_CA_BUNDLE: caFile });
    await works({ ssl_verify: 'false' }, {});
    await works({ ssl_verify: caFile }, { HTTPS_PROXY: `http://127.0.0.1:${tunnel.port}` });
    assert.equal(tunnel.seen[0]?.method, 'CONNECT');
    const retries: Retry[] = [];
    const retry = { onRetry: (each: Retry) => retries.push(each) };
    await using(openS3(secure.endpoint, adminKeys, { retry }), (storage) =>
      refuses(storage, 'config', /cannot trust the server[\s\S]*ssl_verify \/path\/to\/ca\.pem\n.*AWS_CA_BUNDLE/),
    );
    assert.deepEqual(retries, []);
    await using(openS3(weed.endpoint.replace('http:', 'https:')), (storage) =>
      refuses(storage, 'config', /does not speak TLS/),
    );
  } finally {
    await tunnel.close();
    await secure.close();
  }
});
