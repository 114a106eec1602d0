import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openChannel } from '../../src/git/channel.ts';
import { parseConfiguration } from '../../src/git/configuration.ts';
import { openPushBridge, type PushBridge } from '../../src/git/push-bridge.ts';
import { defaultOptions } from '../../src/git/session-options.ts';
import { openWorld, type World } from '../kit/world.ts';

let world: World;
let bare: string;
let work: string;
before(() => {
  world = openWorld();
  bare = world.path('bare.git');
  work = world.path('work');
  world.git(world.directory, 'init', '-q', '--bare', bare);
  world.git(world.directory, 'init', '-q', work);
  world.git(work, 'commit', '-q', '--allow-empty', '-m', 'one');
});
after(() => world.remove());

const operation = { signal: AbortSignal.timeout(50_000) };

function open(now: () => number): { bridge: PushBridge; opened: () => number } {
  const env = { ...world.env, GIT_DIR: `${work}/.git` };
  let opened = 0;
  const bridge = openPushBridge({
    open: (_options, during) => {
      opened += 1;
      const request = { service: 'git-receive-pack', program: undefined, family: undefined, verbose: false } as const;
      return openChannel(
        { ...request, url: { kind: 'local', path: bare } },
        { env, configuration: parseConfiguration(''), stderr: () => undefined },
        during,
      );
    },
    url: bare,
    env,
    now,
  });
  return { bridge, opened: () => opened };
}
/** send-pack has a word for refs that nobody named, too; those are for the caller to leave out. */
const words = (lines: readonly Buffer[]): readonly string[] =>
  lines.map((line) => line.toString()).filter((line) => !line.endsWith(' no match'));

test('list and push share one connection', { timeout: 60_000 }, async () => {
  const { bridge, opened } = open(() => 0);
  assert.deepEqual((await bridge.list(defaultOptions, operation)).refs, []);
  const status = await bridge.push([Buffer.from('refs/heads/main:refs/heads/main')], defaultOptions, operation);
  assert.deepEqual(words(status), ['ok refs/heads/main']);
  assert.equal(opened(), 1);
  assert.equal(await bridge.finish('good-bye'), 0);
});

test('after a long upload the push goes over a fresh connection, and sees what has changed there', {
  timeout: 60_000,
}, async () => {
  let time = 0;
  const { bridge, opened } = open(() => time);
  await bridge.list(defaultOptions, operation);
  // Somebody else was quicker.
  world.git(bare, 'update-ref', 'refs/heads/race', world.git(bare, 'commit-tree', '-m', 'other', 'main^{tree}'));
  time = 20_001;
  const status = await bridge.push([Buffer.from('refs/heads/main:refs/heads/race')], defaultOptions, operation);
  assert.match(words(status)[0] ?? '', /^error refs\/heads\/race (?:fetch first|non-fast-forward)/);
  assert.equal(opened(), 2);
});

test('a dry run changes nothing, leaving without a push neither', { timeout: 60_000 }, async () => {
  const { bridge } = open(() => 0);
  await bridge.list(defaultOptions, operation);
  const dry = { ...defaultOptions, dryRun: true };
  assert.deepEqual(words(await bridge.push([Buffer.from('refs/heads/main:refs/heads/dry')], dry, operation)), [
    'ok refs/heads/dry',
  ]);
  await bridge.list(defaultOptions, operation);
  assert.equal(await bridge.finish('good-bye'), 0);
  assert.doesNotMatch(world.git(bare, 'for-each-ref'), /dry/);
});
