// A colleague who may read the code and has no access to storage never meets storage.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { awsKeys, noKeys, openSmallS3, type SmallS3, s3Config } from './small-s3.ts';
import { addExperiment, createTeam, insides, type Team, trackAndCommit } from './team.ts';

let world: World;
let s3: SmallS3;
let team: Team;
let carol: string;
let serial = 0;
before(async () => {
  s3 = await openSmallS3();
  world = openWorld();
  // Anything that asks leaves a mark.
  writeFileSync(world.path('ask'), `#!/bin/sh\ntouch '${world.path('asked')}'\necho x\n`, { mode: 0o755 });
});
after(async () => {
  world.remove();
  await s3.close();
});
beforeEach(async () => {
  team = createTeam(world, `team${serial++}`);
  carol = team.path('carol');
  team.write('.dvc/config', s3Config(s3).replace('/team', `/team${serial}`));
  team.write('code.py', 'print()\n');
  trackAndCommit(team, 'model.bin', 'first model');
  trackAndCommit(team, 'data', { 'a.txt': 'a' });
  const pushed = await team.git(team.alice, ['push', 'origin', 'main'], awsKeys);
  assert.equal(pushed.code, 0, pushed.stderr);
  s3.seen.length = 0;
});
afterEach(() => assert.ok(!existsSync(world.path('asked')), 'somebody was asked for a secret'));

const asking = (): NodeJS.ProcessEnv => ({
  ...noKeys,
  GIT_ASKPASS: world.path('ask'),
  SSH_ASKPASS: world.path('ask'),
  GIT_TERMINAL_PROMPT: '1',
});
const git = (...args: readonly string[]): Promise<Ran> => team.git(carol, args, asking());

async function cloneAsCarol(...options: readonly string[]): Promise<Ran> {
  const cloned = await team.clone('carol', options, asking());
  assert.equal(cloned.code, 0, cloned.stderr);
  assert.equal(objectsIn(join(carol, '.dvc', 'cache')).size, 0);
  assert.equal(readFileSync(join(carol, 'code.py'), 'utf8'), 'print()\n');
  return cloned;
}

/** Of all that was printed, what is not Git's own. */
const ours = ({ stderr }: Ran): string[] =>
  stderr.split('\n').filter((line) => /^(?:dvcexp|warning|error|hint|fatal)/.test(line));

test('clones, fetches and pushes code: no request, no prompt, not a word', async () => {
  assert.deepEqual(ours(await cloneAsCarol('-c', 'dvcexp.fetchData=none')), []);

  writeFileSync(join(carol, 'code.py'), 'print("better")\n');
  world.git(carol, 'commit', '-qam', 'better code');
  const pushed = await git('push', 'origin', 'main');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.deepEqual(ours(pushed), []);
  world.git(carol, 'checkout', '-q', '-b', 'feature');
  const branch = await git('push', '-u', 'origin', 'feature');
  assert.equal(branch.code, 0, branch.stderr);
  const tag = await git('push', 'origin', 'HEAD:refs/tags/v1', ':feature');
  assert.equal(tag.code, 0, tag.stderr);
  assert.deepEqual([...ours(branch), ...ours(tag)], []);

  // Alice goes on with data of her own; Carol takes it over in her code.
  world.git(team.alice, 'pull', '-q', team.bare, 'main');
  trackAndCommit(team, 'model.bin', 'second model');
  await team.git(team.alice, ['push', 'origin', 'main'], awsKeys);
  s3.seen.length = 0;
  world.git(carol, 'checkout', '-q', 'main');
  const pulled = await git('pull', '--ff-only', 'origin', 'main');
  assert.equal(pulled.code, 0, pulled.stderr);
  writeFileSync(join(carol, 'code.py'), 'print("best")\n');
  world.git(carol, 'commit', '-qam', 'best code');
  const merged = await git('push', 'origin', 'main');
  assert.equal(merged.code, 0, merged.stderr);
  assert.deepEqual([...ours(pulled), ...ours(merged)], []);
  assert.deepEqual(s3.seen, [], 'no request to storage');
});

test('with default settings the data is left with a warning of one line, and pushing is as quiet', async () => {
  const cloned = await cloneAsCarol();
  const [said = '', ...more] = ours(cloned);
  assert.match(
    said,
    /^warning: data of 'main' is not here: no AWS access keys for storage remote 'storage' \(s3:\/\/bucket\/team.*; bring it later with: git dvcexp fetch origin\/main$/,
  );
  assert.deepEqual(more, []);
  assert.doesNotMatch(cloned.stderr, insides);

  writeFileSync(join(carol, 'code.py'), 'print("better")\n');
  world.git(carol, 'commit', '-qam', 'better code');
  const pushed = await git('push', 'origin', 'main');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.deepEqual(ours(pushed), []);
  assert.deepEqual(s3.seen, [], 'no request without keys');
});

test('an experiment fails to arrive by itself, and arrives without its data when that is said', async () => {
  await cloneAsCarol('-c', 'dvcexp.fetchData=none', '-q');
  const experiment = addExperiment(world, team, 'quare-zips', () => track(team.alice, 'model.bin', 'second model'));
  await team.git(team.alice, ['push', 'origin', `${experiment}:${experiment}`], awsKeys);
  s3.seen.length = 0;
  const refspec = `${experiment}:${experiment}`;
  const none = await git('fetch', 'origin', refspec);
  assert.equal(none.code, 0, none.stderr);
  assert.deepEqual(ours(none), []);
  world.git(carol, 'update-ref', '-d', experiment);
  const all = await git('-c', 'dvcexp.fetchData=auto', 'fetch', 'origin', refspec);
  assert.notEqual(all.code, 0, all.stderr);
  assert.equal(world.git(carol, 'for-each-ref', 'refs/exps'), '');
  const warned = await git('-c', 'dvcexp.fetchData=auto', '-c', 'dvcexp.onFetchError=warn', 'fetch', 'origin', refspec);
  assert.equal(warned.code, 0, warned.stderr);
  assert.notEqual(world.git(carol, 'for-each-ref', 'refs/exps'), '');
  assert.deepEqual(s3.seen, []);
});

/** Files of the product that a push loads, as V8 lists them. */
async function loadedBy(...args: readonly string[]): Promise<string[]> {
  const coverage = world.path(`coverage${serial++}`);
  mkdirSync(coverage);
  const pushed = await team.git(carol, args, { ...asking(), NODE_V8_COVERAGE: coverage });
  assert.ok(readdirSync(coverage).length > 0);
  const urls = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url).filter((url) => /\/dist\//.test(url));
  });
  return [...urls, String(pushed.code)];
}

test('a push of code loads no storage code, a push of data does', async () => {
  await cloneAsCarol('-c', 'dvcexp.fetchData=none', '-q');
  writeFileSync(join(carol, 'code.py'), 'print("better")\n');
  world.git(carol, 'commit', '-qam', 'better code');
  const storage = /\/(?:storage|local|dist-es|sso|sts|credential)[^/]*\.js$/;
  const code = await loadedBy('push', 'origin', 'main');
  assert.equal(code.at(-1), '0');
  assert.deepEqual(
    code.filter((url) => storage.test(url)),
    [],
  );

  track(carol, 'new.bin', 'data of her own');
  writeFileSync(join(carol, '.gitignore'), '/new.bin\n');
  world.git(carol, 'add', '-A');
  world.git(carol, 'commit', '-qm', 'data');
  s3.accepts = new Set([awsKeys.AWS_ACCESS_KEY_ID ?? '']);
  const data = await loadedBy('push', 'origin', 'main');
  s3.accepts = undefined;
  assert.equal(data.at(-1), '1', 'she cannot');
  // A push waits for its data, so it may ask for keys.
  assert.ok(existsSync(world.path('asked')));
  rmSync(world.path('asked'));
  assert.notDeepEqual(
    data.filter((url) => storage.test(url)),
    [],
    'or this test would prove nothing',
  );
});
