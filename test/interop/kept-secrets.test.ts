// Secrets move from DVC's configuration to Git and back, and the real DVC works at every step: alone with what stands in
// the configuration, below `with-credentials` with what Git keeps, and not at all without either.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import { plainUser, startWsgidav, type WebServer } from '../kit/web-servers.ts';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { openWorld, type Ran } from '../kit/world.ts';

const world = openWorld({ AWS_EC2_METADATA_DISABLED: 'true' });
const dvcProgram = findDvc();
let weed: Weed;
let dav: WebServer;
before(
  async () => {
    [weed, dav] = await Promise.all([startWeed(), startWsgidav()]);
    // The real DVC makes no base folder there.
    mkdirSync(join(dav.directory, 'data'));
    world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
  },
  { timeout: 120_000 },
);
after(async () => {
  await Promise.all([weed?.close(), dav?.close()]);
  world.remove();
});

const leftovers = (): readonly string[] => readdirSync(tmpdir()).filter((name) => /^dvcexp-[A-Za-z0-9]{6}$/.test(name));

for (const [name, url, shared, secrets] of [
  ['WebDAV', () => `webdav://127.0.0.1:${dav.port}/data`, () => ({}), { user: plainUser, password: plainUser }],
  [
    'S3',
    () => `s3://${bucket}/kept`,
    () => ({ endpointurl: weed.endpoint }),
    { access_key_id: admin.id, secret_access_key: admin.secret },
  ],
] as const) {
  test(`${name}: import, with-credentials, export`, { timeout: 300_000 }, async () => {
    const project = world.path(name);
    mkdirSync(project);
    const dvc = (...args: string[]): Promise<Ran> => world.runAsync(project, dvcProgram, args);
    const git = (...args: string[]): Promise<Ran> => world.runAsync(project, 'git', args);
    const works = async (running: Promise<Ran>): Promise<void> => {
      const { code, stdout, stderr } = await running;
      assert.equal(code, 0, stdout + stderr);
    };
    const forget = (): void => {
      for (const path of ['.dvc/cache', 'model.bin']) rmSync(join(project, path), { recursive: true, force: true });
    };
    const local = (): string => readFileSync(join(project, '.dvc', 'config.local'), 'utf8');
    world.git(project, 'init', '-q');
    await works(dvc('init', '-q'));
    await works(dvc('remote', 'add', '-d', 'store', url()));
    for (const [key, value] of Object.entries<string>(shared()))
      await works(dvc('remote', 'modify', 'store', key, value));
    for (const [key, value] of Object.entries(secrets))
      await works(dvc('remote', 'modify', '--local', 'store', key, value));
    writeFileSync(join(project, 'model.bin'), `model on ${name}`);
    await works(dvc('add', '-q', 'model.bin'));
    await works(dvc('push'));

    await works(git('dvcexp', 'credential', 'import', '--yes'));
    const key = 'password' in secrets ? 'password' : 'secret_access_key';
    assert.ok(!local().includes(`${key} =`), local());
    forget();
    assert.notEqual((await dvc('pull')).code, 0, 'DVC alone has no secret any more');
    const before = leftovers();
    await works(git('dvcexp', 'with-credentials', '--', dvcProgram, 'pull'));
    assert.equal(readFileSync(join(project, 'model.bin'), 'utf8'), `model on ${name}`);
    assert.deepEqual(
      leftovers().filter((each) => !before.includes(each)),
      [],
    );

    await works(git('dvcexp', 'credential', 'export', 'store'));
    assert.ok(local().includes(`${key} =`), local());
    forget();
    await works(dvc('pull'));
    assert.ok(existsSync(join(project, 'model.bin')));
  });
}
