// Git as VS Code and other windows start it: no terminal, pipes, an askpass program. Nothing waits for an answer that
// cannot come, and what such a program shows of stderr is the reason and what to do.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { noKeys } from './small-s3.ts';
import { createTeam, type Team, trackAndCommit } from './team.ts';

let world: World;
let team: Team;
let asking: Server;
let askingUrl: string;
before(async () => {
  world = openWorld(noKeys);
  delete world.env.GIT_TERMINAL_PROMPT;
  team = createTeam(world, 'team');
  trackAndCommit(team, 'first.bin', 'first');
  assert.equal((await team.push('main')).code, 0);
  assert.equal((await team.clone('bob')).code, 0);
  asking = createServer((_, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="team"' }).end();
  });
  await new Promise<void>((resolve) => asking.listen(0, '127.0.0.1', resolve));
  askingUrl = `http://127.0.0.1:${(asking.address() as AddressInfo).port}/team.git`;
});
after(() => {
  asking.close();
  world.remove();
});

/** What extensions/git of VS Code puts into the environment of its Git, and how it starts it. */
async function inVsCode(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn('git', [...args], {
    cwd,
    // A session of its own: no controlling terminal, so that /dev/tty cannot be opened either.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...world.env,
      ...{ VSCODE_GIT_COMMAND: args[0], GIT_PAGER: 'cat', LC_ALL: 'en_US.UTF-8', LANG: 'en_US.UTF-8', LANGUAGE: 'en' },
      GIT_ASKPASS: 'true',
      ...env,
    },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  // All that Git started, when it hangs: then the exit code tells.
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 30_000);
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 137)));
  clearTimeout(timer);
  return { code, stdout, stderr };
}

/** The line of stderr that VS Code puts into its message box. */
const shown = ({ stderr }: Ran): string | undefined =>
  stderr
    .replace(/^error: /im, '')
    .split(/[\r\n]/)
    .find((line) => line !== '');

test('push, fetch and pull move data, and say so in whole lines', async () => {
  trackAndCommit(team, 'second.bin', 'second');
  const pushed = await inVsCode(team.alice, ['push', 'origin', 'main:main']);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /^dvcexp: uploaded 1 object/m);
  const bob = world.path('team', 'bob');
  const pulled = await inVsCode(bob, ['pull', '--tags', 'origin', 'main']);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stderr, /^dvcexp: downloaded 1 object/m);
  assert.equal(objectsIn(join(bob, '.dvc/cache')).size, 2);
  const fetched = await inVsCode(bob, ['fetch', '--all']);
  assert.equal(fetched.code, 0, fetched.stderr);
  for (const { stderr } of [pushed, pulled, fetched]) assert.doesNotMatch(stderr, /\r/);
});

test('storage is away: the first line is the reason, and what to do follows', async () => {
  const bob = world.path('team', 'bob');
  trackAndCommit(team, 'third.bin', 'third');
  assert.equal((await team.push('main')).code, 0);
  renameSync(team.storage, `${team.storage}.away`);
  try {
    trackAndCommit(team, 'fourth.bin', 'fourth');
    const pushed = await inVsCode(team.alice, ['push', 'origin', 'main:main']);
    assert.equal(pushed.code, 1);
    assert.match(shown(pushed) ?? '', /^storage directory '.*' does not exist$/);
    assert.match(pushed.stderr, /^hint: .*push again/m);
    const fetched = await inVsCode(bob, ['-c', 'dvcexp.onFetchError=fail', 'fetch']);
    assert.equal(fetched.code, 1);
    assert.match(shown(fetched) ?? '', /^storage directory '.*' does not exist$/);
    assert.match(fetched.stderr, /^hint: run the same command again/m);
  } finally {
    renameSync(`${team.storage}.away`, team.storage);
  }
  assert.equal((await inVsCode(team.alice, ['push', 'origin', 'main:main'])).code, 0);
});

test('storage without access keys fails at once and says where to put them', async () => {
  world.git(team.alice, 'switch', '-qc', 'elsewhere');
  writeFileSync(
    join(team.alice, '.dvc/config'),
    '[core]\n    remote = s3\n[\'remote "s3"\']\n    url = s3://data\n    endpointurl = http://127.0.0.1:1\n',
  );
  track(team.alice, 'fifth.bin', 'fifth');
  team.commit('another storage');
  // A place that this clone has not met is asked about first, unless it is known to be trusted.
  const strange = await inVsCode(team.alice, ['push', 'origin', 'elsewhere']);
  assert.match(shown(strange) ?? '', /^\.dvc\/config has storage remote 's3' at http:\/\/127\.0\.0\.1:1\/data, where/);
  assert.match(strange.stderr, /^hint: if you trust it: git dvcexp trust http:\/\/127\.0\.0\.1:1\/data$/m);
  const pushed = await inVsCode(team.alice, ['push', 'origin', 'elsewhere'], {
    DVCEXP_TRUST: 'http://127.0.0.1:1',
    // With one, storage is asked first whether it wants keys at all, and then the user for them.
    GIT_ASKPASS: undefined,
    SSH_ASKPASS: undefined,
  });
  world.git(team.alice, 'switch', '-q', 'main');
  assert.equal(pushed.code, 1, pushed.stderr);
  assert.match(shown(pushed) ?? '', /^no AWS access keys for storage remote 's3'/);
  assert.match(pushed.stderr, /^hint: /m);
});

for (const [what, env, words] of [
  ['no askpass', { GIT_ASKPASS: undefined, SSH_ASKPASS: undefined }, /could not read Username/],
  ['an askpass that answers nothing', { GIT_ASKPASS: 'true' }, /Authentication failed|could not read Username/],
  ['an askpass that was cancelled', { GIT_ASKPASS: 'false' }, /could not read Username/],
] as const) {
  test(`a Git remote that wants a password, and ${what}`, () => failsAlike(askingUrl, env, words));
}

test('ssh that has to ask', async () => {
  const script = world.path('asking-ssh');
  // As ssh does for an unknown host or a locked key. Its stdin is the connection, so it asks the terminal.
  const lines = [
    '#!/bin/sh',
    'sh -c "read -r answer </dev/tty" 2>/dev/null',
    'echo "Host key verification failed." >&2',
    'exit 255',
  ];
  writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 });
  const env = { GIT_SSH_COMMAND: script, GIT_SSH_VARIANT: 'ssh' };
  await failsAlike('ssh://git.example.com/team.git', env, /^Host key verification failed\.$/m);
});

/** At once, with words that say why, and exactly as plain Git does. */
async function failsAlike(url: string, env: NodeJS.ProcessEnv, words: RegExp): Promise<void> {
  for (const name of ['plain', 'ours']) {
    world.run(team.alice, 'git', ['remote', 'remove', name]);
    world.git(team.alice, 'remote', 'add', name, url);
  }
  world.git(team.alice, 'config', 'remote.ours.vcs', 'dvcexp');
  for (const [command = '', ...rest] of [['fetch'], ['push', 'main:main']]) {
    const plain = await inVsCode(team.alice, [command, 'plain', ...rest], env);
    const ours = await inVsCode(team.alice, [command, 'ours', ...rest], env);
    assert.match(ours.stderr, words);
    assert.notEqual(ours.code, 0);
    assert.deepEqual([ours.code, shown(ours)], [plain.code, shown(plain)]);
  }
}
