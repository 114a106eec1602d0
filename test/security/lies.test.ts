// A storage that lies: wrong bytes, bytes without an end, compressed ones. What it says becomes no object and no file,
// and nothing of the storage is changed for it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createTeam, filesBelow, snapshot, strangersIn, type Team, trackAndCommit } from '../e2e/team.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';

let world: World;
let team: Team;
let server: Server;
let serial = 0;
let sent = 0;
let answer: (path: string, response: ServerResponse) => void;
before(async () => {
  world = openWorld();
  server = createServer((request, response) => answer(request.url ?? '', response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  world.remove();
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  team = createTeam(world, `team${serial++}`);
});

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/data`;
const useServer = (): void =>
  team.write('.dvc/config', `[core]\n    remote = storage\n['remote "storage"']\n    url = ${url()}\n`);
const at = (top: string, name: string): string => join(top, 'files', 'md5', name.slice(0, 2), name.slice(2));

/** The refs reach the Git remote, and the data is the storage's affair. */
function plant(): void {
  world.git(team.alice, 'push', '-q', '--force', team.bare, 'main');
  world.git(team.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main');
}
async function fetchAsVictim(): Promise<{ readonly ran: Ran; readonly cache: string }> {
  const cloned = await team.clone('victim', ['-c', 'dvcexp.fetchData=none']);
  assert.equal(cloned.code, 0, cloned.stderr);
  const ran = await team.git(team.path('victim'), ['dvcexp', 'fetch']);
  return { ran, cache: team.path('victim', '.dvc', 'cache') };
}
const right = (cache: string): string[] => [...objectsIn(cache).keys()].map((key) => key.replace('files/md5/', ''));
const short = (name: string): string => `${name.slice(0, 2)}/${name.slice(2)}`;

test('a damaged object of a directory is told and stays, whatever its mode; the others come', async () => {
  const bad = track(team.alice, 'bad.bin', 'what was pushed');
  const good = trackAndCommit(team, 'good.bin', 'good');
  assert.equal((await team.push('main')).code, 0);
  const object = at(team.storage, bad);
  for (const mode of [0o444, 0o644]) {
    rmSync(object);
    writeFileSync(object, 'what lies there');
    chmodSync(object, mode);
    const before = snapshot(team.storage, []);
    const { ran, cache } = await fetchAsVictim();
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(
      ran.stderr,
      new RegExp(`^error: bad\\.bin \\(md5 ${bad}\\) in .*/storage is damaged: its bytes hash to`),
    );
    assert.deepEqual(right(cache), [short(good)]);
    assert.deepEqual(strangersIn(cache), [], 'no temporary file stays');
    assert.deepEqual(snapshot(team.storage, []), before, 'nothing of the storage was changed');
    rmSync(team.path('victim'), { recursive: true });
  }
});

test('wrong bytes from a server become no object', async () => {
  useServer();
  const bad = track(team.alice, 'bad.bin', 'what was pushed');
  const good = trackAndCommit(team, 'good.bin', 'good');
  plant();
  answer = (path, response) => void response.end(path.endsWith(good.slice(2)) ? 'good' : 'another text');
  const { ran, cache } = await fetchAsVictim();
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, new RegExp(`^error: bad\\.bin \\(md5 ${bad}\\) in ${url()} is damaged: its bytes hash to`));
  assert.deepEqual(right(cache), [short(good)]);
  assert.deepEqual(strangersIn(cache), []);
});

/** As many bytes as are taken, and a bound so that a failing test does not fill the disk of who runs it. */
function pour(response: ServerResponse, most = 1 << 30): void {
  const chunk = Buffer.alloc(1 << 20, 'x');
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && sent < most) {
      sent += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

test('bytes without an end are cut, and leave nothing', { timeout: 120_000 }, async () => {
  useServer();
  trackAndCommit(team, 'model.bin', 'a few bytes');
  plant();
  sent = 0;
  answer = (_path, response) => pour(response);
  const { ran, cache } = await fetchAsVictim();
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /model\.bin .* is damaged: more than 67108886 bytes, far more than its metafile tells of/);
  assert.ok(sent < 200 << 20, `${sent} bytes were taken`);
  assert.deepEqual(filesBelow(join(cache, 'files')), []);
});

test('a listing without an end is cut before it fills the memory', { timeout: 120_000 }, async () => {
  useServer();
  trackAndCommit(team, 'data', { a: 'a' });
  plant();
  sent = 0;
  answer = (_path, response) => pour(response);
  const { ran, cache } = await fetchAsVictim();
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /data .* is damaged: .* is too large for a listing/);
  assert.ok(sent < 800 << 20, `${sent} bytes were taken`);
  assert.deepEqual(filesBelow(join(cache, 'files')), []);
});

test('a compressed body is not unpacked', async () => {
  useServer();
  const bomb = gzipSync(Buffer.alloc(64 << 20));
  trackAndCommit(team, 'model.bin', 'a few bytes');
  plant();
  answer = (_path, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
  const { ran, cache } = await fetchAsVictim();
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /the server sends objects compressed/);
  assert.deepEqual(filesBelow(join(cache, 'files')), []);
});

test('a listing of a path outside becomes no file, neither in the cache nor at that path', async () => {
  const listing = JSON.stringify([{ md5: 'd41d8cd98f00b204e9800998ecf8427e', relpath: '../../escaped.txt' }]);
  const name = `${createHash('md5').update(listing).digest('hex')}.dir`;
  mkdirSync(dirname(at(team.storage, name)), { recursive: true });
  writeFileSync(at(team.storage, name), listing);
  writeFileSync(team.path('outside'), '');
  team.write('evil.dvc', `outs:\n- md5: ${name}\n  hash: md5\n  path: evil\n`);
  team.commit();
  plant();
  const before = snapshot(world.directory, [team.path('victim').slice(world.directory.length + 1)]);
  const { ran, cache } = await fetchAsVictim();
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /path '\.\.\/\.\.\/escaped\.txt' is not safe/);
  assert.deepEqual(filesBelow(join(cache, 'files')), []);
  assert.deepEqual(snapshot(world.directory, [team.path('victim').slice(world.directory.length + 1)]), before);
});

test('objects are for everybody to read and for nobody to write, whatever the umask', async () => {
  const name = trackAndCommit(team, 'model.bin', 'a few bytes');
  assert.equal((await team.push('main')).code, 0);
  const cloned = await world.runAsync(team.directory, 'sh', [
    '-c',
    'umask 000 && exec git clone -c remote.origin.vcs=dvcexp ./team.git victim',
  ]);
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(statSync(at(team.path('victim', '.dvc', 'cache'), name)).mode & 0o777, 0o444);
  assert.equal(readFileSync(at(team.path('victim', '.dvc', 'cache'), name), 'utf8'), 'a few bytes');
});

test('what is under way is for nobody else to read, whatever the umask, and lies in the cache alone', async () => {
  useServer();
  const name = trackAndCommit(team, 'model.bin', 'x'.repeat(3 << 20));
  plant();
  const tmp = team.path('tmp');
  mkdirSync(tmp);
  let held: ServerResponse | undefined;
  answer = (_path, response) => {
    response.writeHead(200, { 'content-length': 3 << 20 }).write('x'.repeat(1 << 20));
    held = response;
  };
  const cloning = world.runAsync(
    team.directory,
    'sh',
    ['-c', `umask 000 && exec git clone -c remote.origin.vcs=dvcexp ${team.bare} victim`],
    { env: { TMPDIR: tmp } },
  );
  const cache = team.path('victim', '.dvc', 'cache');
  const begun = (): string[] => strangersIn(cache).filter((file) => statSync(join(cache, file)).size > 0);
  for (const end = Date.now() + 20_000; begun().length === 0 && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 50));
  const [file, ...others] = begun();
  assert.deepEqual(others, []);
  assert.match(file ?? '', /^files\/md5\/[0-9a-f]{2}\/\.[\w.-]{22,}\.dvcexp\.tmp$/);
  assert.equal(statSync(join(cache, file ?? '')).mode & 0o777, 0o600);
  assert.deepEqual(filesBelow(tmp), []);
  const secrets = filesBelow(team.path('victim', '.git')).filter((path) => path.startsWith('dvcexp/uploads/'));
  for (const path of secrets) assert.equal(statSync(team.path('victim', '.git', path)).mode & 0o077, 0, path);
  held?.end('x'.repeat(2 << 20));
  const cloned = await cloning;
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.deepEqual(right(cache), [short(name)]);
  assert.deepEqual(strangersIn(cache), []);
});

test('a compressed body of S3 is not unpacked either', async () => {
  const bomb = gzipSync(Buffer.alloc(64 << 20));
  const endpoint = url().replace('/data', '');
  team.write(
    '.dvc/config',
    `[core]\n    remote = storage\n['remote "storage"']\n    url = s3://bucket\n    endpointurl = ${endpoint}\n    allow_anonymous_login = true\n`,
  );
  trackAndCommit(team, 'model.bin', 'a few bytes');
  plant();
  answer = (_path, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
  const { ran, cache } = await fetchAsVictim();
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /model\.bin .* is damaged/);
  assert.deepEqual(filesBelow(join(cache, 'files')), []);
});
