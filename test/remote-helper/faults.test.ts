// What goes wrong in the middle: real git, real servers, the helper as a program, everything with a time-out.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { buildHelperProgram } from '../kit/helper-program.ts';
import type { MoverNote, MoverScript } from '../kit/mover-script.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';

const timeout = 60_000;
let world: World;
let env: NodeJS.ProcessEnv;
let work: string;
let bare: string;

before(() => {
  world = openWorld();
  const bin = buildHelperProgram(world.directory);
  env = {
    PATH: `${bin}${delimiter}${world.env.PATH}`,
    DVCEXP_TEST_LOG: world.path('log'),
    DVCEXP_TEST_SCRIPT: world.path('script.json'),
  };
  const source = world.path('source');
  world.git(world.directory, 'init', '-q', source);
  writeFileSync(`${source}/file`, `${'some bytes that do not pack to nothing '.repeat(500)}${Math.random()}`);
  world.git(source, 'add', '.');
  world.git(source, 'commit', '-qm', 'one');
  world.git(world.directory, 'clone', '-q', '--bare', source, world.path('template.git'));
  world.git(source, 'commit', '-q', '--allow-empty', '-m', 'two');
  world.git(source, 'remote', 'add', 'origin', '../bare.git');
  world.git(source, 'config', 'remote.origin.vcs', 'dvcexp');
});
after(() => world.remove());

let count = 0;
beforeEach(() => {
  count += 1;
  work = world.path(`work${count}`);
  bare = world.path('bare.git');
  world.run(world.directory, 'rm', ['-rf', bare, world.path('log'), world.path('script.json')]);
  cpSync(world.path('template.git'), bare, { recursive: true });
  cpSync(world.path('source'), work, { recursive: true });
});

const git = (...args: readonly string[]): Promise<Ran> => world.runAsync(work, 'git', args, { env });
const script = (said: MoverScript): void => writeFileSync(world.path('script.json'), JSON.stringify(said));
const notes = (): readonly MoverNote[] =>
  existsSync(world.path('log'))
    ? readFileSync(world.path('log'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as MoverNote)
    : [];
const remoteMain = (): string => world.git(bare, 'rev-parse', 'main');

/** A stand-in for upload-pack: the real one's output goes through `change`, a function of one chunk; the pack is one. */
function uploadPackThrough(change: string): string {
  const path = world.path(`filter${count}.mjs`);
  writeFileSync(
    path,
    `import { spawn } from 'node:child_process';
const child = spawn('git', ['upload-pack', ...process.argv.slice(2)], { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.pipe(child.stdin); child.stdin.on('error', () => {}); process.stdout.on('error', () => process.exit(0));
const change = ${change}; const held = [];
child.stdout.on('data', (chunk) => { if (held.length > 0 || chunk.includes('PACK')) held.push(chunk); else process.stdout.write(change(chunk)); });
child.on('close', (code) => process.stdout.write(change(Buffer.concat(held)), () => process.exit(code ?? 1)));\n`,
  );
  return `${process.execPath} ${path}`;
}

/** A commit that only the Git remote has. */
function advance(): string {
  const tree = world.git(bare, 'rev-parse', 'main^{tree}');
  const next = world.git(bare, 'commit-tree', '-p', 'main', '-m', `next ${count}`, tree);
  world.git(bare, 'update-ref', 'refs/heads/next', next);
  return next;
}

test('a pack that breaks off fails the fetch at once, and no data is asked for', { timeout }, async () => {
  advance();
  const broken = uploadPackThrough("(chunk) => (chunk.includes('PACK') ? chunk.subarray(0, chunk.length - 4) : chunk)");
  const { code } = await git('-c', `remote.origin.uploadpack=${broken}`, 'fetch', 'origin');
  assert.notEqual(code, 0);
  assert.deepEqual(notes(), []);
  assert.equal(world.run(work, 'git', ['rev-parse', '--verify', '-q', 'refs/remotes/origin/next']).code, 1);
});

test('a server without side-band is understood', { timeout }, async () => {
  const next = advance();
  const plain = uploadPackThrough(
    "(chunk) => Buffer.from(chunk.toString('latin1').replaceAll(' side-band', ' xide-band'), 'latin1')",
  );
  const { code, stderr } = await git(
    '-c',
    'protocol.version=0',
    '-c',
    `remote.origin.uploadpack=${plain}`,
    'fetch',
    'origin',
  );
  assert.equal(code, 0, stderr);
  const [download] = notes().filter((note) => note.event === 'download');
  assert.ok(download?.event === 'download' && download.present);
  assert.ok(download.wants.some(({ oid, names }) => oid === next && names.includes('refs/heads/next')));
});

test('a Git remote that refuses ends the command as with plain Git', { timeout }, async () => {
  const { code, stderr } = await git('push', '--receive-pack=exit 3;', 'origin', 'main');
  assert.equal(code, 128);
  assert.match(stderr, /Could not read from remote repository/);
  const fetched = await git('fetch', '--upload-pack=exit 3;', 'origin');
  assert.equal(fetched.code, 128);
  assert.match(fetched.stderr, /Could not read from remote repository/);
});

test('an interrupt while data is uploaded leaves the Git remote as it was', { timeout }, async () => {
  const before = remoteMain();
  script({ delayMs: 30_000 });
  const child = spawn('git', ['push', 'origin', 'main'], {
    cwd: work,
    env: { ...world.env, ...env },
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!notes().some(({ event }) => event === 'upload')) await new Promise((resolve) => setTimeout(resolve, 20));
  // As a terminal does: the whole foreground group.
  process.kill(-(child.pid ?? 0), 'SIGINT');
  await ended;
  while (!notes().some(({ event }) => event === 'close')) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(remoteMain(), before);
  assert.ok(!notes().some(({ event }) => event === 'upload-done'));
});

test('a fetch that is interrupted while data comes is taken up by the next one', { timeout }, async () => {
  advance();
  script({ delayMs: 30_000 });
  const child = spawn('git', ['fetch', 'origin'], {
    cwd: work,
    env: { ...world.env, ...env },
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!notes().some(({ event }) => event === 'download')) await new Promise((resolve) => setTimeout(resolve, 20));
  process.kill(-(child.pid ?? 0), 'SIGINT');
  await ended;
  while (!notes().some(({ event }) => event === 'close')) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(world.run(work, 'git', ['rev-parse', '--verify', '-q', 'refs/remotes/origin/next']).code, 1);
  script({});
  assert.equal((await git('fetch', 'origin')).code, 0);
  assert.ok(world.git(work, 'rev-parse', '--verify', 'refs/remotes/origin/next'));
  assert.equal(notes().filter(({ event }) => event === 'download').length, 2);
});

test('a server that hangs up while data is uploaded is called again', { timeout }, async () => {
  const calls = world.path('calls');
  const server = world.path('hangs-up');
  writeFileSync(
    server,
    `#!/bin/sh\necho >>'${calls}'\n[ "$(wc -l <'${calls}')" -gt 1 ] || exec timeout 1 git receive-pack "$@"\nexec git receive-pack "$@"\n`,
    { mode: 0o755 },
  );
  script({ delayMs: 3000 });
  const { code, stderr } = await git('push', `--receive-pack=${server}`, 'origin', 'main');
  assert.equal(code, 0, stderr);
  assert.equal(remoteMain(), world.git(work, 'rev-parse', 'main'));
  assert.equal(readFileSync(calls, 'utf8').length, 2);
  assert.doesNotMatch(stderr, /hung up|error|fatal/);
});

test('repositories that are cleaned up while data moves lose nothing', { timeout }, async () => {
  const next = advance();
  const cleanUp = async (): Promise<void> => {
    for (const where of [work, bare]) {
      for (const args of [
        ['gc', '--quiet'],
        ['maintenance', 'run', '--task=loose-objects', '--task=incremental-repack'],
      ])
        assert.equal((await world.runAsync(where, 'git', args)).code, 0);
    }
  };
  const meanwhile = async (event: MoverNote['event'], ...args: readonly string[]): Promise<Ran> => {
    const running = git(...args);
    while (!notes().some((note) => note.event === event)) await pause(50);
    await cleanUp();
    return running;
  };
  script({ delayMs: 3000 });
  const fetched = await meanwhile('download', 'fetch', 'origin');
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.equal(world.git(work, 'rev-parse', 'origin/next'), next);
  const pushed = await meanwhile('upload', 'push', 'origin', 'main');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(remoteMain(), world.git(work, 'rev-parse', 'main'));
  for (const where of [work, bare]) world.git(where, 'fsck', '--strict');
});

test('a data side that breaks as a whole fails a push of data, and only that', { timeout }, async () => {
  const before = remoteMain();
  script({ throws: 'out of luck' });
  const { code, stderr } = await git('push', 'origin', 'main', ':refs/heads/none');
  assert.equal(code, 1);
  assert.match(stderr, /main -> main \(dvc: .*out of luck/);
  assert.equal(remoteMain(), before);
});

test('rewriting that leads back to us ends, and does not multiply', { timeout }, async () => {
  const loops = ['-c', `url.dvcexp::${bare}.insteadOf=${bare}`, '-c', `url.dvcexp::dvcexp::.insteadOf=loop:`];
  const { code, stderr } = await git(...loops, 'ls-remote', `dvcexp::${bare}`, 'main');
  assert.equal(code, 0, stderr);
  await git(...loops, 'ls-remote', 'loop:loop:loop:x');
});

test('a lazy fetch in the middle of our own questions moves no data', { timeout }, async () => {
  world.git(bare, 'config', 'uploadpack.allowFilter', 'true');
  world.git(bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  const cloned = await git(
    'clone',
    '-q',
    '--no-checkout',
    '--filter=blob:none',
    `dvcexp::file://${bare}`,
    world.path(`lazy${count}`),
  );
  assert.equal(cloned.code, 0, cloned.stderr);
  const shown = await world.runAsync(world.path(`lazy${count}`), 'git', ['show', 'HEAD:file'], {
    env: { ...env, DVCEXP_NO_CACHE: '1' },
  });
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal(notes().filter(({ event }) => event === 'download').length, 1);
});

test('data is asked for when the objects are there, every time', { timeout: 120_000 }, async () => {
  for (let round = 0; round < 12; round += 1) {
    const parent = round === 0 ? 'main' : 'refs/heads/next';
    const tree = world.git(bare, 'rev-parse', 'main^{tree}');
    world.git(
      bare,
      'update-ref',
      'refs/heads/next',
      world.git(bare, 'commit-tree', '-p', parent, '-m', `${round}`, tree),
    );
    // Few objects are unpacked, many indexed: two programs, two ends of the pipe.
    const { code } = await git('-c', `fetch.unpackLimit=${round % 2 === 0 ? 1 : 1000}`, 'fetch', '-q', 'origin');
    assert.equal(code, 0);
  }
  const downloads = notes().filter((note) => note.event === 'download');
  assert.equal(downloads.length, 12);
  assert.ok(downloads.every((note) => note.event === 'download' && note.present));
});
