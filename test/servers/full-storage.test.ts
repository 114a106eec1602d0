// Storage that has no room: what the user sees, that no ref moves, that nothing half is left, and that the same push goes
// once there is room. Real git and the built helper; a gateway whose disk is full, a server whose bucket is over its
// quota, and where no server can be filled, the answers that the service documents.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTeam, insides, type Team, trackAndCommit } from '../e2e/team.ts';
import { account, connectionString, container, startAzurite } from '../kit/azurite.ts';
import { bucket as gsBucket, startFakeGcs } from '../kit/fake-gcs.ts';
import { behindFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { openGcsFront } from '../kit/gcs-front.ts';
import { noSmallDisk, noVersity, startVersity } from '../kit/versitygw.ts';
import { admin, bucket, startWeed } from '../kit/weed.ts';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';

interface FullStorage {
  /** Below `remote "storage"` in DVC's configuration. */
  readonly options: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly says: RegExp;
  fill(): Promise<void>;
  makeRoom(): Promise<void>;
  /** Requests that brought content, where somebody counted. */
  sent?(): number;
  /** Keys below the storage remote. */
  stored(): Promise<readonly string[]>;
  close(): Promise<void>;
}

let world: World;
before(() => {
  world = openWorld();
});
after(() => world?.remove());

const keys = { AWS_ACCESS_KEY_ID: admin.id, AWS_SECRET_ACCESS_KEY: admin.secret, AWS_EC2_METADATA_DISABLED: 'true' };
const prefix = 'store';
const names = (text: string, tag: string): string[] =>
  [...text.matchAll(new RegExp(`<${tag}>([^<]+)</${tag}>`, 'g'))].flatMap(([, name = '']) =>
    name.startsWith(`${prefix}/`) ? [name.slice(prefix.length + 1)] : [],
  );

async function fullDisk(): Promise<FullStorage> {
  const server = await startVersity({ diskMib: 16 });
  return {
    options: `    url = s3://${bucket}/${prefix}\n    endpointurl = ${server.endpoint}\n`,
    env: keys,
    says: /storage is full, or a quota of it is used up \(InsufficientStorage: [\s\S]*hint: make room in bucket 'data'/,
    // Its disk is full from the beginning, for what is big.
    fill: async () => undefined,
    makeRoom: async () => server.resizeDisk(256),
    stored: async () => names((await server.request('GET', `/${bucket}`, 'list-type=2')).text, 'Key'),
    close: () => server.close(),
  };
}

async function overQuota(): Promise<FullStorage> {
  const weed = await startWeed();
  const until = async (writable: boolean, command: string): Promise<void> => {
    for (const end = Date.now() + 60_000; Date.now() < end; await sleep(1000)) {
      weed.administer(command, 's3.bucket.quota.enforce -apply');
      const { status } = await weed.request('PUT', `/${bucket}/probe`, '', Buffer.from('x'));
      if ((status === 200) === writable) return;
    }
    throw new Error('the quota is not heeded');
  };
  return {
    options: `    url = s3://${bucket}/${prefix}\n    endpointurl = ${weed.endpoint}\n`,
    env: keys,
    // It has no word for it, so that it cannot be told from a service that has a bad moment.
    says: /InternalError: .*tried 5 times[\s\S]*hint: refs that need this data stay here; push again when storage answers/,
    async fill() {
      // A quota counts what is there already, as far as the servers have told each other.
      await weed.request('PUT', `/${bucket}/another`, '', Buffer.alloc(3 << 20, 1));
      await until(false, `s3.bucket.quota -name=${bucket} -op=set -sizeMB=1`);
    },
    makeRoom: () => until(true, `s3.bucket.quota -name=${bucket} -op=remove`),
    stored: async () => names((await weed.request('GET', `/${bucket}`, 'list-type=2')).text, 'Key'),
    close: () => weed.close(),
  };
}

/** The service answers as it documents. */
async function saidBy(
  server: { readonly port: number; close(): Promise<void> },
  refusal: Rule,
  more: Pick<FullStorage, 'says' | 'stored'> & { readonly options: (port: number) => string },
): Promise<FullStorage> {
  const { proxy, close } = await behindFaultProxy(Promise.resolve(server));
  return {
    ...more,
    options: more.options(proxy.port),
    async fill() {
      proxy.rules = [refusal];
    },
    async makeRoom() {
      proxy.rules = [];
    },
    sent: () => proxy.seen.filter(({ method, url }) => refusal.match.test(`${method} ${url}`)).length,
    close,
  };
}

async function projectQuota(): Promise<FullStorage> {
  const server = await startFakeGcs();
  const front = await openGcsFront(server);
  front.whose = () => 'anybody';
  const error = { code: 403, message: 'the quota is used up', errors: [{ reason: 'quotaExceeded' }] };
  const refusal = { match: /(?:POST|PUT) \/upload/, status: 403, body: JSON.stringify({ error }) };
  const close = async (): Promise<void> => {
    await front.close();
    await server.close();
  };
  return await saidBy({ port: front.port, close }, refusal, {
    options: (port) =>
      `    url = gs://${gsBucket}/${prefix}\n    endpointurl = http://127.0.0.1:${port}\n    allow_anonymous_login = true\n`,
    says: /a quota of the bucket's project is used up \(the quota is used up\)[\s\S]*hint: make room in bucket 'data'/,
    stored: async () => (await server.names(`${prefix}/`)).map((name) => name.slice(prefix.length + 1)),
  });
}

async function accountQuota(): Promise<FullStorage> {
  const azurite = await startAzurite();
  const code = 'AccountQuotaExceeded';
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no more</Message></Error>`;
  return await saidBy(
    azurite,
    { match: /PUT /, status: 409, headers: { 'x-ms-error-code': code }, body },
    {
      options: (port) =>
        `    url = azure://${container}/${prefix}\n    connection_string = ${connectionString(`http://127.0.0.1:${port}/${account}`)}\n`,
      says: /storage is full, or a quota of it is used up \(AccountQuotaExceeded: no more\)[\s\S]*hint: make room in the storage account/,
      stored: async () =>
        names((await azurite.request('GET', `/${container}?restype=container&comp=list`)).text, 'Name'),
    },
  );
}

function configure(team: Team, { options }: FullStorage): void {
  writeFileSync(join(team.alice, '.dvc', 'config.local'), `['remote "storage"']\n${options}`);
}

const noDisk = noVersity || noSmallDisk;
const grounds: readonly (readonly [
  name: string,
  open: () => Promise<FullStorage>,
  skip: string | false,
  told: boolean,
])[] = [
  ['S3, a gateway whose disk is full', fullDisk, noDisk, true],
  ['S3, a server whose bucket is over its quota', overQuota, false, false],
  ['Google Cloud Storage', projectQuota, false, true],
  ['Azure', accountQuota, false, true],
];
for (const [name, open, skip, told] of grounds) {
  test(`no room: ${name}`, { timeout: 180_000, skip }, async (t) => {
    const storage = await open();
    t.after(() => storage.close());
    const team = createTeam(world, `team-${open.name}`);
    configure(team, storage);
    trackAndCommit(team, 'model.bin', 'first model');
    const git = (): Promise<Ran> => team.git(team.alice, ['push', 'origin', 'main'], storage.env);
    const begun = await git();
    assert.equal(begun.code, 0, begun.stderr);
    const refs = team.refs();
    const before = await storage.stored();
    assert.equal(before.length, 1);

    // Over what the server has no room for, and in pieces.
    track(team.alice, 'data', { small: 'small', big: 'x'.repeat(40 << 20) });
    team.commit('more data');
    await storage.fill();
    const requests = storage.sent?.() ?? 0;
    const refused = await git();
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, storage.says);
    assert.doesNotMatch(refused.stderr, insides);
    if (told) {
      assert.match(refused.stderr, /hint: refs that need this data stay here; push again when there is room/);
      assert.match(refused.stderr, /\[remote rejected\] main -> main \(dvc: data not uploaded: no room in storage\)/);
      assert.doesNotMatch(refused.stderr, /trying again|tried \d/);
    }
    // No more than what was under way side by side.
    if (storage.sent !== undefined) assert.ok(storage.sent() - requests <= 8, `${storage.sent() - requests} requests`);
    assert.equal(team.refs(), refs, 'no ref without its data');
    for (const key of await storage.stored()) {
      assert.doesNotMatch(key, /\.dir$/, 'no listing before its files');
      assert.match(key, /^files\/md5\/[0-9a-f]{2}\/[0-9a-f]{30}$/);
    }

    await storage.makeRoom();
    const again = await git();
    assert.equal(again.code, 0, again.stderr);
    assert.notEqual(team.refs(), refs);
    assert.equal((await storage.stored()).length, before.length + 3);
  });
}
