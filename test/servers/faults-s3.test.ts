// Whatever becomes of an S3 service or of our way to it, no ref arrives before its data, nothing half stays, and the
// same command again ends where an undisturbed one would have: real git, the built helper, SeaweedFS behind a proxy.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { startGit, until } from '../e2e/interrupted.ts';
import { fullDisk, withSmallDisk } from '../e2e/small-disk.ts';
import {
  addExperiment,
  copyTeam,
  createTeam,
  damagedIn,
  insides,
  isPartial,
  strangersIn,
  type Team,
  trackAndCommit,
} from '../e2e/team.ts';
import { type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { admin, bucket, reader, startWeed, type Weed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

let weed: Weed;
let proxy: FaultProxy;
let world: World;
let template: Team;
let team: Team;
let bob: string;
let experiment: string;
let prefix: string;
let serial = 0;

const keys = (id: string, secret: string): NodeJS.ProcessEnv => ({
  AWS_ACCESS_KEY_ID: id,
  AWS_SECRET_ACCESS_KEY: secret,
  AWS_EC2_METADATA_DISABLED: 'true',
});
const good = keys(admin.id, admin.secret);
/** Beyond one part of a multipart upload, and long enough on its way. */
const bigBytes = 24 << 20;
const big = 'x'.repeat(bigBytes);

before(
  async () => {
    weed = await startWeed();
    proxy = await openFaultProxy(weed);
    world = openWorld();
    template = createTeam(world, 'template');
    trackAndCommit(template, 'model.bin', 'first model');
    experiment = addExperiment(world, template, 'quare-zips', () => {
      track(template.alice, 'model.bin', 'second model');
      const some = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`${at}.txt`, `file ${at}`]));
      track(template.alice, 'data', { ...some, big });
    });
  },
  { timeout: 120_000 },
);
after(async () => {
  world.remove();
  await proxy.close();
  await weed.close();
});
beforeEach(async () => {
  proxy.rules = [];
  proxy.seen.length = 0;
  team = copyTeam(world, template, `team${serial++}`);
  bob = team.path('bob');
  prefix = `faults${process.pid}-${serial}`;
  // Not committed: the same commits live at another place in every test.
  configure({});
  const pushed = await git(team.alice, ['push', 'origin', 'main']);
  assert.equal(pushed.code, 0, pushed.stderr);
  world.git(team.directory, 'clone', '-q', team.bare, 'bob');
  world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
  configure({});
});

/** This machine's word on the storage remote, for every clone. */
function configure({ port = proxy.port, name = bucket }: { readonly port?: number; readonly name?: string }): void {
  const text = [
    `['remote "storage"']\n    url = s3://${name}/${prefix}\n    endpointurl = http://127.0.0.1:${port}`,
    '    read_timeout = 3\n    connect_timeout = 3\n',
  ].join('\n');
  for (const member of [team.alice, bob])
    if (existsSync(member)) writeFileSync(join(member, '.dvc', 'config.local'), text);
}

const git = (cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = good): Promise<Ran> =>
  team.git(cwd, args, env);
const pushIt = (): string[] => ['push', 'origin', `${experiment}:${experiment}`];
const fetchIt = (): string[] => ['fetch', 'origin', `${experiment}:${experiment}`];
const experimentOf = (cwd: string): string => world.git(cwd, 'for-each-ref', '--format=%(objectname)', 'refs/exps');
const cacheOf = (member: string): string => join(member, '.dvc', 'cache');
const keyOf = (content: string): string => {
  const name = createHash('md5').update(content).digest('hex');
  return `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
};

/** What the service holds for this test, seen past the proxy: key → MD5 of the bytes. */
async function stored(): Promise<Map<string, string>> {
  const query = `list-type=2&prefix=${encodeURIComponent(`${prefix}/`)}`;
  const { text } = await weed.request('GET', `/${bucket}`, query);
  const found = new Map<string, string>();
  for (const [, key = ''] of text.matchAll(/<Key>([^<]+)<\/Key>/g)) {
    const object = await weed.request('GET', `/${bucket}/${key}`);
    found.set(key.slice(prefix.length + 1), createHash('md5').update(object.text).digest('hex'));
  }
  return new Map([...found].sort());
}

async function nothingPushed(): Promise<void> {
  assert.equal(experimentOf(team.bare), '', 'no ref without its data');
  for (const [key, md5] of await stored())
    assert.equal(key.replace('files/md5/', '').replace('/', '').replace('.dir', ''), md5, 'a half object');
}

async function pushesNow(): Promise<void> {
  proxy.rules = [];
  configure({});
  const again = await git(team.alice, pushIt());
  assert.equal(again.code, 0, again.stderr);
  assert.equal(experimentOf(team.bare), world.git(team.alice, 'rev-parse', experiment));
  assert.deepEqual(await stored(), objectsIn(cacheOf(team.alice)), 'as after an undisturbed push');
}

function nothingFetched(options: { readonly killed?: boolean } = {}): void {
  assert.equal(experimentOf(bob), '', 'no ref without its data');
  assert.deepEqual(damagedIn(cacheOf(bob)), []);
  const strangers = strangersIn(cacheOf(bob)).filter((path) => !isPartial(path));
  if (options.killed !== true) assert.deepEqual(strangers, []);
}

async function fetchesNow(): Promise<void> {
  proxy.rules = [];
  configure({});
  const again = await git(bob, fetchIt());
  assert.equal(again.code, 0, again.stderr);
  assert.equal(experimentOf(bob), world.git(team.alice, 'rev-parse', experiment));
  // Bob cloned without the helper, so the data of main is not his.
  const wanted = [...objectsIn(cacheOf(team.alice))].filter(([key]) => key !== keyOf('first model'));
  assert.deepEqual(objectsIn(cacheOf(bob)), new Map(wanted), 'as after an undisturbed fetch');
}

function failed(ran: Ran, ...says: readonly RegExp[]): void {
  assert.notEqual(ran.code, 0, ran.stderr);
  for (const pattern of says) assert.match(ran.stderr, pattern);
  assert.doesNotMatch(ran.stderr, insides);
}

const xml = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;

interface Fault {
  readonly name: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly to?: { readonly port?: number; readonly name?: string };
  readonly rules?: () => Rule[];
  readonly push: readonly RegExp[];
  /** undefined: fetching is no matter of this fault. */
  readonly fetch?: readonly RegExp[];
}

const gone = /! \[remote rejected\] .*quare-zips \(dvc: .*\)/;
const notHere = /data of 'quare-zips' is not here, so no ref was moved/;
const faults: readonly Fault[] = [
  {
    name: 'nobody listens',
    to: { port: 1 },
    push: [/^error: .*connection refused/m, gone],
    fetch: [/^error: .*connection refused/m, notHere],
  },
  {
    name: 'a key the service does not know',
    env: keys('NOBODY', 'secret'),
    push: [/^error: .*(?:InvalidAccessKeyId|key)/m, /^hint: /m, gone],
    fetch: [/^error: .*(?:InvalidAccessKeyId|key)/m, notHere],
  },
  {
    name: 'a wrong secret',
    env: keys(admin.id, 'wrong'),
    push: [/^error: .*(?:SignatureDoesNotMatch|secret)/m, /^hint: /m, gone],
    fetch: [/^error: .*(?:SignatureDoesNotMatch|secret)/m, notHere],
  },
  {
    name: 'a user who may only read',
    env: keys(reader.id, reader.secret),
    push: [/^error: .*(?:AccessDenied|denied)/m, gone],
  },
  {
    name: 'no such bucket',
    to: { name: 'nosuchbucket' },
    push: [/^error: .*bucket/m, gone],
    fetch: [/^error: .*bucket/m, notHere],
  },
  {
    name: '503 for ever',
    rules: () => [{ match: /./, status: 503, body: xml('SlowDown'), headers: { 'retry-after': '0' } }],
    push: [/^error: .*(?:SlowDown|503).*tried 5 times/m, gone],
    fetch: [/^error: .*(?:SlowDown|503).*tried 5 times/m, notHere],
  },
  {
    name: 'every connection reset',
    rules: () => [{ match: /./, dropRequestAfter: 0, dropResponseAfter: 0 }],
    push: [/^error: .*tried 5 times/m, gone],
    fetch: [/^error: /m, notHere],
  },
  {
    name: 'an object of more than the service takes',
    rules: () => [{ match: /PUT|POST/, status: 400, body: xml('EntityTooLarge') }],
    push: [/^error: cannot write to 's3:.*EntityTooLarge/m, gone],
  },
  {
    name: 'a service without space',
    rules: () => [{ match: /PUT|POST/, status: 507, body: xml('InsufficientStorage') }],
    push: [/^error: .*(?:InsufficientStorage|507)/m, gone],
  },
];

for (const fault of faults) {
  test(`push: ${fault.name}`, { timeout: 180_000 }, async () => {
    configure(fault.to ?? {});
    proxy.rules = fault.rules?.() ?? [];
    failed(await git(team.alice, pushIt(), fault.env), ...fault.push);
    await nothingPushed();
    await pushesNow();
  });
  if (fault.fetch === undefined) continue;
  test(`fetch: ${fault.name}`, { timeout: 180_000 }, async () => {
    await pushesNow();
    configure(fault.to ?? {});
    proxy.rules = fault.rules?.() ?? [];
    failed(await git(bob, fetchIt(), fault.env), ...(fault.fetch ?? []));
    nothingFetched();
    await fetchesNow();
  });
}

// Five tries for one request, so that four faults may all meet the same one.
test('a storm of 503 and resets that passes fails nothing', { timeout: 120_000 }, async () => {
  const storm = (): Rule[] => [
    { match: /./, times: 2, status: 503, body: xml('SlowDown'), headers: { 'retry-after': '0' } },
    { match: /PUT/, times: 2, dropRequestAfter: 1 },
    { match: /GET/, times: 2, dropResponseAfter: 1 },
  ];
  proxy.rules = storm();
  const pushed = await git(team.alice, pushIt());
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.deepEqual(await stored(), objectsIn(cacheOf(team.alice)));
  proxy.rules = storm();
  const fetched = await git(bob, fetchIt());
  assert.equal(fetched.code, 0, fetched.stderr);
  await fetchesNow();
});

test('fetch: an object the service has lost is named, and all else arrives', { timeout: 60_000 }, async () => {
  await pushesNow();
  await weed.request('DELETE', `/${bucket}/${prefix}/${keyOf('file 7')}`);
  const fetched = await git(bob, fetchIt());
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(fetched.stderr, /^warning: .*has not got 1 object of 'quare-zips': .*\n {4}data\/7\.txt \(md5 /m);
  assert.equal(objectsIn(cacheOf(bob)).size, objectsIn(cacheOf(team.alice)).size - 2);
  await weed.request('PUT', `/${bucket}/${prefix}/${keyOf('file 7')}`, '', Buffer.from('file 7'));
  const later = await git(bob, ['dvcexp', 'fetch', experiment]);
  assert.equal(later.code, 0, later.stderr);
  await fetchesNow();
});

test('fetch: an object whose bytes were changed in the service is not taken', { timeout: 60_000 }, async () => {
  await pushesNow();
  await weed.request('PUT', `/${bucket}/${prefix}/${keyOf('file 7')}`, '', Buffer.from('File 7'));
  failed(await git(bob, fetchIt()), /^error: data\/7\.txt \(md5 .* is damaged: its bytes hash to/m, notHere);
  assert.equal(experimentOf(bob), '');
  assert.deepEqual([...damagedIn(cacheOf(bob)), ...strangersIn(cacheOf(bob))], []);
  await weed.request('PUT', `/${bucket}/${prefix}/${keyOf('file 7')}`, '', Buffer.from('file 7'));
  await fetchesNow();
});

test('push: an object that is nowhere fails the ref and names the path', { timeout: 60_000 }, async () => {
  const path = join(cacheOf(team.alice), keyOf('file 7'));
  renameSync(path, team.path('lost'));
  failed(
    await git(team.alice, pushIt()),
    /^error: 1 object is neither in the cache nor in s3:\/\/.*:\n {4}data\/7\.txt \(md5 /m,
    /missing in cache and storage/,
  );
  await nothingPushed();
  renameSync(team.path('lost'), path);
  await pushesNow();
});

test('fetch: the disk of the cache is full', { timeout: 60_000 }, async () => {
  await pushesNow();
  failed(await withSmallDisk(world, cacheOf(bob), bob, fetchIt(), good), fullDisk, notHere);
  nothingFetched();
  await fetchesNow();
});

const seen = (pattern: RegExp): boolean => proxy.seen.some(({ method, url }) => pattern.test(`${method} ${url}`));

for (const end of ['interrupt', 'killHelper'] as const) {
  const what = end === 'interrupt' ? 'Ctrl-C' : 'kill -9';
  test(`push: ${what} in the middle of an object`, { timeout: 90_000 }, async () => {
    proxy.rules = [{ match: /PUT .*partNumber=2/, hang: true }];
    proxy.seen.length = 0;
    const running = startGit(world, team.alice, pushIt(), good);
    await until(() => seen(/PUT .*partNumber=2/), 'the second part is on its way');
    const pushed = await running[end]();
    assert.notEqual(pushed.code, 0);
    assert.doesNotMatch(pushed.stderr, insides);
    await nothingPushed();
    const uploads = async (): Promise<string> => (await weed.request('GET', `/${bucket}`, 'uploads=')).text;
    assert.ok((await uploads()).includes(prefix), 'the begun upload waits for the next push');
    proxy.seen.length = 0;
    await pushesNow();
    assert.ok(!seen(/^POST .*\?uploads=/), 'the next push began a new one');
    assert.ok(!(await uploads()).includes(prefix), 'it is still there');
  });

  test(`fetch: ${what} in the middle of an object`, { timeout: 90_000 }, async () => {
    await pushesNow();
    const object = new RegExp(`^GET .*${keyOf(big)}`);
    proxy.rules = [
      { match: object, times: 1 },
      { match: object, hang: true },
    ];
    const running = startGit(world, bob, fetchIt(), good);
    const begun = (): boolean =>
      existsSync(cacheOf(bob)) &&
      readdirSync(cacheOf(bob), { recursive: true }).some((name) => String(name).endsWith('.tmp'));
    await until(begun, 'the first range is in the cache');
    const fetched = await running[end]();
    assert.notEqual(fetched.code, 0);
    assert.doesNotMatch(fetched.stderr, insides);
    nothingFetched({ killed: end === 'killHelper' });
    await fetchesNow();
  });
}
