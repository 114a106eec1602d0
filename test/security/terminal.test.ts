// Text from elsewhere that would steer a terminal: names of files, stages, storage remotes, parameters and commits, words
// of services and of the Git server. What we say holds no byte of it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createTeam, type Team } from '../e2e/team.ts';
import { openRecorder, type Recorder } from '../kit/recorder.ts';
import { openWorld, type Ran, track, type World } from '../kit/world.ts';

let world: World;
let team: Team;
let server: Recorder;
let serial = 0;
before(async () => {
  world = openWorld();
  server = await openRecorder();
});
after(async () => {
  world.remove();
  await server.close();
});
beforeEach(() => {
  team = createTeam(world, `team${serial++}`);
});

/** Clears the screen, sets the title, reorders what follows; C1 does as much in one character. */
const evil = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eevil\u2066\u061c\r\u0008';
const shown = '\\x1b[2J';
/** All but line feed, tab, and the carriage return and colours that Git's own meters and we use by ourselves. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const steering = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const harmless = (ran: Ran, what: string): void => {
  const found = steering.exec(ran.stdout + ran.stderr);
  const around = found === null ? '' : (ran.stdout + ran.stderr).slice(Math.max(0, found.index - 80), found.index + 40);
  assert.equal(found, null, `${what}: ${JSON.stringify(around)}`);
  assert.ok(!`${ran.stdout}${ran.stderr}`.includes('\r\b'), what);
};
const yaml = (text: string): string => JSON.stringify(text);

test('names and values that a repository brings', async () => {
  track(team.alice, 'model.bin', 'model');
  team.write(
    '.dvc/config',
    `[core]\n    remote = a${evil.replace('\r', '')}b\n    ${'x'}${evil.replace('\r', '')} = 1\n['remote "a${evil.replace('\r', '')}b"']\n    url = ../../storage\n    acl = ${evil.replace('\r', '')}\n`,
  );
  team.write('params.yaml', `${yaml(`name${evil}`)}: ${yaml(`value${evil}`)}\n`);
  team.write('metrics.json', JSON.stringify({ [`metric${evil}`]: evil }));
  team.write(
    'dvc.yaml',
    `stages:\n  train:\n    cmd: x\n    params:\n    - ${yaml(`name${evil}`)}\n    outs:\n    - ${yaml(`out${evil}`)}\n    metrics:\n    - metrics.json\n`,
  );
  team.write('lost.dvc', `outs:\n- md5: ${'0'.repeat(32)}\n  hash: md5\n  path: ${yaml(`lost${evil}`)}\n`);
  team.commit(`message ${evil}`);
  world.git(team.alice, 'branch', 'b\u202eranch\u2066');
  let seen = '';
  for (const args of [
    ['push', '-v', 'origin', 'main'],
    ['dvcexp', 'push', '-v', 'origin', 'b\u202eranch\u2066'],
    ['dvcexp', 'fetch', '-v'],
    ['dvcexp', 'status'],
    ['dvcexp', 'show'],
    ['dvcexp', 'show', '--md'],
    ['dvcexp', 'list', 'origin'],
    ['dvcexp', 'doctor'],
    ['dvcexp', 'trust', '--list'],
    ['dvcexp', 'credential', 'check'],
  ]) {
    const ran = await team.git(team.alice, args, { GIT_TRACE_DVCEXP: '1' });
    harmless(ran, args.join(' '));
    seen += ran.stdout + ran.stderr;
  }
  assert.ok(seen.includes(shown), 'some of it was shown');
});

test('a name of an output in a listing, a metafile and the cache', async () => {
  const path = `lost${evil}`;
  track(team.alice, 'data', { a: 'a' });
  team.write('data.dvc', `outs:\n- md5: ${'1'.repeat(32)}.dir\n  hash: md5\n  path: ${yaml(path)}\n`);
  team.commit();
  const pushed = await team.push('main');
  assert.equal(pushed.code, 1);
  harmless(pushed, 'push');
  assert.ok(pushed.stderr.includes(shown), pushed.stderr);
});

for (const [name, config, answer] of [
  [
    'S3',
    () => ['url = s3://bucket/x', `endpointurl = ${server.url}`, 'access_key_id = KEYID', 'secret_access_key = secret'],
    () =>
      `<Error><Code>Evil</Code><Message>${evil.replaceAll('\u001b', '&#27;').replaceAll('\u0008', '')}</Message></Error>`,
  ],
  [
    'Azure',
    () => ['url = azure://box/x', `connection_string = BlobEndpoint=${server.url}/ada;AccountName=ada;AccountKey=AAAA`],
    () =>
      `<Error><Code>Evil</Code><Message>${evil.replaceAll('\u001b', '&#27;').replaceAll('\u0008', '')}</Message></Error>`,
  ],
  [
    'Google Cloud Storage',
    () => ['url = gs://bucket/x', `endpointurl = ${server.url}`, 'allow_anonymous_login = true'],
    () => JSON.stringify({ error: { message: evil, errors: [{ reason: evil }] } }),
  ],
  ['WebDAV', () => [`url = ${server.url.replace('http', 'webdav')}/x`], () => evil],
] as const) {
  test(`words of ${name}`, async () => {
    track(team.alice, 'model.bin', 'model');
    team.commit();
    writeFileSync(
      join(team.alice, '.dvc', 'config.local'),
      `['remote "storage"']\n${config()
        .map((line) => `    ${line}\n`)
        .join('')}`,
    );
    server.answer = (_request, response) => {
      const odd = Buffer.from('\u009b2J\u202e').toString('latin1');
      response.writeHead(400, odd, { 'x-ms-error-code': odd, location: `http://${odd}/` });
      response.end(answer());
    };
    const pushed = await team.git(team.alice, ['push', '-v', 'origin', 'main'], { GIT_TRACE_DVCEXP: '1' });
    assert.equal(pushed.code, 1, pushed.stderr);
    harmless(pushed, name);
    for (const args of [
      ['dvcexp', 'fetch'],
      ['dvcexp', 'doctor'],
    ])
      harmless(await team.git(team.alice, args), `${name}: ${args.join(' ')}`);
  });
}

test('words of the Git server, in a push: of a fetch Git itself says them, as without us', async () => {
  track(team.alice, 'model.bin', 'model');
  team.commit();
  const server = world.path(`evil-${serial}`);
  const packet = `printf '%04x%s' $((4 + 7 + $(printf '%b' "$text" | wc -c))) 'ERR go ' && printf '%b' "$text"`;
  writeFileSync(server, `#!/bin/sh\ntext='\\033[2J\\033]0;owned\\007\\302\\233'\n${packet}\n`, { mode: 0o755 });
  const env = { GIT_SSH_COMMAND: server };
  const ran = await team.git(team.alice, ['push', 'dvcexp::ssh://h/x', 'main'], env);
  assert.notEqual(ran.code, 0);
  assert.match(ran.stderr, /go /);
  harmless(ran, 'push');
});
