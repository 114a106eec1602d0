// Secrets of any source appear nowhere a person or a log could read them, whatever the outcome.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';
import { noKeys, openSmallS3, type SmallS3, s3Config } from './small-s3.ts';
import { addExperiment, createTeam, filesBelow, type Team, trackAndCommit } from './team.ts';

const fromEnvironment = 'cAnArY/of+the=environment';
const fromConfig = 'cAnArY/of+config.local=';
const token = 'cAnArY-session-token';
const password = 'cAnArY-password';
const forms = [fromEnvironment, fromConfig, token, password].flatMap((secret) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(`ada:${secret}`).toString('base64').replace(/=+$/, ''),
]);

let world: World;
let s3: SmallS3;
let team: Team;
const said: [string, Ran][] = [];
before(async () => {
  s3 = await openSmallS3();
  world = openWorld({
    ...noKeys,
    // Everything on: the ordinary trace of Git shows the arguments of all that is started.
    ...{ GIT_TRACE_DVCEXP: '1', GIT_TRACE: '1', GIT_TRACE_PACKET: '1', GIT_TRACE_CURL: '1' },
  });
  team = createTeam(world, 'team');
  team.write('.dvc/config', s3Config(s3));
});
after(async () => {
  world.remove();
  await s3.close();
});

const environment = { AWS_ACCESS_KEY_ID: 'KEYID', AWS_SECRET_ACCESS_KEY: fromEnvironment, AWS_SESSION_TOKEN: token };

async function say(what: string, code: number, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const ran = await team.git(team.alice, args, env);
  said.push([what, ran]);
  assert.equal(ran.code, code, `${what}: ${ran.stderr}`);
  return ran;
}

test('in success, refusal, failure and a lost server; by environment and by config.local', {
  timeout: 90_000,
}, async () => {
  trackAndCommit(team, 'model.bin', 'first model');
  await say('push', 0, ['push', '-v', 'origin', 'main'], environment);
  assert.ok(
    s3.seen.some(({ headers }) => headers['x-amz-security-token'] === token),
    'the token was used',
  );

  trackAndCommit(team, 'model.bin', 'second model');
  for (const [status, code] of [
    [403, 'SignatureDoesNotMatch'],
    [403, 'AccessDenied'],
    [404, 'NoSuchBucket'],
  ] as const) {
    s3.failure = { status, code };
    await say(code, 1, ['push', '-v', 'origin', 'main'], environment);
  }
  s3.failure = undefined;

  team.write(
    '.dvc/config.local',
    `['remote "storage"']\n    access_key_id = KEYID\n    secret_access_key = ${fromConfig}\n    session_token = ${token}\n`,
  );
  await say('config.local', 0, ['push', '-v', 'origin', 'main']);
  team.write(
    '.dvc/config.local',
    `['remote "storage"']\n    access_key_id = KEYID\n    secret_access_key = a, ${fromConfig}\n`,
  );
  trackAndCommit(team, 'model.bin', 'third model');
  await say('a list in config.local', 1, ['push', '-v', 'origin', 'main']);
  team.write('.dvc/config.local', `['remote "storage"']\n    secret_access_key = "${fromConfig}\n`);
  await say('a syntax error in config.local', 1, ['push', '-v', 'origin', 'main']);
  team.write('.dvc/config.local', '');

  const experiment = addExperiment(world, team, 'quare-zips', () => track(team.alice, 'model.bin', 'fourth model'));
  await say('an experiment', 0, ['push', '-v', 'origin', 'main', `${experiment}:${experiment}`], environment);
  s3.failure = { status: 403, code: 'InvalidAccessKeyId' };
  world.git(team.directory, 'init', '-q', 'bob');
  const bob = ['-C', '../bob', '-c', `remote.o.url=${team.bare}`, '-c', 'remote.o.vcs=dvcexp', 'fetch', '-v', 'o'];
  await say('a refused fetch', 1, [...bob, `${experiment}:${experiment}`], environment);
  s3.failure = undefined;
});

test('a password in the address of the Git remote', async () => {
  const env = { GIT_TRACE: '', GIT_TRACE_CURL: '', GIT_TRACE_PACKET: '' };
  // Behind the prefix it is Git that prints it: its own eraser of passwords does not look there.
  const push = (url: string): string[] => [
    '-c',
    `remote.x.url=${url}`,
    '-c',
    'remote.x.vcs=dvcexp',
    'push',
    '-v',
    'x',
    'main',
  ];
  await say('an address that answers not', 128, push(`http://ada:${password}@127.0.0.1:1/team.git`), env);
  await say('a scheme that is none', 128, push(`nosuch://ada:${password}@host/x`), env);
  await say('an address without a path', 128, push(`ssh://ada:${password}@host`), env);
});

test('none of it was said, and nothing of it stays in a file that we write', () => {
  assert.ok(said.length >= 12);
  for (const [what, { stdout, stderr }] of said)
    for (const form of forms) assert.ok(!`${stdout}${stderr}`.includes(form), `${what}: '${form}' was said`);
  for (const folder of [join(team.alice, '.git', 'dvcexp'), team.path('bob', '.git', 'dvcexp'), team.bare]) {
    if (!existsSync(folder)) continue;
    for (const file of filesBelow(folder))
      for (const form of forms)
        assert.ok(!readFileSync(join(folder, file), 'latin1').includes(form), `${file}: ${form}`);
  }
  assert.ok(
    said.some(([, { stderr }]) => /dvcexp\[\d+\]: /.test(stderr)),
    'the trace was on',
  );
});
