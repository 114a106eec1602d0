// A push to Google Drive that is killed: no ref without its data, and the same push again goes on in the middle of the
// object. Real git, the built helper, the double behind its proxy.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startGit, until } from '../e2e/interrupted.ts';
import { createTeam, localConfig, trackAndCommit } from '../e2e/team.ts';
import { clientEnv } from '../kit/google-drive/clients.ts';
import { type Drive, startDrive } from '../kit/google-drive/drive.ts';
import { objectsIn, openWorld, track, type World } from '../kit/world.ts';

let drive: Drive;
let world: World;
before(async () => {
  drive = await startDrive();
  world = openWorld({ ...clientEnv(drive), GDRIVE_CREDENTIALS_DATA: JSON.stringify(drive.serviceAccount) });
});
after(async () => {
  world?.remove();
  await drive?.close();
});

/** `Content-Range` of every piece that was sent, and of every question, since the log had this length. */
const ranges = (begun: number): readonly string[] =>
  drive.log
    .slice(begun)
    .filter(({ method, url }) => method === 'PUT' && url.includes('upload_id='))
    .map(({ headers }) => headers['content-range'] ?? '');

for (const end of ['killHelper', 'interrupt'] as const) {
  test(`${end === 'interrupt' ? 'Ctrl-C' : 'kill -9'} in the middle of a big object`, {
    timeout: 120_000,
  }, async () => {
    const team = createTeam(world, end);
    const store = drive.addFolder(end, drive.folderId);
    const files = (): readonly string[] =>
      drive.tree(store).flatMap(({ path, size }) => (size === undefined ? [] : [path]));
    // `url` in this machine's own layer.
    writeFileSync(join(team.alice, '.dvc', 'config.local'), `['remote "storage"']\n    url = gdrive://${store}\n`);
    track(team.alice, 'big.bin', 'x'.repeat(70 << 20));
    trackAndCommit(team, 'model.bin', 'model');
    let begun = drive.log.length;
    // The first piece comes through, the second never gets an answer.
    drive.faults = [
      { match: /^PUT .*upload_id=/, times: 1 },
      { match: /^PUT .*upload_id=/, hang: true },
    ];
    const running = startGit(world, team.alice, ['push', 'origin', 'main']);
    await until(() => ranges(begun).length === 2, 'the second piece is on its way');
    await running[end]();
    assert.equal(world.git(team.bare, 'for-each-ref'), '', 'no ref without its data');
    assert.ok(files().length <= 1, 'at most the small object is to be seen');

    drive.faults = [];
    begun = drive.log.length;
    const again = await team.git(team.alice, ['push', '-v', 'origin', 'main'], { GIT_TRACE_DVCEXP: '1' });
    assert.equal(again.code, 0, again.stderr);
    const { private_key: key } = drive.serviceAccount;
    for (const secret of ['ya29.', 'upload_id', 'Bearer', 'PRIVATE KEY', key.slice(60, 100)]) {
      assert.ok(!again.stderr.includes(secret), secret);
    }
    assert.match(again.stderr, /robot@lab|GDRIVE_CREDENTIALS_DATA/);
    const size = 70 << 20;
    const first = 32 << 20;
    const last = 64 << 20;
    assert.deepEqual(ranges(begun), [
      `bytes */${size}`,
      `bytes ${first}-${last - 1}/${size}`,
      `bytes ${last}-${size - 1}/${size}`,
    ]);
    assert.equal(files().length, 2);
    assert.ok(
      files().every((path) => path.startsWith('files/md5/') && !path.endsWith('.tmp')),
      files().join(),
    );
    assert.notEqual(world.git(team.bare, 'for-each-ref'), '');
  });
}

test('an object that Google flags is told of with what to type, and the others arrive', {
  timeout: 120_000,
}, async () => {
  const team = createTeam(world, 'flagged');
  const store = drive.addFolder('flagged', drive.folderId);
  team.write('.dvc/config', localConfig.replace('../../storage', `gdrive://${store}`));
  track(team.alice, 'good.bin', 'good');
  const bad = track(team.alice, 'bad.bin', 'bad');
  trackAndCommit(team, 'model.bin', 'model');
  assert.equal((await team.push('main')).code, 0);
  const { id = '' } = drive.tree(store).find(({ path }) => path.endsWith(bad.slice(2))) ?? {};
  const item = drive.store.items.get(id);
  assert.ok(item);
  item.abusive = true;
  const cloned = await team.clone('bob');
  assert.match(cloned.stderr, /bad\.bin .*: cannot read from .*: Google flags the object as malware or spam/);
  assert.match(cloned.stderr, /^hint: .*dvc remote modify storage gdrive_acknowledge_abuse true/m);
  assert.equal(objectsIn(team.path('bob', '.dvc', 'cache')).size, 2);
});
