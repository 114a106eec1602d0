// rclone and the real DVC take the double for Google Drive, or they do not: each comes with its own idea of the API.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { findDvc } from '../kit/dvc.ts';
import {
  type Credential,
  type DvcOnDrive,
  dvcOptions,
  findRclone,
  makeProject,
  openDvcOnDrive,
  openRclone,
  write,
} from '../kit/google-drive/clients.ts';
import { type Drive, startDrive } from '../kit/google-drive/drive.ts';
import { objectsIn, openWorld, type World } from '../kit/world.ts';

let drive: Drive;
let world: World;
before(async () => {
  drive = await startDrive();
  world = openWorld();
});
after(async () => {
  world?.remove();
  await drive?.close();
});

/** Judges may be away on a desk, never in CI. */
function missing(find: () => string): string | false {
  try {
    find();
    return false;
  } catch (error) {
    return process.env.CI === 'true' ? false : (error as Error).message;
  }
}
const rcloneGone = missing(findRclone);
const dvcGone = missing(findDvc);
const limit = { timeout: 240_000 };
const credentials: readonly Credential[] = ['robot', 'ada'];

let serial = 0;
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const fresh = (name: string): string => `${name}-${serial++}`;

for (const credential of credentials) {
  test(`rclone as ${credential}: what it copies it finds again`, { ...limit, skip: rcloneGone }, async () => {
    const top = fresh('copied');
    const files = {
      'big.bin': randomBytes(20_000_000),
      'small.txt': 'small',
      'zero.txt': '',
      "Zoë's ünïcode/日本 'q' \\ back.txt": 'name',
    };
    write(world.path(top), files);
    const rclone = openRclone(drive, world, credential);
    const begun = drive.log.length;
    await rclone('mkdir', `:drive:${top}`);
    await rclone('copy', world.path(top), `:drive:${top}`, '--drive-chunk-size', '8Mi');
    const listed = (await rclone('lsl', `:drive:${top}`)).split('\n').map((line) => line.trim());
    for (const [name, bytes] of Object.entries(files)) {
      const size = Buffer.byteLength(bytes);
      assert.ok(
        listed.some((line) => line.startsWith(`${size} `) && line.endsWith(name)),
        `${name} ${listed}`,
      );
    }
    // By the hashes that the service tells, and by the bytes that it gives.
    for (const how of [[], ['--download']]) await rclone('check', ...how, world.path(top), `:drive:${top}`);
    const count = (name: string): number => drive.log.slice(begun).filter(({ operation }) => operation === name).length;
    assert.deepEqual([count('upload.piece'), count('upload.end'), count('upload.multipart')], [2, 1, 3]);
    assert.equal(await rclone('cat', `:drive:${top}/small.txt`, '--offset', '1', '--count', '3'), 'mal');
    // Asked for by its name, which has to come through the query language.
    const [, , , quoted = ''] = Object.keys(files);
    assert.equal(await rclone('cat', `:drive:${top}/${quoted}`), 'name');
    assert.equal(drive.counts.refused, 0);
  });
}

test('rclone: content of unknown size, moving, trash', { ...limit, skip: rcloneGone }, async () => {
  const top = fresh('moved');
  const rclone = openRclone(drive, world, 'ada');
  for (const size of [2_500_000, 2 * 1024 * 1024]) {
    const bytes = randomBytes(size);
    writeFileSync(world.path('stream'), bytes);
    const shell = `exec "$@" <${world.path('stream')}`;
    await openRclone(drive, world, 'ada', undefined, ['sh', '-c', shell, 'sh'])(
      ...['rcat', `:drive:${top}/a/stream`, '--drive-chunk-size', '1Mi', '--streaming-upload-cutoff', '0'],
    );
    assert.match(await rclone('md5sum', `:drive:${top}/a/stream`), new RegExp(`^${md5(bytes)} `));
  }
  await rclone('moveto', `:drive:${top}/a/stream`, `:drive:${top}/b/river`);
  assert.equal(await rclone('lsf', '-R', '--files-only', `:drive:${top}`), 'b/river\n');
  await rclone('deletefile', `:drive:${top}/b/river`);
  assert.equal(await rclone('lsf', '-R', '--files-only', `:drive:${top}`), '');
  assert.equal(await rclone('lsf', '-R', '--files-only', '--drive-trashed-only', `:drive:${top}`), 'b/river\n');
  await rclone('purge', '--drive-use-trash=false', `:drive:${top}`);
  assert.deepEqual(
    drive.tree().filter(({ path }) => path.startsWith(`${top}/`) || path === top),
    [],
  );
});

test('rclone: names that are there twice', { ...limit, skip: rcloneGone }, async () => {
  const top = drive.addFolder(fresh('twins'), drive.folderId);
  const folders = [drive.addFolder('same', top), drive.addFolder('same', top)] as const;
  await drive.addFile('one', folders[0], '1');
  await drive.addFile('two', folders[1], '22');
  await drive.addFile('twin', top, 'a');
  await drive.addFile('twin', top, 'bb');
  const rclone = openRclone(drive, world, 'ada', ['--drive-root-folder-id', top]);
  const both = await rclone('lsf', '-R', '--files-only', ':drive:');
  assert.deepEqual(both.split('\n').filter(Boolean).sort(), ['same/one', 'same/two', 'twin', 'twin']);
  // Moves what is in one folder into the other, and gives one of the files another name.
  await rclone('dedupe', '--dedupe-mode', 'rename', ':drive:');
  const paths = drive
    .tree(top)
    .filter(({ trashed }) => !trashed)
    .map(({ path }) => path);
  assert.deepEqual(paths, ['same', 'same/one', 'same/two', 'twin-1', 'twin-2']);
});

test('rclone: shared drives and the data folder of an app', { ...limit, skip: rcloneGone }, async () => {
  const { sharedDriveId } = drive;
  write(world.path('shared'), { 'x/a': 'a', 'x/b': '' });
  assert.match(await openRclone(drive, world, 'ada')('backend', 'drives', ':drive:'), new RegExp(sharedDriveId));
  const places = [
    ['robot', ['--drive-team-drive', sharedDriveId]],
    ['ada', ['--drive-scope', 'drive.appfolder']],
  ] as const;
  for (const [credential, root] of places) {
    const rclone = openRclone(drive, world, credential, root);
    await rclone('copy', world.path('shared'), ':drive:shared');
    await rclone('check', '--download', world.path('shared'), ':drive:shared');
  }
  assert.equal(drive.tree(sharedDriveId).filter(({ path }) => path.startsWith('shared/x/')).length, 2);
  assert.match(await openRclone(drive, world, 'ada')('about', ':drive:'), /Used:/);
});

test('rclone waits out what is said to be busy, and reads the page after an empty one', {
  ...limit,
  skip: rcloneGone,
}, async () => {
  write(world.path('busy'), Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`f${at}`, `${at}`])));
  const rclone = openRclone(drive, world, 'robot');
  drive.faults = [
    { match: /^GET .*files/, times: 1, reason: 'userRateLimitExceeded' },
    { match: /^POST .*upload/, times: 1, status: 503 },
    { match: /^POST .*upload/, times: 1, status: 429 },
  ];
  Object.assign(drive.pages, { limit: 4, emptyFirst: true });
  try {
    await rclone('copy', world.path('busy'), ':drive:busy');
    await rclone('check', world.path('busy'), ':drive:busy');
    assert.deepEqual(
      drive.faults.map(({ times }) => times),
      [0, 0, 0],
    );
  } finally {
    drive.faults = [];
    Object.assign(drive.pages, { limit: 1000, emptyFirst: false });
  }
});

const content = { 'data/a.txt': 'bytes of a', 'data/b ü.txt': 'bytes of b', 'data/sub/zero': '', 'model.bin': 'model' };

/** DVC pushes a project and pulls it in a clone. Returns the project. */
async function pushAndPull(dvc: DvcOnDrive, url: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const name = fresh('project');
  const project = await makeProject(dvc, world, name, url);
  const files = { ...content, ...more, 'data/own': name };
  write(project, files);
  await dvc(project, 'add', '-q', 'data', 'model.bin');
  world.git(project, 'add', '.');
  world.git(project, 'commit', '-qm', 'baseline');
  await dvc(project, 'push', '-q');
  assert.match(await dvc(project, 'status', '-c'), /in sync/);
  world.git(world.directory, 'clone', '-q', project, `${name}-clone`);
  const clone = world.path(`${name}-clone`);
  assert.doesNotMatch(await dvc(clone, 'status', '-c'), /in sync/);
  await dvc(clone, 'pull', '-q');
  for (const [path, bytes] of Object.entries(files))
    assert.equal(readFileSync(`${clone}/${path}`, 'utf8'), bytes, path);
  assert.match(await dvc(clone, 'status', '-c'), /in sync/);
  return project;
}

const cacheOf = (project: string): string => `${project}/.dvc/cache/files/md5`;

for (const credential of credentials) {
  test(`DVC as ${credential} pushes, and pulls into a fresh clone`, { ...limit, skip: dvcGone }, async () => {
    const folder = drive.addFolder(fresh('dvc'), drive.folderId);
    const dvc = openDvcOnDrive(drive, world, dvcOptions(drive, world, credential));
    const project = await pushAndPull(dvc, `gdrive://${folder}`);
    const objects = [...objectsIn(`${project}/.dvc/cache`)].map(([path, hash]) => ({ path, md5: hash }));
    const kept = drive.tree(folder).filter(({ size }) => size !== undefined);
    assert.deepEqual(
      kept.map(({ path, md5 }) => ({ path, md5 })),
      objects,
    );
    assert.equal(objects.length, 6);
    if (rcloneGone) return;
    // Across: what DVC wrote through version 2, rclone reads through version 3, and the other way round.
    const rclone = openRclone(drive, world, credential, ['--drive-root-folder-id', folder]);
    await rclone('check', '--download', cacheOf(project), ':drive:files/md5');
    await rclone('copy', cacheOf(project), ':drive:again/files/md5');
    world.git(world.directory, 'clone', '-q', project, `${fresh('across')}`);
    const clone = world.path(`across-${serial - 1}`);
    await dvc(clone, 'remote', 'modify', 'storage', 'url', `gdrive://${folder}/again`);
    await dvc(clone, 'pull', '-q');
    assert.deepEqual(objectsIn(`${clone}/.dvc/cache`), objectsIn(`${project}/.dvc/cache`));
  });
}

test('DVC waits out six times userRateLimitExceeded, and signs in anew after a 401', {
  ...limit,
  skip: dvcGone,
}, async () => {
  const folder = drive.addFolder(fresh('busy'), drive.folderId);
  const dvc = openDvcOnDrive(drive, world, dvcOptions(drive, world, 'robot'));
  drive.faults = [
    { match: /^POST .*uploadType=resumable$/, times: 1, reason: 'authError' },
    { match: /^GET .*files/, times: 6, reason: 'userRateLimitExceeded' },
  ];
  const tokens = drive.requests('oauth.token');
  const dvcRuns = 5;
  await pushAndPull(dvc, `gdrive://${folder}`);
  assert.deepEqual(
    drive.faults.map(({ times }) => times),
    [0, 0],
  );
  drive.faults = [];
  assert.ok(drive.requests('oauth.token') - tokens > dvcRuns);
});

test('DVC: a shared drive, the data folder of an app, credentials in the environment', {
  ...limit,
  skip: dvcGone,
}, async () => {
  const robot = dvcOptions(drive, world, 'robot');
  await pushAndPull(openDvcOnDrive(drive, world, robot), `gdrive://${drive.sharedDriveId}`);
  const { gdrive_user_credentials_file: file, ...client } = dvcOptions(drive, world, 'ada');
  const env = { GDRIVE_CREDENTIALS_DATA: readFileSync(file ?? '', 'utf8') };
  await pushAndPull(openDvcOnDrive(drive, world, client, env), 'gdrive://appDataFolder');
});

test('DVC: a file of more than one piece, up and down', { ...limit, skip: dvcGone }, async () => {
  const folder = drive.addFolder(fresh('big'), drive.folderId);
  const dvc = openDvcOnDrive(drive, world, dvcOptions(drive, world, 'robot'));
  const project = await makeProject(dvc, world, fresh('big'), `gdrive://${folder}`);
  // Its pieces have 100 MiB.
  writeFileSync(`${project}/big.bin`, 'begin');
  truncateSync(`${project}/big.bin`, 101 * 1024 * 1024);
  await dvc(project, 'add', '-q', 'big.bin');
  const begun = drive.log.length;
  await dvc(project, 'push', '-q');
  rmSync(`${project}/.dvc/cache`, { recursive: true });
  await dvc(project, 'fetch', '-q');
  const seen = drive.log.slice(begun).filter(({ operation }) => /upload\.|files\.download/.test(operation));
  assert.deepEqual(
    seen.map(({ operation, status }) => `${operation} ${status}`),
    ['upload.resumable 200', 'upload.piece 308', 'upload.end 200', 'files.download 206', 'files.download 206'],
  );
  const [kept] = drive.tree(folder).filter(({ size }) => size !== undefined);
  assert.deepEqual([kept?.path, kept?.size], [[...objectsIn(`${project}/.dvc/cache`).keys()][0], 101 * 1024 * 1024]);
});

test('DVC reads folders of the same name together, and puts what nobody needs into the trash', {
  ...limit,
  skip: dvcGone,
}, async () => {
  const folder = drive.addFolder(fresh('twins'), drive.folderId);
  const options = { ...dvcOptions(drive, world, 'ada'), gdrive_trash_only: 'true' };
  const dvc = openDvcOnDrive(drive, world, options);
  const project = await pushAndPull(dvc, `gdrive://${folder}`);
  const [files, md5s] = ['files', 'files/md5'].map((name) => drive.tree(folder).find(({ path }) => path === name));
  // One of the folders moves into a twin of the whole tree above it.
  const twin = drive.addFolder('md5', drive.addFolder('files', folder));
  const [moved] = [...drive.store.children(md5s?.id ?? '')];
  assert.ok(files !== undefined && moved !== undefined);
  moved.parent = twin;
  rmSync(`${project}/.dvc/cache`, { recursive: true });
  rmSync(world.path('site'), { recursive: true });
  await dvc(project, 'fetch', '-q');
  assert.match(await dvc(project, 'status', '-c'), /in sync/);
  world.git(project, 'rm', '-q', 'data.dvc');
  await dvc(project, 'gc', '-q', '-w', '-c', '-f');
  const left = drive.tree(folder).filter(({ size }) => size !== undefined);
  assert.deepEqual([left.filter(({ trashed }) => !trashed).length, left.length], [1, 6]);
});
