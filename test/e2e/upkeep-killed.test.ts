// `git dvcexp gc` and `fsck --repair`, killed in the middle: nothing needed is lost, nothing points to what has gone, and the
// same command again ends it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { objectsIn, openWorld, track, type World } from '../kit/world.ts';
import { createTeam, type Team, trackAndCommit } from './team.ts';

let world: World;
let team: Team;
beforeEach(() => {
  world = openWorld();
  team = createTeam(world, 'team');
});
afterEach(() => world.remove());

const cacheOf = (): string => join(team.alice, '.dvc/cache');

/** Starts `git dvcexp`, and kills all of it as soon as `until` holds. False: it was quicker. */
async function killed(args: readonly string[], until: () => boolean): Promise<boolean> {
  const child = spawn('git', ['dvcexp', ...args], { cwd: team.alice, env: world.env, stdio: 'ignore', detached: true });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const deadline = Date.now() + 60_000;
  while (!until() && child.exitCode === null && Date.now() < deadline) await sleep(2);
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // It has gone.
  }
  return (await ended) === null;
}

/** Every listing that is there has all its files. */
function requireWhole(directory: string): void {
  const present = objectsIn(directory);
  for (const key of present.keys()) {
    if (!key.endsWith('.dir')) continue;
    for (const { md5 } of JSON.parse(readFileSync(join(directory, key), 'utf8'))) {
      assert.ok(present.has(`files/md5/${md5.slice(0, 2)}/${md5.slice(2)}`), `${md5} of ${key}`);
    }
  }
}

test('gc', async () => {
  trackAndCommit(team, 'data', { 'a.txt': 'a', 'shared.txt': 'shared' });
  const needed = [...objectsIn(cacheOf()).keys()];
  for (let at = 0; at < 25; at++) {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`f${index}`, `waste ${at} ${index}`]));
    track(team.alice, `waste${at}`, { ...files, 'shared.txt': 'shared' });
    for (const path of [`waste${at}`, `waste${at}.dvc`]) rmSync(join(team.alice, path), { recursive: true });
  }
  const all = objectsIn(cacheOf()).size;
  const folder = join(cacheOf(), 'files/md5');
  const folders = readdirSync(folder).map((two) => join(folder, two));
  const count = (): number => folders.reduce((sum, path) => sum + readdirSync(path).length, 0);
  const args = ['gc', '--yes', '--older-than', '0'];
  let kills = 0;
  for (let target = all - 1; target > needed.length && kills < 3; target = count() - 1) {
    if (!(await killed(args, () => count() <= target))) break;
    kills += 1;
    const left = objectsIn(cacheOf());
    for (const key of needed) assert.ok(left.has(key), `${key} after kill ${kills}`);
    requireWhole(cacheOf());
  }
  assert.ok(kills > 0, 'it was killed at least once');
  const ran = await world.runAsync(team.alice, 'git', ['dvcexp', ...args]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual([...objectsIn(cacheOf()).keys()], needed);
});

test('fsck --repair', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`f${index}`, `content ${index} `.repeat(5000)]),
  );
  trackAndCommit(team, 'data', files);
  assert.equal((await team.push('main')).code, 0);
  const right = objectsIn(cacheOf());
  const leaves = [...right.keys()].filter((key) => !key.endsWith('.dir'));
  for (const key of leaves) {
    const path = join(cacheOf(), key);
    chmodSync(path, 0o644);
    writeFileSync(path, 'damaged');
    chmodSync(path, 0o444);
  }
  const [watched = ''] = leaves.slice(150);
  const damaged = objectsIn(cacheOf()).get(watched);
  const args = ['fsck', '--repair'];
  const isRepaired = (): boolean => !readFileSync(join(cacheOf(), watched)).equals(Buffer.from('damaged'));
  const wasKilled = await killed(args, isRepaired);
  const left = objectsIn(cacheOf());
  assert.deepEqual([...left.keys()], [...right.keys()], 'nothing is gone');
  for (const [key, md5] of left) assert.ok(md5 === right.get(key) || md5 === damaged, `${key} is half of something`);
  if (wasKilled) assert.notDeepEqual(left, right);
  const ran = await world.runAsync(team.alice, 'git', ['dvcexp', ...args]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.deepEqual(objectsIn(cacheOf()), right);
  assert.ok(
    !existsSync(join(team.alice, '.git/dvcexp/live')) || readdirSync(join(team.alice, '.git/dvcexp/live')).length <= 1,
  );
});
