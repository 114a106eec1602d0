// Git's credential system with real Git, real helpers and a program for asking, under real requests of the backends.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import type { GitCredentials } from '../../src/trust/credentials.ts';
import { contentOf, failsWith, operation, readAll } from '../conformance/storage.ts';
import { openSmallS3, type SmallS3 } from '../e2e/small-s3.ts';
import { openAsking } from '../kit/asking.ts';
import { trusting } from '../kit/trusting.ts';
import { openWorld } from '../kit/world.ts';

const world = openWorld({ AWS_EC2_METADATA_DISABLED: 'true' });
const asker = openAsking(world);
const key = 'files/md5/ab/cdef0123456789abcdef0123456789';
let s3: SmallS3;
let web: Server;
let webUrl = '';
/** `Authorization` of every request to the web server. */
let shown: (string | undefined)[] = [];

before(async () => {
  s3 = await openSmallS3();
  web = createServer((request, response) => {
    shown.push(request.headers.authorization);
    const good = `Basic ${Buffer.from('ada:right').toString('base64')}`;
    if (request.headers.authorization === good) return response.writeHead(200, { 'content-length': 5 }).end('bytes');
    return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  webUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}/data`;
});
after(async () => {
  web.close();
  web.closeAllConnections();
  await s3.close();
  world.remove();
});
beforeEach(() => {
  shown = [];
  s3.seen.length = 0;
  s3.objects.set(`/bucket/${key}`, Buffer.from('bytes'));
  s3.accepts = new Set(['GOODKEY']);
  for (const file of ['home/.git-credentials', 'answers', 'prompts', 'heard'])
    rmSync(world.path(file), { force: true });
  const listener = `#!/bin/sh\n{ echo "$1"; env | grep -E '^(DVCEXP_IN_CREDENTIAL)='; cat; } >>'${world.path('heard')}'\n`;
  writeFileSync(world.path('listener'), listener, { mode: 0o755 });
});

const heard = (): string => (existsSync(world.path('heard')) ? readFileSync(world.path('heard'), 'utf8') : '');
const { prompts, answers, keep: store, kept, open: source, env: asking, lines } = asker;

async function within(
  scheme: string,
  url: string,
  options: Record<string, string>,
  credentials: GitCredentials,
  work: (storage: Storage) => Promise<void>,
  env: NodeJS.ProcessEnv = { AWS_EC2_METADATA_DISABLED: 'true' },
): Promise<void> {
  const config = { name: 'store', scheme, url, options, committed: new Set<string>() };
  const context = { env, home: world.path('home'), judge: trusting, credentials, retry: { tries: 1 } };
  const storage = await openStorage(config, context);
  try {
    await work(storage);
  } finally {
    await storage.close();
    await credentials.settle();
  }
}
const s3Within = async (
  credentials: GitCredentials,
  work: (storage: Storage) => Promise<void>,
  options: Record<string, string> = {},
  env?: NodeJS.ProcessEnv,
): Promise<void> => within('s3', 's3://bucket', { endpointurl: s3.endpoint, ...options }, credentials, work, env);
const readsIt = async (storage: Storage): Promise<void> => {
  assert.equal(String(await readAll(storage, key)), 'bytes');
};
const host = (): string => new URL(s3.endpoint).host;

before(() => {
  world.git(world.directory, 'config', '--global', '--add', 'credential.helper', world.path('listener'));
});

test('S3: what Git keeps for the endpoint is used before keys of the environment, asked for once', async () => {
  store(`http://GOODKEY:secret@${host()}`);
  const env = { AWS_ACCESS_KEY_ID: 'AMBIENT', AWS_SECRET_ACCESS_KEY: 'x', AWS_EC2_METADATA_DISABLED: 'true' };
  await s3Within(
    await source(),
    async (storage) => {
      await Promise.all([readsIt(storage), readsIt(storage), storage.write(key, contentOf('more'), operation)]);
    },
    {},
    env,
  );
  assert.ok(s3.seen.every(({ headers }) => headers.authorization?.includes('GOODKEY')));
  assert.equal(heard().match(/^get$/gm), null, 'the helper behind the one that answered is not asked');
  assert.equal(heard().match(/^store$/gm)?.length, 1, 'approved once');
  assert.match(
    heard(),
    /^store\nDVCEXP_IN_CREDENTIAL=1\nprotocol=http\nhost=[^\n]*\nusername=GOODKEY\npassword=secret\n/,
  );
});

test('S3: nobody is asked while the service has not refused, and then with a line that says what for', async () => {
  answers('GOODKEY', 'secret');
  s3.accepts = new Set(['']);
  await s3Within(await source(asking), readsIt);
  assert.deepEqual([prompts(), lines], [[], []]);
  s3.accepts = new Set(['GOODKEY']);
  await s3Within(await source(asking), async (storage) => {
    await Promise.all([readsIt(storage), readsIt(storage), readsIt(storage)]);
  });
  assert.deepEqual(prompts(), [`Username for 'http://${host()}': `, `Password for 'http://GOODKEY@${host()}': `]);
  assert.match(lines.join('\n'), /^dvcexp: storage remote 'store' \(s3:\/\/bucket\) needs an access key: [^\n]*$/);
  assert.match(kept(), /GOODKEY:secret@/, 'kept');
  await s3Within(await source(asking), readsIt);
  assert.equal(prompts().length, 2, 'and not asked for again');
});

test('S3: a wrong key that was kept is forgotten and another one asked for', async () => {
  store(`http://OLDKEY:secret@${host()}`);
  answers('BADKEY', 'x', 'GOODKEY', 'secret');
  await s3Within(await source(asking), readsIt);
  assert.equal(prompts().length, 4);
  assert.equal(kept().trim(), `http://GOODKEY:secret@${host().replace(':', '%3a')}`);
});

test('S3: without anybody to ask it fails at once, and forgets what was wrong', async () => {
  store(`http://OLDKEY:secret@${host()}`);
  await s3Within(await source(), async (storage) => {
    await assert.rejects(readAll(storage, key), failsWith('auth', /InvalidAccessKeyId[\s\S]*Git's credential helpers/));
  });
  assert.equal(kept(), '');
  await s3Within(await source({ GIT_ASKPASS: '' }), async (storage) => {
    await assert.rejects(readAll(storage, key), failsWith('auth', /no AWS access keys/));
  });
});

test('S3: good keys that may not are neither forgotten nor replaced', async () => {
  store(`http://GOODKEY:secret@${host()}`);
  answers('X', 'x');
  s3.failure = { status: 403, code: 'AccessDenied' };
  await s3Within(await source(asking), async (storage) => {
    await assert.rejects(readAll(storage, key), failsWith('auth', /access denied/));
  });
  s3.failure = undefined;
  assert.match(kept(), /GOODKEY/);
  assert.deepEqual(prompts(), []);
});

test('S3: a session token beside the secret; a key ID in the options names which', async () => {
  const both = encodeURIComponent(JSON.stringify({ v: 1, secret: 's', token: 'T0K' }));
  store(`http://OTHER:x@${host()}`, `http://GOODKEY:${both}@${host()}`);
  await s3Within(await source(), readsIt, { access_key_id: 'GOODKEY' });
  assert.ok(s3.seen.every(({ headers }) => headers['x-amz-security-token'] === 'T0K'));
  store();
  await s3Within(
    await source(),
    async (storage) => {
      await assert.rejects(
        readAll(storage, key),
        failsWith('auth', /'access_key_id' is set, and there is no secret key/),
      );
    },
    { access_key_id: 'GOODKEY' },
  );
});

for (const scheme of ['http', 'webdav']) {
  const read = (storage: Storage): Promise<void> => readsIt(storage);
  const url = (): string => webUrl.replace(/^http/, scheme);
  test(`${scheme}: anonymous first, then what Git keeps, then the user`, async () => {
    store(`${webUrl.replace('//', '//ada:wrong@')}`);
    answers('ada', 'wrong again', 'ada', 'right');
    await within(scheme, url(), {}, await source(asking), read);
    assert.equal(shown[0], undefined);
    const tried = shown.slice(1).map((each) => Buffer.from(each?.slice(6) ?? '', 'base64').toString());
    assert.deepEqual(tried, ['ada:wrong', 'ada:wrong again', 'ada:right']);
    assert.match(kept(), /ada:right@/);
    shown = [];
    await within(scheme, url(), {}, await source(), read);
    assert.equal(shown.length, 2);
  });

  test(`${scheme}: a user without a password is looked up before the first request`, async () => {
    store(`${webUrl.replace('//', '//eve:x@')}`, `${webUrl.replace('//', '//ada:right@')}`);
    await within(scheme, url(), { auth: 'basic', user: 'ada' }, await source(), read);
    assert.equal(shown.length, 1);
  });

  test(`${scheme}: nobody answers`, async () => {
    answers('', '');
    await within(scheme, url(), {}, await source(asking), async (storage) => {
      await assert.rejects(readAll(storage, key), failsWith('auth', /access denied \(401/));
      const before = prompts().length;
      await assert.rejects(readAll(storage, key), failsWith('auth'));
      assert.equal(prompts().length, before, 'who gave no answer is not asked again');
    });
    await within(scheme, url(), {}, await source({ GIT_ASKPASS: '' }), async (storage) => {
      await assert.rejects(readAll(storage, key), failsWith('auth', /no user is set/));
    });
  });
}

test('a helper that hangs is not waited for by an abort, and one that fails is none', async () => {
  writeFileSync(world.path('hanging'), '#!/bin/sh\nsleep 60\n', { mode: 0o755 });
  const env = { GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: 'credential.helper', GIT_CONFIG_VALUE_0: '' };
  const more = { GIT_CONFIG_KEY_1: 'credential.helper', GIT_CONFIG_VALUE_1: world.path('hanging') };
  const place = { protocol: 'https', host: 'h', path: '' };
  const hanging = await source({ ...env, ...more });
  await assert.rejects(hanging.find(place, undefined, { signal: AbortSignal.timeout(300) }), /abort|timeout/i);
  const failing = await source({ ...env, ...more, GIT_CONFIG_VALUE_1: '/nonexistent/helper' });
  assert.equal(await failing.find(place, undefined, operation), undefined);
});
