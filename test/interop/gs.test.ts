import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { noise } from '../conformance/storage.ts';
import { startGit, until } from '../e2e/interrupted.ts';
import { findDvc } from '../kit/dvc.ts';
import { bucket, type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { openFaultProxy } from '../kit/fault-proxy.ts';
import { openGcsFront } from '../kit/gcs-front.ts';
import { startGoogleTokens } from '../kit/google-tokens.ts';
import { testMeeting } from '../kit/meeting.ts';
import { openWorld } from '../kit/world.ts';

let server: FakeGcs;
before(
  async () => {
    server = await startFakeGcs({ files: true });
  },
  { timeout: 60_000 },
);
after(() => server?.close());

// DVC's library would else ask Google by gRPC what kind of bucket it is, for a minute.
const env = { GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT: 'false' };

testMeeting('Google Cloud Storage on fake-gcs-server', async () => ({
  url: `gs://${bucket}/teams/ours/store`,
  options: { endpointurl: server.endpoint, allow_anonymous_login: 'true' },
  env,
  directory: `${server.directory}/teams/ours/store`,
}));

test('a big object of a service account: a push that is killed goes on, DVC pulls it; DVC pushes one, we clone', {
  timeout: 300_000,
}, async () => {
  const google = await startGoogleTokens();
  const front = await openGcsFront(server);
  const proxy = await openFaultProxy(front);
  front.whose = (token) => google.whose(token)?.who;
  const world = openWorld(env);
  const run = async (cwd: string, command: string, ...args: string[]): Promise<string> => {
    const ran = await world.runAsync(cwd, command, args);
    assert.equal(ran.code, 0, `${command} ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout + ran.stderr;
  };
  const dvc = (cwd: string, ...args: string[]): Promise<string> => run(cwd, findDvc(), ...args);
  const ours = ['-c', 'remote.origin.vcs=dvcexp'];
  try {
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => world.path(name)) as [string, string, string];
    world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
    world.git(world.directory, 'init', '-q', alice);
    world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
    await dvc(alice, 'init', '-q');
    await dvc(alice, 'remote', 'add', '-q', '-d', 'storage', `gs://${bucket}/big`);
    const signIn = (key: object): void => writeFileSync(world.path('key.json'), JSON.stringify(key));
    signIn(google.serviceAccount);
    mkdirSync(world.path('home', '.config', 'dvc'), { recursive: true });
    const options = [`endpointurl = http://127.0.0.1:${proxy.port}`, `credentialpath = ${world.path('key.json')}`];
    writeFileSync(world.path('home', '.config', 'dvc', 'config'), `['remote "storage"']\n${options.join('\n')}\n`);
    writeFileSync(`${alice}/model.bin`, noise(60 << 20));
    await dvc(alice, 'add', '-q', 'model.bin');
    world.git(alice, 'add', '.');
    world.git(alice, 'commit', '-qm', 'baseline');

    // Two chunks of 16 MiB get through.
    proxy.rules = [
      { match: /PUT/, times: 2 },
      { match: /PUT/, hang: true },
    ];
    const begun = (): number => proxy.seen.filter(({ method }) => method === 'PUT').length;
    const push = startGit(world, alice, [...ours, 'push', 'origin', 'main']);
    const ended = push.ended.then(({ stderr }) => assert.fail(`the push ended by itself\n${stderr}`));
    await Promise.race([ended, until(() => begun() === 3, 'two chunks have gone', 60_000)]);
    ended.catch(() => undefined);
    assert.notEqual((await push.killHelper()).code, 0);
    proxy.rules = [];
    proxy.seen.length = 0;
    assert.match(await run(alice, 'git', ...ours, 'push', 'origin', 'main'), /dvcexp: uploaded 1 object/);
    const ranges = proxy.seen.flatMap(({ headers }) => headers['content-range'] ?? []);
    assert.deepEqual(ranges, [
      'bytes */62914560',
      'bytes 33554432-50331647/62914560',
      'bytes 50331648-62914559/62914560',
    ]);
    assert.match(await dvc(alice, 'status', '-c'), /in sync/);

    world.git(world.directory, 'clone', '-q', world.path('team.git'), bob);
    await dvc(bob, 'pull', '-q');
    await run(bob, 'cmp', 'model.bin', `${alice}/model.bin`);
    writeFileSync(`${bob}/model.bin`, noise(61 << 20).reverse());
    await dvc(bob, 'add', '-q', 'model.bin');
    world.git(bob, 'commit', '-qam', 'better');
    await dvc(bob, 'push', '-q');
    world.git(bob, 'push', '-q', 'origin', 'main');

    // DVC's library knows no such credentials; in the bundle they have a chunk of their own.
    signIn(google.impersonating);
    await run(world.directory, 'git', 'clone', '-c', ours[1] ?? '', world.path('team.git'), carol);
    signIn(google.serviceAccount);
    assert.match(await dvc(carol, 'status', '-c'), /in sync/);
    await dvc(carol, 'checkout', '-q');
    await run(carol, 'cmp', 'model.bin', `${bob}/model.bin`);
    assert.deepEqual(new Set([...front.sessions.values()].map(({ result }) => result === undefined)), new Set([false]));
  } finally {
    world.remove();
    await proxy.close();
    await front.close();
    await google.close();
  }
});

test('a cloud-versioned storage remote: what DVC pushed is fetched by generation, the old one too', {
  timeout: 300_000,
}, async () => {
  const versions = await startFakeGcs({ versions: true });
  const world = openWorld(env);
  const run = (cwd: string, command: string, ...args: string[]): string => {
    const ran = world.run(cwd, command, args);
    assert.equal(ran.code, 0, `${command} ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout + ran.stderr;
  };
  const dvc = (cwd: string, ...args: string[]): string => run(cwd, findDvc(), ...args);
  try {
    const [alice, bob] = ['alice', 'bob'].map((name) => world.path(name)) as [string, string];
    world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
    world.git(world.directory, 'init', '-q', alice);
    world.git(alice, 'remote', 'add', 'origin', world.path('team.git'));
    dvc(alice, 'init', '-q');
    dvc(alice, 'remote', 'add', '-q', '-d', 'storage', `gs://${bucket}/versions`);
    dvc(alice, 'remote', 'modify', '-q', 'storage', 'endpointurl', versions.endpoint);
    dvc(alice, 'remote', 'modify', '-q', 'storage', 'allow_anonymous_login', 'true');
    dvc(alice, 'remote', 'modify', '-q', 'storage', 'version_aware', 'true');
    mkdirSync(`${alice}/data`);
    for (const content of ['first', 'second']) {
      writeFileSync(`${alice}/model.bin`, Buffer.alloc(20_000_000, content));
      writeFileSync(`${alice}/data/b ü.txt`, content);
      dvc(alice, 'add', '-q', 'model.bin', 'data');
      dvc(alice, 'push', '-q');
      world.git(alice, 'add', '.');
      world.git(alice, 'commit', '-qm', content);
      world.git(alice, 'tag', content);
    }
    run(alice, 'git', '-c', 'remote.origin.vcs=dvcexp', 'push', 'origin', 'main', 'first');
    const clone = ['clone', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), bob];
    assert.match(run(world.directory, 'git', ...clone), /dvcexp: downloaded 2 objects, 19\.07 MiB, from gs:/);
    run(bob, 'git', 'dvcexp', 'fetch', 'first');
    await versions.close();
    for (const content of ['first', 'second']) {
      world.git(bob, 'checkout', '-q', content === 'first' ? 'first' : 'main');
      dvc(bob, 'checkout', '-q', '--force');
      assert.equal(run(bob, 'cat', 'data/b ü.txt'), content);
    }
  } finally {
    world.remove();
    await versions.close();
  }
});
