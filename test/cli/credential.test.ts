import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { openSmallS3, type SmallS3 } from '../e2e/small-s3.ts';
import { createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { openAsking } from '../kit/asking.ts';
import { openWorld, type Ran } from '../kit/world.ts';
import { companion } from './companion.ts';

const world = openWorld({ AWS_EC2_METADATA_DISABLED: 'true' });
const asker = openAsking(world);
let s3: SmallS3;
let team: Team;
let serial = 0;
before(async () => {
  s3 = await openSmallS3();
});
after(async () => {
  await s3.close();
  world.remove();
});
beforeEach(() => {
  asker.reset();
  s3.accepts = undefined;
  team = createTeam(world, `team${serial++}`);
  team.write(
    '.dvc/config',
    `[core]\n    remote = s3\n['remote "s3"']\n    url = s3://bucket/x\n    endpointurl = ${s3.endpoint}\n` +
      '[\'remote "web"\']\n    url = webdavs://share.example/dav\n    user = ada\n' +
      '[\'remote "plain"\']\n    url = https://files.example/x\n',
  );
});
const localPath = (): string => join(team.alice, '.dvc/config.local');
const local = (): string => (existsSync(localPath()) ? readFileSync(localPath(), 'utf8') : '');
const run = (...args: string[]): Promise<Ran> => companion(world, team.alice, ['credential', ...args]);
const backups = (): string[] => {
  const folder = join(team.alice, '.git/dvcexp/imported');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
};
const host = (): string => new URL(s3.endpoint).host;

const secrets =
  "# of this machine\n['remote \"s3\"']\n    access_key_id = KEYID\n    secret_access_key = 'se#cret'\n    session_token = tok\n" +
  '    region = here\n[\'remote "web"\']\n    password = pw\n';

test('import: out of config.local, into Git, with a copy until the secret has opened the storage', async () => {
  team.write('.dvc/config.local', secrets);
  const unasked = await run('import');
  assert.equal(unasked.code, 129);
  assert.match(unasked.stderr, /--yes/);
  assert.equal(local(), secrets);
  const imported = await run('import', '--yes');
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(local(), '# of this machine\n[\'remote "s3"\']\n    region = here\n');
  assert.equal(statSync(localPath()).mode & 0o777, 0o600);
  assert.match(asker.kept(), /^https:\/\/ada:pw@share\.example$/m);
  assert.match(decodeURIComponent(asker.kept()), /KEYID:\{"v":1,"secret":"se#cret","token":"tok"\}@/);
  assert.equal(backups().length, 2);
  for (const path of backups()) assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal((await run('import', '--yes')).code, 1, 'nothing is left to do');

  s3.accepts = new Set(['KEYID']);
  trackAndCommit(team, 'model.bin', 'model');
  const pushed = await team.push('main');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.ok(s3.seen.some(({ headers }) => headers['x-amz-security-token'] === 'tok'));
  assert.equal(backups().length, 1, 'the copy of what has opened the storage is gone');
});

test('import: refused where Git would keep nothing, and then nothing is taken out', async () => {
  team.write('.dvc/config.local', secrets);
  world.git(team.alice, 'config', '--global', '--unset-all', 'credential.helper');
  try {
    assert.match((await run('import', '--yes')).stderr, /no credential\.helper is set/);
    world.git(team.alice, 'config', 'credential.helper', '!true');
    const lost = await run('import', '--yes');
    assert.deepEqual([lost.code, /does not give the secret .* back/.test(lost.stderr)], [128, true], lost.stderr);
    assert.equal(local(), secrets);
  } finally {
    world.git(team.alice, 'config', '--global', 'credential.helper', 'store');
  }
});

test('export: what Git keeps, as DVC reads it, and never into a file that Git would show', async () => {
  asker.keep(`https://ada:p%25w@share.example`, 'https://bob:x@files.example');
  assert.match((await run('export', 's3')).stderr, /Git keeps nothing for storage remote 's3'/);
  const exported = await run('export', 'web');
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(local(), /\['remote "web"'\]\n {4}user = ada\n {4}password = 'p%w'\n/);
  assert.equal(statSync(localPath()).mode & 0o777, 0o600);
  assert.equal((await run('export', 'plain')).code, 0);
  assert.match(local(), /\['remote "plain"'\]\n {4}user = bob\n {4}password = x\n {4}auth = basic\n/);
  assert.ok(!exported.stdout.includes('p%w'));

  rmSync(localPath());
  team.write('.dvc/.gitignore', '/cache\n');
  const shown = await run('export', 'web');
  assert.deepEqual([shown.code, /not ignored by Git/.test(shown.stderr)], [128, true]);
  assert.ok(!existsSync(localPath()));
});

test('check: where each secret would come from', async () => {
  team.write('.dvc/config.local', secrets);
  asker.keep('https://ada:pw@share.example');
  const { code, stdout } = await run('check');
  assert.equal(code, 1);
  assert.match(stdout, /^warn {3}s3: 'secret_access_key', 'session_token', 'access_key_id' stands in plain text/m);
  assert.match(stdout, /hint: have Git keep it: git dvcexp credential import s3$/m);
  assert.match(stdout, /^ok {5}web: Git's helpers have https:\/\/share\.example\/dav \(user 'ada'\)$/m);
  assert.match(stdout, /^ok {5}plain: Git's helpers have nothing for https:\/\/files\.example\/x$/m);
  assert.match(stdout, /^warn {3}others on this machine can read/m);
  assert.ok(!stdout.includes('se#cret') && !stdout.includes('tok\n'));
  rmSync(localPath());
  assert.equal((await run('check', 'web')).code, 0);
  team.write('.dvc/config', '[\'remote "w"\']\n    url = https://h/x\n    password = open\n');
  assert.match((await run('check')).stdout, /warn {3}w: 'password' is committed in \.dvc\/config/);
});

test('what cannot be', async () => {
  for (const [args, code, words] of [
    [['frobnicate'], 129, /one of import, export, check, login/],
    [['export', 'nosuch'], 128, /'nosuch' is not configured/],
    [['login', 'web'], 128, /no signing in to storage of the kind 'webdavs'/],
  ] as const) {
    const ran = await run(...args);
    assert.deepEqual([ran.code, words.test(ran.stderr)], [code, true], ran.stderr);
  }
  mkdirSync(world.path('elsewhere'), { recursive: true });
  world.git(world.path('elsewhere'), 'init', '-q');
  assert.equal((await companion(world, world.path('elsewhere'), ['credential', 'check'])).code, 129);
});

const show =
  "node -e 'console.log(JSON.stringify([process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SECRET_ACCESS_KEY]))'";

test('with-credentials: variables where programs look for them', async () => {
  asker.keep(`http://KEYID:secret@${host()}`);
  const within = (...words: string[]): Ran =>
    world.run(team.alice, 'git', ['dvcexp', 'with-credentials', ...words], { env: { AWS_ACCESS_KEY_ID: 'other' } });
  assert.equal(within('--', 'sh', '-c', show).stdout, '["KEYID","secret"]\n');
  const failed = within('--', 'sh', '-c', 'echo "$0" >&2; exit 7', '--flag');
  assert.deepEqual([failed.code, failed.stderr], [7, '--flag\n']);
  assert.match(within('-r', 'web', '--', 'true').stderr, /Git keeps nothing for storage remote 'web'/);
  assert.equal(within().code, 129);
  assert.match(within('--', 'no-such-program').stderr, /cannot run 'no-such-program': not found/);
});

test('with-credentials: a global configuration of its own where DVC reads no variables', async () => {
  asker.keep('https://ada:pw@share.example');
  const global = world.path('global');
  mkdirSync(global, { recursive: true });
  writeFileSync(join(global, 'config'), '[core]\n    checksum_jobs = 3\n[\'remote "web"\']\n    timeout = 9\n');
  const script =
    'echo "$DVC_GLOBAL_CONFIG_DIR"; stat -c %a "$DVC_GLOBAL_CONFIG_DIR"; cat "$DVC_GLOBAL_CONFIG_DIR/config"';
  const args = ['dvcexp', 'with-credentials', '-r', 'web', '--', 'sh', '-c', script];
  const { stdout, code } = world.run(team.alice, 'git', args, { env: { DVC_GLOBAL_CONFIG_DIR: global } });
  assert.equal(code, 0);
  const [folder = '', mode, ...lines] = stdout.trim().split('\n');
  assert.equal(mode, '700');
  assert.deepEqual(lines, [
    '[core]',
    '    checksum_jobs = 3',
    '[\'remote "web"\']',
    '    user = ada',
    '    password = pw',
    '    timeout = 9',
  ]);
  assert.ok(!existsSync(folder), 'and it is gone');
});
