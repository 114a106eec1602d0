// Google Drive, shared with the real DVC (version 2 of the API) and with rclone, which read what we wrote and write what
// we read, all in one place.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  type Credential,
  clientEnv,
  dvcOptions,
  makeProject,
  openDvcOnDrive,
  openRclone,
  write,
} from '../kit/google-drive/clients.ts';
import { type Drive, startDrive } from '../kit/google-drive/drive.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

let drive: Drive;
before(async () => {
  drive = await startDrive();
});
after(() => drive?.close());

const limit = { timeout: 300_000 };

/** A repository that is pushed to, and a project of DVC's in a clone of it. */
interface Team {
  readonly world: World;
  readonly project: string;
  readonly dvc: ReturnType<typeof openDvcOnDrive>;
  /** `git …` with data, as somebody does who has set up this program. */
  git(cwd: string, ...args: string[]): Promise<Ran>;
}

async function withTeam(url: string, credential: Credential, work: (team: Team) => Promise<void>): Promise<void> {
  const world = openWorld();
  try {
    const dvc = openDvcOnDrive(drive, world, dvcOptions(drive, world, credential));
    const project = await makeProject(dvc, world, 'alice', url);
    world.git(world.directory, 'init', '-q', '--bare', world.path('team.git'));
    world.git(project, 'remote', 'add', 'origin', world.path('team.git'));
    const git: Team['git'] = async (cwd, ...args) => {
      const ran = await world.runAsync(cwd, 'git', args, { env: clientEnv(drive) });
      assert.equal(ran.code, 0, `git ${args.join(' ')}\n${ran.stderr}`);
      return ran;
    };
    await work({ world, project, dvc, git });
  } finally {
    world.remove();
  }
}

const withData = ['-c', 'remote.origin.vcs=dvcexp'];

/** Keys of what lies below a folder → MD5, as Google tells it. */
function stored(folder: string): ReadonlyMap<string, string> {
  const files = drive.tree(folder).filter(({ md5, trashed }) => md5 !== undefined && !trashed);
  return new Map(files.map(({ path, md5 }) => [path, md5 ?? '']));
}

for (const credential of ['robot', 'ada'] as const) {
  test(`DVC as ${credential} and we share storage`, limit, () => {
    const store = drive.addFolder(`store-${credential}`, drive.folderId);
    return withTeam(`gdrive://${store}`, credential, async ({ world, project, dvc, git }) => {
      write(project, { 'data/a.txt': 'bytes of a', 'data/sub/c.txt': 'bytes of c', 'data/b ü.txt': '' });
      writeFileSync(`${project}/model.bin`, randomBytes(7_000_000));
      await dvc(project, 'add', '-q', 'data', 'model.bin');
      world.git(project, 'add', '.');
      world.git(project, 'commit', '-qm', 'baseline');
      const pushed = await git(project, ...withData, 'push', 'origin', 'main');
      assert.match(pushed.stderr, /dvcexp: uploaded 5 objects/);
      assert.match(await dvc(project, 'status', '-c'), /in sync/);
      assert.deepEqual([...stored(store)], [...objectsIn(`${project}/.dvc/cache`)]);

      await git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
      const bob = world.path('bob');
      await dvc(bob, 'pull', '-q');
      assert.equal(readFileSync(`${bob}/data/sub/c.txt`, 'utf8'), 'bytes of c');
      assert.deepEqual(readFileSync(`${bob}/model.bin`), readFileSync(`${project}/model.bin`));

      writeFileSync(`${bob}/model.bin`, randomBytes(9_000_000));
      await dvc(bob, 'add', '-q', 'model.bin');
      world.git(bob, 'commit', '-qam', 'better');
      await dvc(bob, 'push', '-q');
      world.git(bob, 'push', '-q', 'origin', 'main');
      await git(world.directory, ...['clone', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), 'carol']);
      const carol = world.path('carol');
      assert.equal(objectsIn(`${carol}/.dvc/cache`).size, 5);
      assert.match(await dvc(carol, 'status', '-c'), /in sync/);
      await dvc(carol, 'checkout', '-q');
      assert.deepEqual(readFileSync(`${carol}/model.bin`), readFileSync(`${bob}/model.bin`));

      // And once more with nothing to do: storage is not even asked.
      const asked = drive.log.length;
      await git(project, ...withData, 'push', 'origin', 'main:again');
      assert.equal(drive.log.length, asked);

      mkdirSync(world.path('copy'));
      const rclone = openRclone(drive, world, credential, ['--drive-root-folder-id', store]);
      await rclone('copy', ':drive:', world.path('copy'));
      await rclone('check', '--download', ':drive:', world.path('copy'));
      assert.deepEqual([...objectsIn(world.path('copy'))], [...stored(store)]);
    });
  });
}

test('the folders that racing pushers of DVC left twice are read whole', limit, () => {
  const store = drive.addFolder('twice', drive.folderId);
  return withTeam(`gdrive://${store}`, 'robot', async ({ world, project, dvc, git }) => {
    write(project, Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`data/${at}.txt`, `bytes of ${at}`])));
    await dvc(project, 'add', '-q', 'data');
    world.git(project, 'add', '.');
    world.git(project, 'commit', '-qm', 'baseline');
    await dvc(project, 'push', '-q');
    // Half of the folders of two digits move to a second 'md5' in a second 'files'.
    const twin = drive.addFolder('md5', drive.addFolder('files', store));
    const folders = drive.tree(store).filter(({ path }) => /^files\/md5\/..$/.test(path));
    for (const { id } of folders.filter((_, at) => at % 2 === 0)) drive.store.items.get(id)!.parent = twin;
    assert.equal(stored(store).size, 13);
    world.git(project, 'push', '-q', 'origin', 'main');
    await git(world.directory, ...['clone', '-c', 'remote.origin.vcs=dvcexp', world.path('team.git'), 'carol']);
    assert.equal(objectsIn(`${world.path('carol')}/.dvc/cache`).size, 13);

    write(project, { 'data/more.txt': 'more' });
    await dvc(project, 'add', '-q', 'data');
    world.git(project, 'commit', '-qam', 'more');
    assert.match((await git(project, ...withData, 'push', 'origin', 'main')).stderr, /uploaded 2 objects/);
    assert.match(await dvc(project, 'status', '-c'), /in sync/);
  });
});

test('a shared drive: what we push DVC pulls', limit, () =>
  withTeam(`gdrive://${drive.sharedDriveId}/team store`, 'robot', async ({ world, project, dvc, git }) => {
    write(project, { 'data/a.txt': 'on the shared drive' });
    await dvc(project, 'add', '-q', 'data');
    world.git(project, 'add', '.');
    world.git(project, 'commit', '-qm', 'baseline');
    await git(project, ...withData, 'push', 'origin', 'main');
    await git(world.directory, 'clone', '-q', world.path('team.git'), 'bob');
    await dvc(world.path('bob'), 'pull', '-q');
    assert.equal(readFileSync(`${world.path('bob')}/data/a.txt`, 'utf8'), 'on the shared drive');
    assert.match(await dvc(project, 'status', '-c'), /in sync/);
  }),
);
