import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { after, before, test } from 'node:test';
import { encodePacket } from '../../src/git/pkt-line.ts';
import { type Conversation, converse, type Part } from '../kit/conversation.ts';
import { openWorld, type World } from '../kit/world.ts';

const timeout = 60_000;
let world: World;
let work: string;
let bare: string;
let main: string;

before(() => {
  world = openWorld();
  work = world.path('work');
  bare = world.path('bare.git');
  world.git(world.directory, 'init', '-q', '--bare', bare);
  world.git(world.directory, 'init', '-q', work);
  world.git(work, 'commit', '-q', '--allow-empty', '-m', 'one');
  world.git(work, 'push', '-q', bare, 'main');
  main = world.git(work, 'rev-parse', 'main');
  world.git(work, 'commit', '-q', '--allow-empty', '-m', 'two');
  mkdirSync(world.path('bin'));
});
after(() => world.remove());

function helperProgram(name: string, script: string): void {
  writeFileSync(world.path('bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(world.path('bin', name), 0o755);
}

const say = (lines: readonly (string | Buffer)[], more: Partial<Part> = {}): Promise<Conversation> =>
  converse(
    {
      argv: ['origin', bare],
      cwd: work,
      ...more,
      env: {
        ...world.env,
        PATH: `${world.path('bin')}${delimiter}${world.env.PATH}`,
        GIT_DIR: `${work}/.git`,
        ...more.env,
      },
    },
    lines,
  );
const config = (values: Record<string, string>): NodeJS.ProcessEnv => ({
  GIT_CONFIG_COUNT: String(Object.keys(values).length),
  ...Object.fromEntries(
    Object.entries(values).flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ),
});
const remoteRefs = (): string => world.git(bare, 'for-each-ref', '--format=%(refname)');

test('a push: every line of the conversation', { timeout }, async () => {
  const { code, stdout, stderr, uploads } = await say(
    [
      'capabilities',
      'option progress false',
      'option verbosity 1',
      'option no-such-option true',
      'option object-format true',
      'connect git-receive-pack',
      'list for-push',
      'option push-option "dvcexp.jobs=2"',
      'push refs/heads/main:refs/heads/main',
      'push +refs/heads/main:refs/heads/bad',
      'push refs/heads/main:refs/exps/exec/EXEC_HEAD',
      'push :refs/heads/never',
      '',
      '',
    ],
    { uploadErrors: { 'refs/heads/bad': 'dvc: "storage" is down' } },
  );
  assert.deepEqual(stdout.split('\n'), [
    ...['connect', 'option', 'push', 'object-format', ''],
    ...['ok', 'ok', 'unsupported', 'ok'],
    'fallback',
    ...[':object-format sha1', `${main} refs/heads/main`, ''],
    'ok',
    'error refs/heads/bad "dvc: \\"storage\\" is down"',
    'error refs/exps/exec/EXEC_HEAD "dvc: internal to a clone, not shared"',
    'ok refs/heads/main',
    'ok refs/heads/never',
    ...['', ''],
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(uploads.length, 1);
  assert.deepEqual(uploads[0], {
    refs: [
      { source: 'refs/heads/main', destination: 'refs/heads/main' },
      { source: 'refs/heads/main', destination: 'refs/heads/bad' },
    ],
    advertised: [main],
    dryRun: false,
    atomic: false,
  });
  assert.equal(remoteRefs(), 'refs/heads/main');
});

test('Git that hangs up, or only looks at the capabilities', { timeout }, async () => {
  assert.equal((await say([])).code, 0);
  assert.equal((await say(['capabilities', ''])).code, 0);
  assert.equal((await say(['list for-push', ''])).code, 0);
});

test('what is no command ends the conversation with a message', { timeout }, async () => {
  const { code, stdout, stderr } = await say(['make coffee\u001b[31m']);
  assert.equal(code, 128);
  assert.equal(stdout, '');
  assert.equal(stderr, "fatal: unknown command 'make' from Git\n");
});

test('without a URL there is only the usage', { timeout }, async () => {
  const { code, stderr } = await say([], { argv: [] });
  assert.equal(code, 129);
  assert.match(stderr, /^usage: /);
});

test('a transport that is not allowed is refused before anything is started', { timeout }, async () => {
  const mark = world.path('touched');
  const { code, stdout, stderr } = await say(['capabilities', 'list'], {
    argv: ['dvcexp::x', `ext::sh -c "touch ${mark}"`],
  });
  assert.equal(code, 128);
  assert.equal(stdout, '');
  assert.equal(stderr, "fatal: transport 'ext' not allowed\n");
  assert.equal(world.run(work, 'test', ['-e', mark]).code, 1);
});

test('a helper far below itself refuses to go on', { timeout }, async () => {
  const { code, stderr } = await say(['capabilities'], { env: { DVCEXP_DEPTH: '4' } });
  assert.equal(code, 128);
  assert.match(stderr, /^fatal: the helper was started by itself/);
});

test('without data the data side is not even loaded', { timeout }, async () => {
  const lines = ['list for-push', 'push refs/heads/main:refs/heads/nodata', '', ''];
  const { code, stdout, opened } = await say(lines, { env: { DVCEXP_NO_CACHE: '1' } });
  assert.equal(code, 0);
  assert.match(stdout, /^ok refs\/heads\/nodata$/m);
  assert.deepEqual(opened, []);
  await say(['list for-push', 'push :refs/heads/nodata', '', '']);
});

test('a setting that cannot be refuses the push before anything moves', { timeout }, async () => {
  const lines = ['list for-push', 'push refs/heads/main:refs/heads/wrong', 'push :refs/heads/main', '', ''];
  const { stdout, stderr, opened } = await say(lines, { env: config({ 'dvcexp.jobs': 'many' }) });
  assert.match(stdout, /^error refs\/heads\/wrong "dvc: git config dvcexp.jobs: 'many' is not a number/m);
  assert.match(stdout, /^error refs\/heads\/main "dvc: git config/m);
  assert.match(stderr, /^error: git config dvcexp.jobs/m);
  assert.deepEqual(opened, []);
});

test('a nested helper hears what concerns it and nothing else', { timeout }, async () => {
  const heard = world.path('heard');
  helperProgram(
    'git-remote-fake',
    `while read -r line; do echo "$line" >>'${heard}'
case "$line" in
capabilities) printf 'fetch\\npush\\noption\\nget\\n\\n';;
option*) echo ok;;
list*) printf '@refs/heads/main HEAD\\n${main} refs/heads/main\\n${main} refs/exps/stash\\n\\n';;
push*) batch="$batch ok \${line#*:}"; pushing=1;;
'') if test -n "$pushing"; then pushing=; printf 'ok refs/heads/one\\nok refs/heads/foreign\\n\\n'; else exit 0; fi;;
esac; done`,
  );
  const { code, stdout } = await say(
    ['capabilities', 'option push-option dvcexp.jobs=3', 'option push-option mine', 'list', 'list for-push'].concat([
      'push refs/heads/main:refs/heads/one',
      'push refs/heads/main:refs/heads/two',
      '',
      '',
    ]),
    { argv: ['origin', 'fake://somewhere'], uploadErrors: { 'refs/heads/two': 'no' } },
  );
  const listed = ['@refs/heads/main HEAD', `${main} refs/heads/main`];
  assert.deepEqual(stdout.split('\n'), [
    ...['fetch', 'push', 'option', ''],
    ...['ok', 'ok'],
    ...[...listed, ''],
    ...[...listed, `${main} refs/exps/stash`, ''],
    ...['error refs/heads/two "no"', 'ok refs/heads/one', '', ''],
  ]);
  assert.equal(code, 0);
  assert.deepEqual(world.run(work, 'cat', [heard]).stdout.split('\n'), [
    ...['capabilities', 'option push-option mine', 'list', 'list for-push'],
    ...['push refs/heads/main:refs/heads/one', '', '', ''],
  ]);
});

test('a fetch that a nested helper does is answered when the data is here', { timeout }, async () => {
  helperProgram(
    'git-remote-fake',
    `while read -r line; do case "$line" in
capabilities) printf 'fetch\\n\\n';; list) printf '${main} refs/heads/main\\n${main} refs/heads/too\\n@refs/heads/main HEAD\\n\\n';;
fetch*) fetching=1;; '') if test -n "$fetching"; then fetching=; printf 'lock x.keep\\n\\n'; else exit 0; fi;;
esac; done`,
  );
  const { stdout, downloads } = await say(['capabilities', 'list', `fetch ${main} refs/heads/main`, '', ''], {
    argv: ['origin', 'fake://somewhere'],
  });
  assert.ok(stdout.endsWith('lock x.keep\n\n'));
  assert.deepEqual(downloads, [
    { wants: [{ oid: main, names: ['refs/heads/main', 'refs/heads/too'] }], head: 'refs/heads/main', cloning: false },
  ]);
});

test('a nested helper that dies takes us with it, by its exit code', { timeout }, async () => {
  helperProgram('git-remote-fake', 'read -r line; exit 42');
  const { code, stdout } = await say(['capabilities', 'list'], { argv: ['origin', 'fake://somewhere'] });
  assert.equal(code, 42);
  assert.equal(stdout, '');
});

test('a helper that only connects pushes through us all the same', { timeout }, async () => {
  const env = config({ 'protocol.ext.allow': 'always' });
  const { code, stdout, stderr, uploads } = await say(
    ['capabilities', 'connect git-receive-pack', 'list for-push', 'push refs/heads/main:refs/heads/by-ext', '', ''],
    { argv: ['origin', `ext::git %s ${bare}`], env },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\*?connect\noption\npush\nobject-format\n\nfallback\n/);
  assert.match(stdout, /^ok refs\/heads\/by-ext$/m);
  assert.equal(uploads.length, 1);
  assert.match(remoteRefs(), /refs\/heads\/by-ext/);
  await say(['list for-push', 'push :refs/heads/by-ext', '', '']);
});

test('an answer that is cut off is handed on as it is, with nothing behind it', { timeout }, async () => {
  // Git would still be reading: whatever follows it would take for the rest.
  const cut = Buffer.concat([
    encodePacket('version 2\n'),
    Buffer.from('0000'),
    encodePacket('packfile\n'),
    Buffer.from('00ff\x01PACK'),
  ]);
  writeFileSync(world.path('cut'), cut);
  helperProgram('cut-off', `cat '${world.path('cut')}'; cat >/dev/null`);
  const request = Buffer.concat([encodePacket('command=fetch\n'), encodePacket(`want ${main}\n`), Buffer.from('0000')]);
  const { code, stdout } = await say(['option servpath cut-off', 'connect git-upload-pack', request]);
  assert.equal(code, 1);
  assert.equal(stdout, `ok\n\n${cut.toString('latin1')}`);
});

test('import and export are passed on, with a warning', { timeout }, async () => {
  helperProgram(
    'git-remote-fake',
    `while read -r line; do case "$line" in
capabilities) printf 'import\\nexport\\nrefspec refs/heads/*:refs/fake/*\\n\\n';;
import*) echo "stream of $line"; exit 0;; esac; done`,
  );
  const { stdout, stderr } = await say(['capabilities', 'import refs/heads/main', ''], { argv: ['o', 'fake://x'] });
  assert.ok(stdout.endsWith('\n\nstream of import refs/heads/main\n'));
  assert.match(stderr, /^warning: .*carry no DVC data/);
});

test('pushing may go elsewhere than fetching, and hears the options given before', { timeout }, async () => {
  helperProgram(
    'git-remote-fake',
    `while read -r line; do case "$line" in capabilities) printf 'fetch\\npush\\noption\\n\\n';; option*) echo ok;; '') exit 0;; esac; done`,
  );
  const { code, stdout, stderr } = await say(
    ['capabilities', 'option dry-run true', 'list for-push', 'push refs/heads/main:refs/heads/elsewhere', '', ''],
    { argv: ['origin', 'fake://x/y'], env: config({ [`url.${bare}.pushinsteadof`]: 'fake://x/y' }) },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ok refs\/heads\/elsewhere$/m);
  assert.doesNotMatch(remoteRefs(), /elsewhere/);
});

test('names beyond ASCII go through', { timeout }, async () => {
  const raw = 'push refs/heads/main:refs/heads/ü';
  const { stdout } = await say(['list for-push', raw, '', '']);
  assert.match(Buffer.from(stdout, 'latin1').toString(), /^ok refs\/heads\/ü$/m);
  await say(['list for-push', 'push :refs/heads/ü', '', '']);
});
