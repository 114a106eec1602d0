// A fetch that was cut off, by whatever, costs what was under way: the next one goes on where it ended. Real git, the
// built helper, real servers behind a proxy that counts what passes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { noise } from '../conformance/storage.ts';
import { startGit, until } from '../e2e/interrupted.ts';
import { addExperiment, copyTeam, createTeam, isPartial, strangersIn, type Team, trackAndCommit } from '../e2e/team.ts';
import { account, connectionString, container, startAzurite } from '../kit/azurite.ts';
import { bucket as gsBucket, startFakeGcs } from '../kit/fake-gcs.ts';
import { behindFaultProxy, type FaultProxy, openFaultProxy, type Rule } from '../kit/fault-proxy.ts';
import { makeKey, makeSshHome, openSpoiler, type Spoiler, startSftpServer } from '../kit/sshd.ts';
import { password, startNginx, startWsgidav, user } from '../kit/web-servers.ts';
import { admin, bucket, startWeed } from '../kit/weed.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

const mib = 1 << 20;
// Text, since that is what `track` takes; of six bits each, so that it is as many bytes.
const big = noise(36 * mib).toString('base64');
const bigBytes = big.length;

/** One kind of storage, and the proxy in front of it. */
interface Ground {
  /** Lines of the storage remote's section, for a place of its own. */
  config(place: string): string;
  readonly env: NodeJS.ProcessEnv;
  /** Bytes that came from the service so far. */
  received(): number;
  /** From now on nothing comes any more, once about so many bytes of the object have. */
  stall(bytes: number): void;
  /** The connection is cut, once, when about so many have come. */
  cut(bytes: number): void;
  mend(): void;
  close(): Promise<void>;
}

const name = createHash('md5').update(big).digest('hex');
const isObject = new RegExp(`^GET .*${name.slice(2)}`);

function behindProxy(
  proxy: FaultProxy,
  stall: (bytes: number) => Rule[],
  match = isObject,
): Omit<Ground, 'config' | 'env' | 'close'> {
  return {
    received: () => proxy.counts.received,
    stall(bytes) {
      proxy.rules = stall(bytes);
    },
    cut(bytes) {
      proxy.rules = [{ match, times: 1, dropResponseAfter: bytes }];
    },
    mend() {
      proxy.rules = [];
    },
  };
}

async function onS3(): Promise<Ground> {
  const weed = await startWeed();
  const proxy = await openFaultProxy(weed);
  return {
    // Two ranges of 16 MiB come.
    ...behindProxy(proxy, () => [
      { match: isObject, times: 2 },
      { match: isObject, hang: true },
    ]),
    config: (place) => `url = s3://${bucket}/${place}\n    endpointurl = http://127.0.0.1:${proxy.port}`,
    env: { AWS_ACCESS_KEY_ID: admin.id, AWS_SECRET_ACCESS_KEY: admin.secret, AWS_EC2_METADATA_DISABLED: 'true' },
    async close() {
      await proxy.close();
      await weed.close();
    },
  };
}

async function onGs(): Promise<Ground> {
  const server = await startFakeGcs();
  const proxy = await openFaultProxy(server);
  const options = `endpointurl = http://127.0.0.1:${proxy.port}\n    allow_anonymous_login = true`;
  const media = new RegExp(`${isObject.source}\\?alt=media`);
  return {
    // Two ranges of 16 MiB come.
    ...behindProxy(
      proxy,
      () => [
        { match: media, times: 2 },
        { match: media, hang: true },
      ],
      media,
    ),
    config: (place) => `url = gs://${gsBucket}/${place}\n    ${options}`,
    env: {},
    async close() {
      await proxy.close();
      await server.close();
    },
  };
}

async function onAzure(): Promise<Ground> {
  const { proxy, close } = await behindFaultProxy(startAzurite());
  const connection = connectionString(`http://127.0.0.1:${proxy.port}/${account}`);
  return {
    // Two ranges of 16 MiB come.
    ...behindProxy(proxy, () => [
      { match: isObject, times: 2 },
      { match: isObject, hang: true },
    ]),
    config: (place) => `url = azure://${container}/${place}\n    connection_string = ${connection}`,
    env: {},
    close,
  };
}

async function onWeb(kind: 'http' | 'webdav'): Promise<Ground> {
  const server = kind === 'http' ? await startNginx({ dav: true }) : await startWsgidav();
  const proxy = await openFaultProxy(server);
  const options = kind === 'http' ? 'method = PUT' : `user = ${user}\n    password = '${password}'`;
  return {
    ...behindProxy(proxy, (bytes) => [{ match: isObject, times: 1, stallResponseAfter: bytes }]),
    config: (place) => `url = ${kind}://127.0.0.1:${proxy.port}/${place}\n    ${options}`,
    env: {},
    async close() {
      await proxy.close();
      await server.close();
    },
  };
}

async function onSsh(): Promise<Ground> {
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-resume-ssh-'));
  const home = makeSshHome(join(top, 'home'));
  const key = makeKey(join(top, 'key'));
  home.configure('StrictHostKeyChecking accept-new', 'HostKeyAlias tests');
  const sshd = await startSftpServer(join(top, 'sshd'), { authorized: `${key}.pub` });
  const spoiler: Spoiler = await openSpoiler(sshd.port);
  return {
    config: (place) => `url = ssh://127.0.0.1:${spoiler.port}${top}/${place}\n    keyfile = ${key}`,
    env: { PATH: `${join(home.directory, 'bin')}${delimiter}${world.env.PATH}` },
    received: () => spoiler.passed,
    stall: (bytes) => spoiler.spoil('stall', bytes),
    cut: (bytes) => spoiler.spoil('cut', bytes),
    mend: () => spoiler.mend(),
    async close() {
      await spoiler.close();
      await sshd.stop();
      rmSync(top, { recursive: true, force: true });
    },
  };
}

let world: World;
let template: Team;
let experiment: string;
before(() => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'notes.txt', 'small');
  experiment = addExperiment(world, template, 'quare-zips', () => track(template.alice, 'model.bin', big));
});
after(() => world?.remove());

for (const [kind, open] of [
  ['S3', onS3],
  ['GCS', onGs],
  ['Azure', onAzure],
  ['HTTP', () => onWeb('http')],
  ['WebDAV', () => onWeb('webdav')],
  ['SSH', onSsh],
] as const) {
  describe(`over ${kind}`, { timeout: 300_000 }, () => {
    let ground: Ground;
    let serial = 0;
    before(async () => {
      ground = await open();
    });
    after(() => ground?.close());
    beforeEach(() => ground.mend());

    interface Members {
      readonly team: Team;
      readonly bob: string;
      git(cwd: string, ...args: string[]): Promise<Ran>;
    }

    /** The data is in storage, and Bob's clone has none of it. */
    async function pushed(): Promise<Members> {
      const place = `resume-${serial++}`;
      const team = copyTeam(world, template, `${kind}-${place}`);
      const bob = team.path('bob');
      const git = (cwd: string, ...args: string[]): Promise<Ran> => team.git(cwd, args, ground.env);
      const local = `['remote "storage"']\n    ${ground.config(place)}\n`;
      writeFileSync(join(team.alice, '.dvc', 'config.local'), local);
      const ran = await git(team.alice, 'push', 'origin', 'main', experiment);
      assert.equal(ran.code, 0, ran.stderr);
      world.git(team.directory, 'clone', '-q', team.bare, 'bob');
      world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
      writeFileSync(join(bob, '.dvc', 'config.local'), local);
      return { team, bob, git };
    }

    const cacheOf = (member: string): string => join(member, '.dvc', 'cache');
    function partialOf(bob: string): { path: string; size: number } | undefined {
      try {
        const [path] = strangersIn(cacheOf(bob)).filter(isPartial);
        if (path === undefined) return undefined;
        return { path: join(cacheOf(bob), path), size: statSync(join(cacheOf(bob), path)).size };
      } catch {
        // It has just become the object.
        return undefined;
      }
    }
    const arrived = ({ team, bob }: Members): void => {
      assert.deepEqual(objectsIn(cacheOf(bob)), objectsIn(cacheOf(team.alice)));
      assert.deepEqual(strangersIn(cacheOf(bob)), []);
    };

    /** Bob's `git dvcexp fetch` is stopped when about 30 MiB are here. Answers how many. */
    async function stopped(members: Members, end: 'interrupt' | 'killHelper'): Promise<number> {
      ground.stall(31 * mib);
      const running = startGit(world, members.bob, ['fetch', 'origin', `${experiment}:${experiment}`], ground.env);
      await until(() => (partialOf(members.bob)?.size ?? 0) > 29 * mib, 'most of the object is here');
      const ran = await running[end]();
      assert.notEqual(ran.code, 0, ran.stderr);
      ground.mend();
      const size = partialOf(members.bob)?.size ?? 0;
      assert.ok(size > 29 * mib, String(size));
      assert.ok(objectsIn(cacheOf(members.bob)).size < 2, 'the object is here');
      return size;
    }

    async function goesOn(members: Members, have: number): Promise<void> {
      const before = ground.received();
      const ran = await members.git(members.bob, 'fetch', 'origin', `${experiment}:${experiment}`);
      assert.equal(ran.code, 0, ran.stderr);
      arrived(members);
      const came = ground.received() - before;
      assert.ok(came < bigBytes - have + mib, `${came} bytes came although ${have} of ${bigBytes} were here`);
    }

    for (const end of kind === 'S3' || kind === 'GCS'
      ? (['killHelper', 'interrupt'] as const)
      : (['killHelper'] as const)) {
      test(`after ${end === 'interrupt' ? 'Ctrl-C' : 'kill -9'} the next fetch brings the rest`, async () => {
        const members = await pushed();
        await goesOn(members, await stopped(members, end));
      });
    }

    test('a connection that is cut in the middle costs only what was under way', async () => {
      const members = await pushed();
      ground.cut(10 * mib);
      // Of the services that give ranges a whole one is asked for again.
      await goesOn(members, ['S3', 'GCS', 'Azure'].includes(kind) ? -16 * mib : -4 * mib);
    });

    if (kind !== 'S3') return;
    test('bytes that are wrong on the disk are fetched again, all of them, once', async () => {
      const members = await pushed();
      const have = await stopped(members, 'killHelper');
      const { path = '' } = partialOf(members.bob) ?? {};
      const bytes = readFileSync(path);
      bytes[1000] = 1 ^ (bytes[1000] ?? 0);
      writeFileSync(path, bytes);
      const before = ground.received();
      const ran = await members.git(members.bob, 'fetch', 'origin', `${experiment}:${experiment}`);
      assert.equal(ran.code, 0, ran.stderr);
      arrived(members);
      const came = ground.received() - before;
      assert.ok(came > bigBytes && came < 2 * bigBytes - have + 2 * mib, String(came));
    });

    test('two clones with one cache go on with it once, and both get there', async () => {
      const members = await pushed();
      const have = await stopped(members, 'killHelper');
      const shared = join(members.team.directory, 'shared');
      mkdirSync(shared);
      cpSync(cacheOf(members.bob), shared, { recursive: true });
      assert.equal(readdirSync(shared, { recursive: true }).filter((each) => isPartial(`/${String(each)}`)).length, 1);
      const carol = members.team.path('carol');
      cpSync(members.bob, carol, { recursive: true });
      for (const member of [members.bob, carol])
        writeFileSync(join(member, '.dvc', 'config.local'), `[cache]\n    dir = ${shared}\n`, { flag: 'a' });
      const before = ground.received();
      const both = await Promise.all(
        [members.bob, carol].map((member) => members.git(member, 'fetch', 'origin', `${experiment}:${experiment}`)),
      );
      for (const ran of both) assert.equal(ran.code, 0, ran.stderr);
      assert.deepEqual(objectsIn(shared), objectsIn(cacheOf(members.team.alice)));
      assert.deepEqual(strangersIn(shared), []);
      const came = ground.received() - before;
      assert.ok(came < 2 * bigBytes - have + 2 * mib && came > bigBytes - have, String(came));
    });
  });
}
