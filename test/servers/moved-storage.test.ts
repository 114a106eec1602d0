// What a clone remembers of storage holds for the place itself, whoever names it. The same storage remote with another
// endpoint in the environment is another place, and a push must not take for stored what is somewhere else. Real git, the
// built helper, two servers of each kind.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { account, connectionString, container, startAzurite } from '../kit/azurite.ts';
import { bucket as gsBucket, startFakeGcs } from '../kit/fake-gcs.ts';
import { behindFaultProxy, type FaultProxy } from '../kit/fault-proxy.ts';
import { admin, bucket, startWeed } from '../kit/weed.ts';
import { openWorld, type World } from '../kit/world.ts';

/** A service, and before it who counts the requests. */
interface Place {
  readonly proxy: FaultProxy;
  stored(prefix: string): Promise<number>;
  close(): Promise<void>;
}

interface Kind {
  readonly scheme: string;
  readonly root: string;
  readonly options?: string;
  start(): Promise<Place>;
  /** Ways for the user's machine to name the place. */
  readonly ways: Readonly<Record<string, (port: number) => NodeJS.ProcessEnv>>;
}

const keys = { AWS_ACCESS_KEY_ID: admin.id, AWS_SECRET_ACCESS_KEY: admin.secret, AWS_EC2_METADATA_DISABLED: 'true' };
const url = (port: number): string => `http://127.0.0.1:${port}`;
let world: World;

const kinds: readonly Kind[] = [
  {
    scheme: 's3',
    root: `s3://${bucket}`,
    async start() {
      const { server: weed, ...rest } = await behindFaultProxy(startWeed());
      const stored = async (prefix: string): Promise<number> => {
        const query = `list-type=2&prefix=${encodeURIComponent(`${prefix}/`)}`;
        return (await weed.request('GET', `/${bucket}`, query)).text.split('<Key>').length - 1;
      };
      return { ...rest, stored };
    },
    ways: {
      AWS_ENDPOINT_URL: (port) => ({ ...keys, AWS_ENDPOINT_URL: url(port) }),
      AWS_ENDPOINT_URL_S3: (port) => ({ ...keys, AWS_ENDPOINT_URL_S3: url(port) }),
      'a profile': (port) => {
        const file = world.path(`profile-${port}`);
        writeFileSync(file, `[profile work]\nendpoint_url = ${url(port)}\n`);
        return { ...keys, AWS_CONFIG_FILE: file, AWS_PROFILE: 'work' };
      },
    },
  },
  {
    scheme: 'gs',
    root: `gs://${gsBucket}`,
    options: '    allow_anonymous_login = true\n',
    async start() {
      const { server, ...rest } = await behindFaultProxy(startFakeGcs());
      return { ...rest, stored: async (prefix) => (await server.names(`${prefix}/`)).length };
    },
    ways: { STORAGE_EMULATOR_HOST: (port) => ({ STORAGE_EMULATOR_HOST: url(port) }) },
  },
  {
    scheme: 'azure',
    root: `azure://${container}`,
    async start() {
      const { server: azurite, ...rest } = await behindFaultProxy(startAzurite());
      const stored = async (prefix: string): Promise<number> => {
        const query = `restype=container&comp=list&prefix=${encodeURIComponent(`${prefix}/`)}`;
        return (await azurite.request('GET', `/${container}?${query}`)).text.split('<Blob>').length - 1;
      };
      return { ...rest, stored };
    },
    ways: {
      AZURE_STORAGE_CONNECTION_STRING: (port) => ({
        AZURE_STORAGE_CONNECTION_STRING: connectionString(`${url(port)}/${account}`),
      }),
    },
  },
];

before(() => {
  world = openWorld();
});
after(() => world?.remove());

/** Git remotes that have nothing yet, so that the same commit goes to each. */
function addGitRemote(team: Team, name: string): void {
  mkdirSync(team.path(name));
  world.git(team.path(name), 'init', '-q', '--bare');
  world.git(team.alice, 'remote', 'add', name, `../${name}`);
  world.git(team.alice, 'config', `remote.${name}.vcs`, 'dvcexp');
}

/** Chunks of the product with a client for storage in them, among those that V8 saw loaded. */
function clientsIn(coverage: string): string[] {
  return readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url).filter((url) => /\/dist\/chunks\/(?:storage|dist-es|tokens)-/.test(url));
  });
}

let serial = 0;
for (const { scheme, root, options = '', start, ways } of kinds) {
  test(`${scheme}: what was sent to one place is not there at another`, { timeout: 180_000 }, async (t) => {
    const [here, there] = await Promise.all([start(), start()]);
    t.after(() => Promise.all([here.close(), there.close()]));
    for (const [way, env] of Object.entries(ways)) {
      const prefix = `moved${process.pid}-${serial++}`;
      const team = createTeam(world, prefix);
      writeFileSync(
        join(team.alice, '.dvc', 'config.local'),
        `['remote "storage"']\n    url = ${root}/${prefix}\n${options}`,
      );
      trackAndCommit(team, 'data', { 'a.txt': 'one', 'b.txt': 'two' });
      const push = async (name: string, place: Place): Promise<number> => {
        addGitRemote(team, name);
        place.proxy.seen.length = 0;
        const coverage = team.path(`coverage-${name}`);
        const surroundings = { ...env(place.proxy.port), NODE_V8_COVERAGE: coverage };
        const pushed = await team.git(team.alice, ['push', name, 'main'], surroundings);
        assert.equal(pushed.code, 0, pushed.stderr);
        assert.notEqual(world.git(team.path(name), 'for-each-ref'), '');
        const clients = clientsIn(coverage);
        assert.equal(clients.length > 0, place.proxy.seen.length > 0, `${way}: ${clients}`);
        return place.proxy.seen.length;
      };
      assert.notEqual(await push('first', here), 0);
      assert.equal(await here.stored(prefix), 3);
      assert.equal(await push('second', here), 0, `${way}: what this clone sent there is not asked about again`);
      assert.notEqual(await push('third', there), 0, `${way}: another place`);
      assert.equal(await there.stored(prefix), 3, `${way}: refs moved without their data`);
      assert.equal(await push('fourth', here), 0, `${way}: what was sent there is still known`);
    }
  });
}
