import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Machine } from '../../src/credential-helper/local-layers.ts';
import { respond } from '../../src/credential-helper/respond.ts';

const top = mkdtempSync(join(tmpdir(), 'dvcexp-helper-'));
const project = join(top, 'project');
before(() => {
  mkdirSync(join(project, '.dvc'), { recursive: true });
  mkdirSync(join(project, 'deep', 'er'), { recursive: true });
  mkdirSync(join(project, '.git'));
});
after(() => rmSync(top, { recursive: true, force: true }));

const machine = (more: Partial<Machine> = {}): Machine => ({
  cwd: join(project, 'deep', 'er'),
  env: {},
  platform: 'linux',
  home: join(top, 'home'),
  uid: process.getuid?.(),
  isTracked: async () => false,
  ...more,
});
const ask = (lines: readonly string[], more: Partial<Machine> = {}, operation = 'get'): Promise<string> =>
  respond(operation, `${lines.join('\n')}\n\n`, machine(more));
const forUrl = (url: string, more: Partial<Machine> = {}): Promise<string> => {
  const { protocol, host, pathname } = new URL(url);
  const path = pathname === '/' ? [] : [`path=${pathname.slice(1)}`];
  return ask([`protocol=${protocol.slice(0, -1)}`, `host=${host}`, ...path], more);
};
const said = (username: string, password: string): string => `username=${username}\npassword=${password}\n`;

const github = { GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', GITHUB_TOKEN: 'gh-token' };
const gitlab = { CI_SERVER_HOST: 'gitlab.corp', CI_SERVER_PORT: '8443', CI_JOB_TOKEN: 'job-token' };
const azure = { SYSTEM_COLLECTIONURI: 'https://dev.azure.com/team/', SYSTEM_ACCESSTOKEN: 'az-token' };
const own = { DVCEXP_GIT_HOST: 'git.corp', DVCEXP_GIT_USERNAME: 'ci', DVCEXP_GIT_PASSWORD: 'own' };

test('each CI token goes to the server that its own variable names', async () => {
  const cases = [
    ['https://github.com', github, said('x-access-token', 'gh-token')],
    ['https://github.com', { ...github, GITHUB_TOKEN: '', GH_TOKEN: 'other' }, said('x-access-token', 'other')],
    ['https://gitlab.corp:8443', gitlab, said('gitlab-ci-token', 'job-token')],
    ['https://gitlab.corp', { ...gitlab, CI_SERVER_PORT: '443' }, said('gitlab-ci-token', 'job-token')],
    ['https://dev.azure.com', azure, said('azure-devops', 'az-token')],
    ['https://git.corp', own, said('ci', 'own')],
    ['http://127.0.0.1:8080', { ...own, DVCEXP_GIT_HOST: 'http://127.0.0.1:8080' }, said('ci', 'own')],
  ] as const;
  for (const [url, env, answer] of cases) {
    assert.equal(await forUrl(url, { env }), answer, url);
    assert.equal(await forUrl(`${url}/some/repo.git`, { env }), answer, `${url} with a path`);
  }
});

test('and to no other host, however alike', async () => {
  const hosts = [
    'github.com.evil.example',
    'github.com\\.evil.example',
    'github.com/.evil.example',
    'github.com?.evil.example',
    'github.com#.evil.example',
    'github.com%2f.evil.example',
    'evil-github.com',
    'api.github.com',
    'github.com:8443',
    'gist.github.com',
    'git.corp.evil.example',
    'notgit.corp',
    'git.corp:444',
    'dev.azure.com.evil.example',
    'gitlab.corp',
    'gitlab.corp:443',
  ];
  const env = { ...github, ...gitlab, ...azure, ...own };
  for (const host of hosts) assert.equal(await ask(['protocol=https', `host=${host}`], { env }), '', host);
  for (const host of ['github.com', 'git.corp', 'dev.azure.com'])
    assert.equal(await ask(['protocol=http', `host=${host}`], { env }), '', `http://${host}`);
  assert.equal(await forUrl('https://github.com', { env: { ...github, GITHUB_ACTIONS: 'false' } }), '');
  assert.equal(await forUrl('https://github.com', { env: { ...github, GITHUB_SERVER_URL: 'https://ghe.corp' } }), '');
  assert.equal(await forUrl('https://github.com', { env: { ...github, GITHUB_SERVER_URL: '' } }), '');
  assert.equal(await forUrl('https://git.corp', { env: { ...own, DVCEXP_GIT_HOST: '' } }), '');
  assert.equal(await forUrl('https://git.corp', { env: { ...own, DVCEXP_GIT_USERNAME: '' } }), '');
});

test('hosts are compared in one spelling', async () => {
  for (const host of ['GitHub.COM', 'github.com:443', 'github.com.'])
    assert.notEqual(await ask(['protocol=https', `host=${host}`], { env: github }), '', host);
});

test('what is no question gets no answer', async () => {
  const env = github;
  const question = ['protocol=https', 'host=github.com'];
  assert.notEqual(await ask([...question, 'wwwauth[]=Basic realm="x"', 'capability[]=authtype'], { env }), '');
  assert.equal(await ask(question, { env }, 'store'), '');
  assert.equal(await ask(question, { env }, 'erase'), '');
  assert.equal(await ask(question, { env }, 'capability'), '');
  assert.equal(await ask([...question, 'username=somebody'], { env }), '');
  assert.notEqual(await ask([...question, 'username=x-access-token'], { env }), '');
  assert.equal(await ask(question, { env: { ...env, DVCEXP_IN_CREDENTIAL: '1' } }), '');
  for (const line of ['no equals sign', '=x', 'x=\u0000', 'x=a\rb', `x=${'y'.repeat(70_000)}`])
    assert.equal(await ask([...question, line], { env }), '', JSON.stringify(line.slice(0, 20)));
  assert.equal(await ask([...question, ...Array(300).fill('a=b')], { env }), '');
  assert.equal(await ask(['protocol=ssh', 'host=github.com'], { env }), '');
  assert.equal(await ask(['protocol=https'], { env }), '');
  assert.equal(await ask(['protocol=https', 'host=github.com'], { env: { ...env, GITHUB_TOKEN: 'a\nhost=evil' } }), '');
});

const local = (text: string): void => writeFileSync(join(project, '.dvc', 'config.local'), text);

test("DVC's local layers, for the storage's own origin", async () => {
  local('[\'remote "s"\']\n    url = webdavs://Share.corp/dav/data\n    user = ada\n    password = pw\n');
  const answer = said('ada', 'pw');
  assert.equal(await forUrl('https://share.corp'), answer);
  assert.equal(await forUrl('https://share.corp/dav/data'), answer);
  assert.equal(await forUrl('https://share.corp/dav/data/more'), answer);
  for (const url of [
    'https://share.corp/dav/database',
    'https://share.corp/other',
    'https://share.corp:8443',
    'https://x.share.corp',
    'http://share.corp',
  ]) {
    assert.equal(await forUrl(url), '', url);
  }
  const more = ['protocol=https', 'host=share.corp'];
  assert.equal(await ask([...more, 'username=ada']), answer);
  assert.equal(await ask([...more, 'username=eve']), '');
  assert.equal(await forUrl('https://share.corp', { cwd: top }), '', 'not from outside');
  local('[\'remote "s"\']\n    url = https://ada:p%3Aw@share.corp/x\n');
  assert.equal(await forUrl('https://share.corp'), said('ada', 'p:w'));
  local('[\'remote "s"\']\n    url = https://share.corp/x\n    user = ada\n');
  assert.equal(await forUrl('https://share.corp'), '');
});

test('never from the committed file, nor from a config.local that Git tracks or somebody else wrote', async () => {
  const text = '[\'remote "s"\']\n    url = https://github.com/x\n    user = eve\n    password = hers\n';
  rmSync(join(project, '.dvc', 'config.local'), { force: true });
  writeFileSync(join(project, '.dvc', 'config'), text);
  assert.equal(await forUrl('https://github.com'), '');
  local(text);
  assert.equal(await forUrl('https://github.com'), said('eve', 'hers'));
  const asked: string[] = [];
  const isTracked = async (path: string): Promise<boolean> => asked.push(path) > 0;
  assert.equal(await forUrl('https://github.com', { isTracked }), '');
  assert.deepEqual(asked, [join(project, '.dvc', 'config.local')]);
  assert.equal(await forUrl('https://elsewhere.example', { isTracked }), '');
  assert.equal(asked.length, 1, 'no process where nothing depends on it');
  assert.equal(await forUrl('https://github.com', { uid: 12345 }), '');
  // The real place counts, also behind a link.
  const behind = join(top, 'behind');
  mkdirSync(behind);
  symlinkSync(join(project, '.dvc'), join(behind, '.dvc'));
  assert.equal(await forUrl('https://github.com', { isTracked, cwd: behind }), '');
  assert.equal(asked[1], asked[0]);
});

test("global and system layers; a broken file is no reason for more than silence, and CI's answer", async () => {
  const global = join(top, 'global');
  mkdirSync(global);
  writeFileSync(
    join(global, 'config'),
    '[\'remote "g"\']\n    url = https://g.corp/x\n    user = u\n    password = p\n',
  );
  const env = { DVC_GLOBAL_CONFIG_DIR: global, ...github };
  assert.equal(await forUrl('https://g.corp', { env }), said('u', 'p'));
  local('[\'remote "s"\n');
  assert.equal(await forUrl('https://github.com', { env }), said('x-access-token', 'gh-token'));
});
