// `git dvcexp gc`: what is not needed, what keeps it from being removed, and that nothing needed ever goes.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { addExperiment, copyTeam, createTeam, snapshot, type Team, trackAndCommit } from '../e2e/team.ts';
import { objectsIn, openWorld, type Ran, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let team: Team;
let cnn: string;

let template: Team;
let copies = 0;
before(async () => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'data', { 'a.txt': 'first a', 'b.txt': 'b' });
  trackAndCommit(template, 'data', { 'a.txt': 'second a', 'b.txt': 'b' });
  cnn = addExperiment(world, template, 'cnn-32', () => track(template.alice, 'model.bin', 'model of cnn-32'));
  assert.equal((await template.push('main', `${cnn}:${cnn}`)).code, 0);
});
beforeEach(() => {
  copies += 1;
  team = copyTeam(world, template, `team-${copies}`);
});
after(() => world.remove());

const gc = (...args: readonly string[]): Promise<Ran> => companion(world, team.alice, ['gc', ...args]);
const now = ['--older-than', '0'];
/** As gc, and nothing may have changed. */
async function looks(...args: readonly string[]): Promise<Ran> {
  const before = snapshot(team.directory, []);
  const ran = await gc(...args);
  assert.deepEqual(snapshot(team.directory, []), before, 'nothing is changed');
  return ran;
}
const cached = (): readonly string[] => [...objectsIn(join(team.alice, '.dvc', 'cache')).keys()];
const stored = (): readonly string[] => [...objectsIn(team.storage).keys()];
const keyOf = (name: string): string => `files/md5/${name.slice(0, 2)}/${name.slice(2)}`;
/** Data in the cache that no commit needs: a directory of two files, of which one is needed. */
function addWaste(): { readonly listing: string; readonly leaf: string } {
  const name = track(team.alice, 'waste', { 'b.txt': 'b', 'w.txt': 'wasted' });
  for (const path of ['waste', 'waste.dvc']) rmSync(join(team.alice, path), { recursive: true });
  return { listing: keyOf(name), leaf: keyOf('ed1938fa098366b692ba3c2534e0ee56') };
}

describe('the cache', () => {
  test('has nothing to lose', async () => {
    const all = cached();
    const ran = await gc('--yes', ...now);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(
      ran.stdout,
      /^3 commits and the work tree were looked at\n.*cache\n {4}needed: 6 objects, .*\n {4}removed: 0 objects, 0 bytes\n$/,
    );
    assert.deepEqual(cached(), all);
  });

  test('is shown what is not needed, and loses it with --yes alone', async () => {
    const all = cached();
    const { listing, leaf } = addWaste();
    assert.deepEqual(cached().length, all.length + 2);
    const shown = await looks(...now);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(
      shown.stdout,
      new RegExp(`not needed: 2 objects, .*\\n[\\s\\S]*${leaf}\\nnothing was removed; --yes removes it\\n$`),
    );
    assert.ok(shown.stdout.includes(listing));
    const young = await gc('--yes');
    assert.match(young.stdout, /not needed, kept for now \(younger than 14 days, or needed by such\): 2 objects, /);
    assert.match(young.stdout, /removed: 0 objects/);
    const ran = await gc('--yes', ...now);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /removed: 2 objects, /);
    assert.deepEqual(cached(), all);
    assert.equal((await companion(world, team.alice, ['fsck'])).code, 0);
  });

  test('keeps history, and only what refs point at with --tips-only', async () => {
    assert.match((await looks(...now)).stdout, /not needed: 0 objects/);
    world.git(team.alice, 'reflog', 'expire', '--expire=now', '--all');
    const tips = await gc('--tips-only', '--yes', ...now);
    assert.equal(tips.code, 0, tips.stderr);
    assert.match(tips.stdout, /removed: 2 objects/);
    assert.equal((await companion(world, team.alice, ['fsck', 'main', cnn])).code, 0);
    assert.equal((await companion(world, team.alice, ['fsck', 'main~1'])).code, 1);
  });
});

describe('needed is also', () => {
  const isKept = async (what: string, name: string): Promise<void> => {
    for (const tips of [[], ['--tips-only']]) {
      const ran = await gc('--yes', ...tips, ...now);
      assert.equal(ran.code, 0, ran.stderr);
      assert.ok(cached().includes(keyOf(name)), what);
    }
  };

  test('what only the work tree, the index, a stash, another worktree or a detached HEAD has', async () => {
    const tree = track(team.alice, 'new.bin', 'of the work tree');
    await isKept('work tree', tree);
    world.git(team.alice, 'add', 'new.bin.dvc');
    rmSync(join(team.alice, 'new.bin.dvc'));
    await isKept('index', tree);
    world.git(team.alice, 'checkout', '--', 'new.bin.dvc');
    world.git(team.alice, 'stash', '-q');
    const second = track(team.alice, 'new.bin', 'of the second stash');
    world.git(team.alice, 'add', 'new.bin.dvc');
    world.git(team.alice, 'stash', '-q');
    await isKept('older stash', tree);
    await isKept('stash', second);
    world.git(team.alice, 'worktree', 'add', '-q', '--detach', '../linked', 'main');
    const linked = track(team.alice, 'linked.bin', 'of a linked worktree');
    renameSync(join(team.alice, 'linked.bin.dvc'), team.path('linked', 'linked.bin.dvc'));
    await isKept('linked worktree', linked);
    world.git(team.path('linked'), 'add', 'linked.bin.dvc');
    world.git(team.path('linked'), 'commit', '-qm', 'detached');
    await isKept('detached HEAD of a linked worktree', linked);
  });

  test('both sides of a merge that is not finished', async () => {
    world.git(team.alice, 'checkout', '-q', '-b', 'side', 'main~1');
    const side = trackFile('side of the file');
    world.git(team.alice, 'checkout', '-q', 'main');
    const main = trackFile('main of the file');
    assert.notEqual(world.run(team.alice, 'git', ['merge', 'side']).code, 0);
    // The file itself has the marks of the conflict: whoever resolves it needs both.
    const torn = await gc('--yes', ...now);
    assert.notEqual(torn.code, 0);
    assert.match(
      torn.stderr,
      /what is needed cannot be told, so nothing is removed: 'file\.bin\.dvc' in the work tree/,
    );
    writeFileSync(join(team.alice, 'file.bin.dvc'), 'outs:\n');
    for (const name of [side, main]) await isKept('merge', name);
  });

  test('what DVC keeps in refs of its own', async () => {
    const name = track(team.alice, 'queued.bin', 'of a queued experiment');
    world.git(team.alice, 'add', 'queued.bin.dvc');
    const commit = world.git(team.alice, 'stash', 'create');
    world.git(team.alice, 'update-ref', 'refs/exps/celery/stash', commit);
    world.git(team.alice, 'reset', '-q', '--hard');
    await isKept('queue', name);
  });

  test('what a ref of a Git remote has that was never fetched', async () => {
    assert.equal((await team.clone('bob')).code, 0);
    const bob = team.path('bob');
    const name = track(bob, 'bob.bin', 'of bob');
    world.git(bob, 'add', 'bob.bin.dvc');
    world.git(bob, 'commit', '-qm', 'bob');
    assert.equal((await team.git(bob, ['push', 'origin', 'HEAD:refs/heads/bob'])).code, 0);
    assert.ok(stored().includes(keyOf(name)));
    track(team.alice, 'bob.bin', 'of bob');
    for (const path of ['bob.bin', 'bob.bin.dvc']) rmSync(join(team.alice, path));
    for (const args of [now, ['--storage', 'storage', ...now]]) {
      const ran = await looks('--yes', ...args);
      assert.equal(ran.code, 1);
      assert.match(
        ran.stderr,
        /'refs\/heads\/bob' of Git remote 'origin' lead to commits that are not here.*\nhint: add --fetch/,
      );
    }
    await isKept('nothing was removed', name).catch(() => {});
    const fetched = await gc('--yes', '--fetch', ...now);
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.ok(cached().includes(keyOf(name)));
    assert.equal((await gc('--storage', 'storage', '--yes', ...now)).code, 0, 'the commit is here now');
    assert.ok(stored().includes(keyOf(name)));
    assert.equal(world.git(team.alice, 'for-each-ref', 'refs/**/bob'), '', 'and no ref was made');
  });

  function trackFile(content: string): string {
    const name = track(team.alice, 'file.bin', content);
    world.git(team.alice, 'add', 'file.bin.dvc');
    world.git(team.alice, 'commit', '-qm', content);
    return name;
  }
});

describe('a storage remote', () => {
  beforeEach(async () => {
    trackAndCommit(team, 'old', { 'b.txt': 'b', 'gone.txt': 'wasted' });
    assert.equal((await team.push('main:refs/heads/old')).code, 0);
    world.git(team.alice, 'reset', '-q', '--hard', 'main~1');
    world.git(team.bare, 'update-ref', '-d', 'refs/heads/old');
    world.git(team.alice, 'update-ref', '-d', 'refs/remotes/origin/old');
    world.git(team.alice, 'reflog', 'expire', '--expire=now', '--all');
  });

  test('loses what no ref needs, and a push afterwards knows', async () => {
    const all = stored();
    assert.match(
      (await looks('--storage', 'storage', ...now)).stdout,
      /storage\n {4}needed: 6 objects, .*\n {4}not needed: 2 objects, /,
    );
    const ran = await gc('--storage', 'storage', '--yes', ...now);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /^warning: what other repositories keep in storage remote 'storage' is removed as well/);
    assert.match(ran.stdout, /removed: 2 objects, /);
    assert.deepEqual(stored().length, all.length - 2);
    assert.equal((await companion(world, team.alice, ['fsck', '--storage', 'main', 'main~1', cnn])).code, 0);
    trackAndCommit(team, 'old', { 'b.txt': 'b', 'gone.txt': 'wasted' });
    assert.equal((await team.push('main')).code, 0);
    assert.deepEqual(stored(), all, 'this clone does not take for there what it has removed');
  });

  test('of several repositories, where the other is named', async () => {
    world.git(team.directory, 'init', '-q', 'other');
    const other = team.path('other');
    mkdirSync(join(other, '.dvc'));
    writeFileSync(join(other, '.dvc/config'), '');
    track(other, 'shared', { 'b.txt': 'b', 'gone.txt': 'wasted' });
    world.git(other, 'add', '-A', '-f', 'shared.dvc', '.dvc/config');
    world.git(other, 'commit', '-qm', 'other');
    const all = stored();
    assert.equal((await gc('--storage', 'storage', '--yes', '-p', '../other', ...now)).code, 0);
    assert.deepEqual(stored(), all);
  });

  test('that may not be written to', {
    skip: process.getuid?.() === 0 ? 'root may write everywhere' : false,
  }, async () => {
    const folders = readdirSync(join(team.storage, 'files/md5')).map((two) => join(team.storage, 'files/md5', two));
    for (const folder of folders) chmodSync(folder, 0o555);
    const ran = await gc('--storage', 'storage', '--yes', ...now);
    for (const folder of folders) chmodSync(folder, 0o755);
    assert.notEqual(ran.code, 0);
    assert.match(ran.stderr, /cannot remove from/);
  });
});

test('entries of the run cache keep their results, and go with --run-cache before them', async () => {
  const run = 'runs/aa/'.concat('a'.repeat(64), '/', 'b'.repeat(64));
  const path = join(team.alice, '.dvc/cache', run);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, 'not an entry that DVC wrote');
  assert.equal((await gc('--yes', '--run-cache', ...now)).code, 0);
  assert.ok(existsSync(path), 'what nobody understands is left alone');
});

describe('nothing is removed', () => {
  let all: readonly string[];
  beforeEach(() => {
    addWaste();
    all = cached();
  });
  const refuses = async (code: number, says: RegExp, ...args: readonly string[]): Promise<void> => {
    const ran = await gc('--yes', ...now, ...args);
    assert.match(ran.stderr, says);
    assert.equal(ran.code, code, ran.stderr);
    assert.deepEqual(cached(), all);
  };

  test('while a transfer is under way, and after it was killed it is', async () => {
    const live = join(team.alice, '.git/dvcexp/live');
    mkdirSync(live, { recursive: true });
    writeFileSync(join(live, '000000000000-0-0.unknown'), '');
    await refuses(75, /a transfer of this repository is under way, so nothing is removed/);
    rmSync(join(live, '000000000000-0-0.unknown'));
    writeFileSync(join(team.alice, '.dvc/cache', all[0]?.replace(/[^/]+$/, '.half.tmp') ?? ''), '');
    await refuses(75, /somebody writes to the cache/);
  });

  test('while DVC runs', async () => {
    mkdirSync(join(team.alice, '.dvc/tmp'), { recursive: true });
    writeFileSync(
      join(team.alice, '.dvc/tmp/rwlock'),
      `{"/x": {"write": {"pid": ${process.pid}, "cmd": "dvc repro"}}}`,
    );
    await refuses(75, /a DVC command is running/);
    writeFileSync(join(team.alice, '.dvc/tmp/rwlock'), '{"/x": {"write": {"pid": 4194999, "cmd": "dvc repro"}}}');
    assert.equal((await gc('--yes', ...now)).code, 0, 'that one has gone');
  });

  test('when a metafile of any commit cannot be read, unless that commit is left out', async () => {
    team.write('broken.dvc', 'outs: [');
    team.commit('broken');
    const broken = world.git(team.alice, 'rev-parse', 'HEAD');
    world.git(team.alice, 'revert', '--no-edit', 'HEAD');
    all = cached();
    await refuses(
      1,
      /'broken\.dvc' in commit \w{7}: [\s\S]*\nhint: a commit that needs nothing may be left out: --except \w{12}\n/,
    );
    assert.equal((await gc('--yes', ...now, '--except', broken)).code, 0);
  });

  test('when a listing is nowhere, and storage is asked for one that is not here', async () => {
    const [listing = ''] = cached().filter((key) => key.endsWith('.dir') && stored().includes(key));
    rmSync(join(team.alice, '.dvc/cache', listing));
    all = cached();
    assert.match((await looks(...now)).stdout, /not needed: 2 objects/);
    renameSync(join(team.storage, listing), join(team.directory, 'away'));
    await refuses(1, /the listing of 'data' in commit \w{7} is nowhere at hand/);
    renameSync(team.storage, team.path('away-too'));
    await refuses(75, /storage directory .* does not exist/);
  });

  test('when a Git remote does not answer', async () => {
    world.git(team.alice, 'remote', 'add', 'gone', '../nowhere.git');
    await refuses(
      75,
      /the refs of Git remote 'gone' cannot be read, so what they need is not known\nhint: .*git remote remove/,
    );
  });

  test('in a shallow clone, unless tips are enough', async () => {
    assert.equal((await team.clone('shallow', ['--depth', '1'])).code, 0);
    const ran = await companion(world, team.path('shallow'), ['gc', '--yes', ...now]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /this clone is shallow/);
    assert.equal((await companion(world, team.path('shallow'), ['gc', '--tips-only', '--fetch', ...now])).code, 0);
  });

  test('from a cache that others may use', async () => {
    const shared = team.path('shared');
    renameSync(join(team.alice, '.dvc/cache'), shared);
    writeFileSync(join(team.alice, '.dvc/config.local'), `[cache]\n    dir = ${shared}\n`);
    const ran = await gc('--yes', ...now);
    assert.equal(ran.code, 128);
    assert.match(ran.stderr, /lies outside of this repository, so others may use it\nhint: .*-p <repository>/);
    assert.equal([...objectsIn(shared).keys()].length, all.length);
    assert.match((await gc('--yes', '--unshared', ...now)).stdout, /removed: 2 objects/);
  });
});

test('as JSON', async () => {
  const { leaf } = addWaste();
  const { stdout, code } = await looks('--json', ...now);
  assert.equal(code, 0);
  const { places, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, { dryRun: true, storage: null, commits: 3 });
  assert.deepEqual(places[0].removed, null);
  assert.equal(places[0].unneeded.objects, 2);
  assert.ok(
    places[0].biggest.some(({ object, bytes }: { object: string; bytes: number }) => object === leaf && bytes === 6),
  );
  const done = JSON.parse((await gc('--json', '--yes', ...now)).stdout);
  assert.deepEqual(done.places[0].removed, places[0].unneeded);
});

describe('what cannot be', () => {
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [
      ['--storage', 'nosuch'],
      128,
      /storage remote 'nosuch' is not configured\nhint: dvc remote add nosuch <url>\nhint: configured are 'storage'\n/,
    ],
    [['--older-than', '-1'], 129, /'--older-than' takes a number from 0 to 36500/],
    [['--older-than', 'soon'], 129, /'--older-than' takes a number/],
    [['--except', 'nosuch'], 129, /--except: 'nosuch' names no commit/],
    [['-p', '/nowhere'], 129, /-p: '\/nowhere' is not inside a Git repository/],
  ];
  for (const [args, code, says] of cases) {
    test(args.join(' '), async () => {
      const ran = await looks(...args);
      assert.match(ran.stderr, says);
      assert.deepEqual([ran.code, ran.stdout], [code, '']);
    });
  }

  test('storage where nothing can be removed', async () => {
    const remotes =
      '[\'remote "web"\']\n    url = https://example.com/x\n[\'remote "versions"\']\n    url = s3://bucket/x\n    version_aware = true\n';
    writeFileSync(join(team.alice, '.dvc/config.local'), remotes);
    const web = await looks('--storage', 'web');
    assert.match(web.stderr, /objects cannot be removed from storage remote 'web': HTTP has no listing/);
    const versions = await looks('--storage', 'versions');
    assert.match(versions.stderr, /storage remote 'versions' is cloud-versioned/);
    assert.deepEqual([web.code, versions.code], [128, 128]);
    world.git(team.alice, 'config', 'dvcexp.gcOlderThan', 'soon');
    assert.match((await looks()).stderr, /git config dvcexp\.gcOlderThan: 'soon' is not a number of days/);
  });
});
