// Secrets that look like nothing else, with everything switched on that talks: they reach the service they are for, and
// are in no output, no trace, no file that we leave, and no argument or environment of a program that is started.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { noKeys, openSmallS3, type SmallS3 } from '../e2e/small-s3.ts';
import { createTeam, filesBelow, type Team, trackAndCommit } from '../e2e/team.ts';
import { findProgram } from '../kit/git-servers.ts';
import { type PasswordServer, startPasswordServer } from '../kit/password-server.ts';
import { openRecorder, type Recorder } from '../kit/recorder.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';

const secret = (what: string): string => `cAnArY/${what}+7gQz=`;
const formsOf = (text: string): string[] => [
  text,
  encodeURIComponent(text),
  JSON.stringify(text).slice(1, -1),
  // Base64 does not show where a text begins in it: three ways, without what depends on the neighbours.
  ...[0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}${text}`)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  ),
];
const words = [
  ...['s3', 'token', 'kept', 'basic', 'header', 'azure', 'ssh', 'json', 'pem', 'sas', 'bearer', 'refresh', 'client'],
].map(secret);
const forms = words.flatMap(formsOf);

let world: World;
let team: Team;
let s3: SmallS3;
let web: Recorder;
let ssh: PasswordServer;
let serial = 0;
/** Files that a person has put secrets in. */
const homes = new Set<string>();
const said: [what: string, ran: Ran][] = [];
const starts: string[] = [];
before(async () => {
  s3 = await openSmallS3();
  web = await openRecorder();
  world = openWorld(noKeys);
  mkdirSync(world.path('tmp'));
  world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
  world.run(world.directory, 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', world.path('host')]);
  ssh = await startPasswordServer(world.path('host'), 'password');
  mkdirSync(world.path('bin'));
  // The machine's own ssh looks for its configuration where the account lives, whatever HOME says.
  const config = `UserKnownHostsFile ${world.path('known_hosts')}\nGlobalKnownHostsFile none\n`;
  writeFileSync(world.path('ssh_config'), config);
  const script = `#!/bin/sh\nexec ${findProgram('ssh')} -F '${world.path('ssh_config')}' "$@"\n`;
  writeFileSync(world.path('bin', 'ssh'), script, { mode: 0o755 });
  const [type, key] = readFileSync(world.path('host.pub'), 'utf8').split(' ');
  writeFileSync(world.path('known_hosts'), `[127.0.0.1]:${ssh.port} ${type} ${key}\n`);
});
after(async () => {
  world.remove();
  await s3.close();
  await web.close();
  ssh.close();
});
beforeEach(() => {
  team = createTeam(world, `team${serial++}`);
  s3.failure = undefined;
  web.answer = (request, response) => void response.writeHead(request.method === 'PUT' ? 201 : 404).end();
});

/** What talks, in Git and in Node. Of Node's own topics `net` shows what any program sends: nobody can mend that. */
const loud = (): NodeJS.ProcessEnv => ({
  ...{ GIT_TRACE: '2', GIT_TRACE_DVCEXP: '2', GIT_TRACE_CURL: '2', GIT_CURL_VERBOSE: '1', GIT_TRACE_PACKET: '2' },
  ...{ GIT_TRACE_SETUP: '2', GIT_TRACE2_EVENT: world.path(`trace2-${serial}`), GIT_TRACE2_ENV_VARS: 'HOME,PATH' },
  ...{ DEBUG: '*', SSH_DEBUG: '1', AZURE_LOG_LEVEL: 'verbose', NODE_DEBUG: 'tls,child_process' },
  TMPDIR: world.path('tmp'),
  PATH: `${world.path('bin')}:${world.env.PATH}`,
});

/** Runs Git under strace(1), which writes down arguments and environment of all that is started. */
async function run(what: string, cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const log = world.path(`started-${starts.length}`);
  const strace = ['-f', '-qq', '--seccomp-bpf', '-e', 'trace=execve', '-e', 'signal=none', '-v', '-s', '100000'];
  const ran = await world.runAsync(cwd, 'strace', [...strace, '-o', log, 'git', ...args], {
    env: { ...loud(), ...env },
  });
  said.push([what, ran]);
  starts.push(readFileSync(log, 'utf8'));
  rmSync(log);
  return ran;
}

const committed = (...lines: string[]): void =>
  team.write('.dvc/config', `[core]\n    remote = storage\n['remote "storage"']\n${indented(lines)}`);
const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');
/** DVC's configuration of the user, which counts in a clone as well. */
function own(...lines: string[]): void {
  const path = world.path('home', '.config', 'dvc', 'config');
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `['remote "storage"']\n${indented(lines)}`);
  homes.add(path);
}
function keep(url: string): void {
  const path = world.path('home', '.git-credentials');
  writeFileSync(path, `${url}\n`);
  homes.add(path);
}

/** Push, clone and fetch, whatever comes of it. */
async function goRound(what: string): Promise<readonly Ran[]> {
  trackAndCommit(team, 'model.bin', `${what} model`);
  const pushed = await run(`${what}: push`, team.alice, ['push', '-v', '-v', 'origin', 'main']);
  world.git(team.alice, 'push', '-q', '--force', team.bare, 'main');
  world.git(team.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main');
  const args = ['clone', '-v', '-c', 'remote.origin.vcs=dvcexp', `file://${team.bare}`, 'bob'];
  const cloned = await run(`${what}: clone`, team.directory, args);
  const fetched = await run(`${what}: fetch`, team.path('bob'), ['dvcexp', 'fetch', '-v']);
  return [pushed, cloned, fetched];
}
const codes = (all: readonly Ran[]): number[] => all.map(({ code }) => code);
/** What is for people, of all that was said. */
const wordsOf = (all: readonly Ran[]): string =>
  all
    .flatMap(({ stderr }) => stderr.split('\n'))
    .filter((line) => /^(?:error|fatal|warning|hint|dvcexp| !)/.test(line))
    .join('\n');

const limit = { timeout: 240_000 };
test('S3, keys of the configuration: success, refusals, and a service that hangs up', limit, async () => {
  own('access_key_id = KEYID', `secret_access_key = ${secret('s3')}`, `session_token = ${secret('token')}`);
  committed('url = s3://bucket/team', `endpointurl = ${s3.endpoint}`);
  const good = await goRound('s3');
  assert.deepEqual(codes(good), [0, 0, 0], wordsOf(good));
  const used = s3.seen.filter(({ headers }) => headers['x-amz-security-token'] === secret('token'));
  assert.ok(used.length > 0, 'the service got the token');
  for (const code of ['SignatureDoesNotMatch', 'ExpiredToken', 'AccessDenied']) {
    team = createTeam(world, `team${serial++}`);
    committed('url = s3://bucket/team', `endpointurl = ${s3.endpoint}`);
    s3.failure = { status: 403, code };
    trackAndCommit(team, 'model.bin', code);
    assert.equal((await run(code, team.alice, ['push', '-v', '-v', 'origin', 'main'])).code, 1);
  }
});

test('S3 and WebDAV, secrets that Git keeps', limit, async () => {
  own();
  const at = (url: string): string => url.replace('//', `//KEYID:${encodeURIComponent(secret('kept'))}@`);
  keep(`${at(s3.endpoint)}\n${at(web.url)}`);
  committed('url = s3://bucket/kept', `endpointurl = ${s3.endpoint}`);
  s3.accepts = new Set(['KEYID']);
  try {
    const good = await goRound('kept');
    assert.deepEqual(codes(good), [0, 0, 0], wordsOf(good));
  } finally {
    s3.accepts = undefined;
  }
  team = createTeam(world, `team${serial++}`);
  committed(`url = ${web.url.replace('http', 'webdav')}/data`);
  web.answer = (request, response) =>
    request.headers.authorization === undefined
      ? void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      : void response.writeHead(507).end();
  await goRound('webdav');
  const basic = Buffer.from(`KEYID:${secret('kept')}`).toString('base64');
  assert.ok(web.secrets().some((text) => text.includes(basic)));
});

test('HTTP: a password, and a header', limit, async () => {
  for (const [name, ...lines] of [
    ['basic', 'auth = basic', 'user = ada', `password = ${secret('basic')}`],
    ['header', 'auth = custom', 'custom_auth_header = X-Key', `password = ${secret('header')}`],
  ] as const) {
    team = createTeam(world, `team${serial++}`);
    own(...lines);
    committed(`url = ${web.url}/${name}`);
    web.seen.length = 0;
    await goRound(name);
    assert.ok(web.secrets().length > 0, `${name} reached its server`);
  }
});

test('Azure: an account key', limit, async () => {
  const key = Buffer.from(secret('azure')).toString('base64');
  forms.push(key, encodeURIComponent(key));
  own(`connection_string = AccountName=ada;AccountKey=${key};BlobEndpoint=${web.url}/ada`);
  committed('url = azure://container/team');
  web.seen.length = 0;
  web.answer = (_request, response) =>
    void response.writeHead(403, { 'x-ms-error-code': 'AuthenticationFailed' }).end();
  const all = await goRound('azure');
  assert.equal(all[0]?.code, 1, wordsOf(all));
  assert.ok(web.secrets().some((text) => /SharedKey ada:/.test(text)));
});

test('SSH: a password that the server refuses', limit, async () => {
  own('user = ada', `port = ${ssh.port}`, `password = ${secret('ssh')}`, 'allow_agent = false');
  committed('url = ssh://127.0.0.1/data');
  const all = await goRound('ssh');
  assert.equal(all[0]?.code, 1, wordsOf(all));
  assert.ok(ssh.given.includes(secret('ssh')), wordsOf(all));
});

test('Google: files that are not what they should be', limit, async () => {
  const path = world.path('key.json');
  homes.add(path);
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const account = { type: 'service_account', client_email: 'a@b', token_uri: 'https://oauth2.googleapis.com/token' };
  for (const text of [
    `{"type": "service_account", "private_key": "${secret('json')}"`,
    JSON.stringify({ ...account, private_key: secret('pem') }),
    JSON.stringify({ ...account, private_key: String(pem).replace(/\n.{20}/, `\n${secret('pem')}`) }),
    JSON.stringify({ type: 'authorized_user', refresh_token: secret('json') }),
    secret('json'),
  ]) {
    writeFileSync(path, text);
    for (const [url, key] of [
      ['gs://bucket/team', 'credentialpath'],
      ['gdrive://root/team', 'gdrive_service_account_json_file_path'],
      ['gdrive://root/team', 'gdrive_user_credentials_file'],
    ]) {
      team = createTeam(world, `team${serial++}`);
      own(`${key} = ${path}`, ...(key?.includes('service') ? ['gdrive_use_service_account = true'] : []));
      committed(`url = ${url}`, ...(url?.startsWith('gs') ? [`endpointurl = ${web.url}`] : []));
      trackAndCommit(team, 'model.bin', 'model');
      const pushed = await run(`${url} ${key}`, team.alice, ['push', '-v', 'origin', 'main'], {
        https_proxy: 'http://127.0.0.1:1',
      });
      assert.equal(pushed.code, 1, wordsOf([pushed]));
    }
  }
});

test('services that quote what they were sent', limit, async () => {
  const quoted = ({ url, headers }: IncomingMessage, body: Buffer): string => {
    const forms = new URLSearchParams(body.toString());
    return `${url} ${JSON.stringify(headers)} ${body} ${forms.get('refresh_token')} ${forms.get('client_secret')}`;
  };
  const inXml: Recorder['answer'] = (request, response, body) => {
    const text = quoted(request, body).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    // HEAD has no body, and Azure's word in a header.
    response
      .writeHead(403, { 'x-ms-error-code': String(request.url) })
      .end(`<Error><Code>Refused</Code><Message>${text}</Message></Error>`);
  };
  const inJson: Recorder['answer'] = (request, response, body) => {
    const text = quoted(request, body);
    if (request.url === '/token' && text.includes('good'))
      return void response.end(JSON.stringify({ access_token: secret('bearer'), expires_in: 3600 }));
    const told = request.url === '/token' ? { error: 'invalid_grant', error_description: text } : undefined;
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(told ?? { error: { message: text, errors: [{ reason: 'forbidden' }] } }));
  };
  const path = world.path('user.json');
  homes.add(path);
  const user = (id: string): void => {
    const secrets = { client_secret: secret('client'), refresh_token: secret('refresh') };
    writeFileSync(
      path,
      JSON.stringify({ type: 'authorized_user', client_id: id, token_uri: `${web.url}/token`, ...secrets }),
    );
  };
  const sas = `sv=2020-01-01&sig=${encodeURIComponent(secret('sas'))}`;
  for (const [name, url, answer, ...lines] of [
    ['s3', 's3://bucket/x', inXml, `endpointurl = ${web.url}`, `access_key_id = KEYID`],
    ['sas', 'azure://box/x', inXml, `connection_string = BlobEndpoint=${web.url}/ada;SharedAccessSignature=${sas}`],
    ['bearer', 'gs://bucket/x', inJson, `endpointurl = ${web.url}`, `credentialpath = ${path}`],
    ['refresh', 'gs://bucket/x', inJson, `endpointurl = ${web.url}`, `credentialpath = ${path}`],
  ] as const) {
    team = createTeam(world, `team${serial++}`);
    user(name === 'bearer' ? 'good' : 'bad');
    own(
      ...lines,
      ...(name === 's3' ? [`secret_access_key = ${secret('s3')}`, `session_token = ${secret('token')}`] : []),
    );
    committed(`url = ${url}`);
    web.answer = answer;
    const [pushed] = await goRound(name);
    assert.equal(pushed?.code, 1);
    assert.match(pushed?.stderr ?? '', /^error: .*<redacted>/m, `${name} was quoted`);
  }
});

test('killed, ended and crashed in the middle', limit, async () => {
  own('access_key_id = KEYID', `secret_access_key = ${secret('s3')}`, `session_token = ${secret('token')}`);
  for (const [name, signal] of [
    ['killed', 'SIGKILL'],
    ['ended', 'SIGTERM'],
    ['crashed', undefined],
  ] as const) {
    team = createTeam(world, `team${serial++}`);
    committed('url = s3://bucket/team', `endpointurl = ${web.url}`);
    trackAndCommit(team, 'model.bin', name);
    let asked = false;
    web.answer = () => {
      asked = true;
    };
    const crash = world.path('crash.mjs');
    writeFileSync(crash, "setTimeout(() => { throw new Error('boom'); }, 4000);\n");
    const options = signal === undefined ? { NODE_OPTIONS: `--import=${crash}` } : {};
    const child = spawn('git', ['push', '-v', 'origin', 'main'], {
      cwd: team.alice,
      env: { ...world.env, ...loud(), ...options },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const ran = { code: 0, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (ran.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (ran.stderr += text));
    const closed = new Promise((resolve) => child.once('close', resolve));
    for (const end = Date.now() + 30_000; !asked && Date.now() < end; ) await sleep(50);
    assert.ok(asked, wordsOf([ran]));
    // What waits for the service has the secret in its memory.
    if (signal !== undefined) process.kill(-(child.pid ?? 0), signal);
    await closed;
    said.push([name, ran]);
    if (signal === undefined) assert.match(ran.stderr, /boom/);
  }
});

test('nothing of it was said, started or left', () => {
  assert.ok(said.length > 2, `${said.length} runs`);
  const found = (text: string): string | undefined => forms.find((form) => text.includes(form));
  for (const [what, { stdout, stderr }] of said) assert.equal(found(stdout + stderr), undefined, `${what} said it`);
  assert.ok(starts.some((log) => /execve\("[^"]*\/node"/.test(log)) && starts.some((log) => /"credential"/.test(log)));
  for (const log of starts) {
    const line = log.split('\n').find((each) => found(each) !== undefined);
    assert.equal(line?.slice(0, 300), undefined, 'a program was started with it');
  }
  let files = 0;
  for (const file of filesBelow(world.directory)) {
    const path = world.path(file);
    if (homes.has(path)) continue;
    files += 1;
    assert.equal(found(readFileSync(path, 'latin1')), undefined, `${file} has it`);
  }
  assert.ok(files > 20, `${files} files`);
  assert.ok(
    readdirSync(world.directory).some((name) => name.startsWith('trace2-')),
    'Git wrote its trace',
  );
});
