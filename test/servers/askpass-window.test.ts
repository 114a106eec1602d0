// git gui's own window for passwords, on a screen that nobody sees, typed into as a person would: it is enough to give
// storage its key.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTeam, trackAndCommit } from '../e2e/team.ts';
import { findProgram, run } from '../kit/git-servers.ts';
import { plainUser, startWsgidav, type WebServer } from '../kit/web-servers.ts';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { openWorld } from '../kit/world.ts';

const world = openWorld({ AWS_EC2_METADATA_DISABLED: 'true' });
let weed: Weed;
let dav: WebServer;
let screen: { readonly display: string; readonly server: ChildProcess };
before(
  async () => {
    [weed, dav, screen] = await Promise.all([startWeed(), startWsgidav(), openScreen()]);
    world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
  },
  { timeout: 120_000 },
);
after(async () => {
  screen?.server.kill('SIGKILL');
  await Promise.all([weed?.close(), dav?.close()]);
  world.remove();
});

/** An X server on a number that it finds free, and tells on its descriptor 3. */
async function openScreen(): Promise<typeof screen> {
  const args = ['-displayfd', '3', '-screen', '0', '800x600x24', '-nolisten', 'tcp'];
  const server = spawn(findProgram('Xvfb'), args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  process.once('exit', () => void server.kill('SIGKILL'));
  const told = server.stdio[3] as NodeJS.ReadableStream;
  const number = await new Promise<string>((resolve, reject) => {
    told.setEncoding('utf8');
    told.on('data', (text: string) => text.trim() !== '' && resolve(text.trim()));
    server.once('error', reject);
    server.once('exit', () => reject(new Error('Xvfb ended')));
  });
  return { display: `:${number}`, server };
}

const onScreen = (program: string, ...args: string[]): { status: number | null; stdout: string } =>
  spawnSync(program, args, { env: { ...world.env, DISPLAY: screen.display }, encoding: 'utf8', timeout: 20_000 });

const asked = (): readonly string[] =>
  existsSync(world.path('asked')) ? readFileSync(world.path('asked'), 'utf8').split('\n').slice(0, -1) : [];

/**
 * Waits for the window of a question, types into it and confirms. A window may have the number of one that has gone, so
 * questions are counted.
 *
 * @param number of the question, from 1
 */
async function answer(text: string, number: number): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(200)) {
    if (asked().length < number) continue;
    const windows = onScreen('xdotool', 'search', '--onlyvisible', '--class', 'git-gui|askpass|Git-gui').stdout;
    const window = windows.split('\n').find((id) => id !== '');
    if (window === undefined) continue;
    await sleep(500);
    // No window manager gives it the keyboard.
    onScreen('xdotool', 'windowfocus', '--sync', window);
    onScreen('xdotool', 'type', '--delay', '20', text);
    onScreen('xdotool', 'key', 'Return');
    return;
  }
  throw new Error('no window came up');
}

for (const [name, remote, user, secret] of [
  ['S3', () => `    url = s3://${bucket}/window\n    endpointurl = ${weed.endpoint}\n`, admin.id, admin.secret],
  ['WebDAV', () => `    url = webdav://127.0.0.1:${dav.port}/window\n`, plainUser, plainUser],
] as const) {
  test(`a key for ${name} is typed into git gui's window, and kept`, { timeout: 240_000 }, async () => {
    const askpass = join(run('git', ['--exec-path']), 'git-gui--askpass');
    assert.ok(existsSync(askpass), 'this test needs git gui');
    const team = createTeam(world, name);
    team.write('.dvc/config', `[core]\n    remote = store\n['remote "store"']\n${remote()}`);
    trackAndCommit(team, 'model.bin', `model of ${name}`);
    writeFileSync(world.path('askpass'), `#!/bin/sh\necho "$1" >>'${world.path('asked')}'\nexec '${askpass}' "$@"\n`, {
      mode: 0o755,
    });
    const env = { DISPLAY: screen.display, GIT_ASKPASS: world.path('askpass') };
    const before = asked().length;
    const pushing = team.git(team.alice, ['push', 'origin', 'main'], env);
    await answer(user, before + 1);
    await answer(secret, before + 2);
    const pushed = await pushing;
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(asked().slice(before).join('\n'), /^Username for 'http:\/\/127[^\n]+\nPassword for 'http:[^\n]+$/);
    trackAndCommit(team, 'more.bin', `more of ${name}`);
    const again = await team.git(team.alice, ['push', 'origin', 'main'], { ...env, GIT_ASKPASS: 'false' });
    assert.equal(again.code, 0, again.stderr);
  });
}
