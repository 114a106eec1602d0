// A server that sends its visitors on: the data may come from elsewhere, what proves who we are stays with its server.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { openRecorder, type Recorder } from '../kit/recorder.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

let world: World;
let team: Team;
let own: Recorder;
let other: Recorder;
before(async () => {
  world = openWorld();
  [own, other] = await Promise.all([openRecorder(), openRecorder('127.0.0.2')]);
  team = createTeam(world, 'team');
  team.write('.dvc/config', `[core]\n    remote = storage\n['remote "storage"']\n    url = ${own.url}/data\n`);
  trackAndCommit(team, 'model.bin', 'model');
  world.git(team.alice, 'push', '-q', team.bare, 'main');
  world.git(team.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main');
  assert.equal((await team.clone('bob', ['-c', 'dvcexp.fetchData=none'])).code, 0);
});
after(async () => {
  world.remove();
  await own.close();
  await other.close();
});
beforeEach(() => {
  own.seen.length = 0;
  other.seen.length = 0;
  other.answer = (_request, response) => void response.end('model');
});

/** A clone with nothing in its cache fetches `model.bin` from the own server, which has a secret for it. */
async function fetch(...secret: string[]): Promise<Ran> {
  return await fetchWith({}, ...secret);
}
async function fetchWith(env: NodeJS.ProcessEnv, ...secret: string[]): Promise<Ran> {
  rmSync(team.path('bob', '.dvc', 'cache'), { recursive: true, force: true });
  const lines = secret.map((line) => `    ${line}\n`).join('');
  writeFileSync(join(team.path('bob'), '.dvc', 'config.local'), `['remote "storage"']\n${lines}`);
  return team.git(team.path('bob'), ['dvcexp', 'fetch'], env);
}
const arrived = (): number => objectsIn(team.path('bob', '.dvc', 'cache')).size;
const sendTo = (url: string, status = 302): void => {
  own.answer = (request, response) => void response.writeHead(status, { location: `${url}${request.url}` }).end();
};

for (const [name, ...secret] of [
  ['a password', 'auth = basic', 'user = ada', 'password = cAnArY'],
  ['a header', 'auth = custom', 'custom_auth_header = X-Key', 'password = cAnArY'],
] as const) {
  for (const status of [301, 302, 303, 307, 308]) {
    test(`${name} is not shown where ${status} leads`, async () => {
      sendTo(other.url, status);
      const ran = await fetch(...secret);
      assert.equal(ran.code, 0, ran.stderr);
      assert.equal(arrived(), 1);
      assert.ok(own.secrets().length > 0, 'its own server gets it');
      assert.ok(other.seen.length > 0);
      assert.deepEqual(other.secrets(), []);
      assert.ok(!other.seen.join().includes('cAnArY'));
    });
  }
}

test('and back at its own server it is', async () => {
  own.answer = (request, response) => {
    if (request.url?.endsWith('/back') === true) return void response.end('model');
    response.writeHead(302, { location: `${other.url}/way` }).end();
  };
  other.answer = (_request, response) => void response.writeHead(302, { location: `${own.url}/back` }).end();
  const ran = await fetch('auth = basic', 'user = ada', 'password = cAnArY');
  assert.equal(ran.code, 0, ran.stderr);
  assert.ok(own.seen.filter((text) => /\/back\n/.test(text)).every((text) => /authorization: Basic/i.test(text)));
  assert.deepEqual(other.secrets(), []);
});

test('round and round ends', async () => {
  sendTo(other.url);
  other.answer = (request, response) => void response.writeHead(302, { location: `${own.url}${request.url}` }).end();
  const ran = await fetch();
  assert.equal(ran.code, 1);
  assert.ok(own.seen.length + other.seen.length <= 12, `${own.seen.length + other.seen.length} requests`);
});

for (const location of ['file:///etc/passwd', 'ftp://127.0.0.2/x', 'gopher://127.0.0.2/x', 'http:///', '//[']) {
  test(`to '${location}' nobody goes`, async () => {
    own.answer = (_request, response) => void response.writeHead(302, { location }).end();
    const ran = await fetch();
    assert.equal(ran.code, 1, ran.stderr);
    assert.equal(arrived(), 0);
    assert.deepEqual(other.seen, []);
  });
}

// A proxy stands for all places that this machine cannot reach by itself: it would see a request.
for (const location of [
  'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
  'http://[fd00:ec2::254]/latest',
  'http://metadata.google.internal/computeMetadata/v1/',
  'http://100.100.100.200/latest',
]) {
  test(`not to '${location}' either, where machines tell their secrets`, async () => {
    own.answer = (_request, response) => void response.writeHead(302, { location }).end();
    const ran = await fetchWith({ http_proxy: other.url, no_proxy: '127.0.0.1' });
    assert.equal(ran.code, 1, ran.stderr);
    assert.ok(own.seen.length > 0);
    assert.deepEqual(other.seen, []);
  });
}
test('to another place it would have gone through that proxy', async () => {
  sendTo('http://192.0.2.1');
  await fetchWith({ http_proxy: other.url, no_proxy: '127.0.0.1' });
  assert.ok(other.seen.length > 0);
});
