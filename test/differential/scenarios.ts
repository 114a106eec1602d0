import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeHook } from '../kit/git-servers.ts';
import type { MoverNote } from '../kit/mover-script.ts';
import { type Bench, credentials, type Scenario } from './bench.ts';

const uploads = (bench: Bench): readonly string[] =>
  bench.notes().flatMap((note) => (note.event === 'upload' ? note.refs.map(({ destination }) => destination) : []));
const downloads = (bench: Bench): readonly Extract<MoverNote, { event: 'download' }>[] =>
  bench.notes().filter((note) => note.event === 'download');
const helperSaying = (user: string, password: string): string =>
  `credential.helper=!f() { test "$1" = get && echo username=${user} && echo password=${password}; }; f`;

/** Somebody else pushed a commit onto main. */
function advanceServer({ server, localIn }: Bench, branch = 'main'): string {
  const tree = localIn(server, 'rev-parse', `${branch}^{tree}`);
  const next = localIn(server, 'commit-tree', '-p', branch, '-m', 'by somebody else', tree);
  localIn(server, 'update-ref', `refs/heads/${branch}`, next);
  return next;
}

/** What plain Git does, in one entry each. `run` is played with plain Git and in both of our forms, and all must agree. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'clone',
    bothForms: true,
    run: async ({ clone, gitIn }) => {
      const target = await clone('copy');
      await gitIn(target, 'log', '--oneline', '--all');
      await gitIn(target, 'status', '--porcelain', '--branch');
    },
    check: (bench) => {
      assert.equal(downloads(bench).length, 1);
      assert.equal(downloads(bench)[0]?.cloning, true);
      assert.equal(downloads(bench)[0]?.head, 'refs/heads/main');
    },
  },
  {
    name: 'clone of an empty Git remote',
    run: async ({ server, localIn, clone }) => {
      for (const ref of localIn(server, 'for-each-ref', '--format=%(refname)').split('\n')) {
        localIn(server, 'update-ref', '-d', ref);
      }
      await clone('copy');
    },
  },
  { name: 'bare clone', run: async ({ clone }) => void (await clone('copy.git', '--bare')) },
  {
    name: 'mirror clone and its update',
    run: async (bench) => {
      const target = await bench.clone('copy.git', '--mirror');
      advanceServer(bench);
      await bench.gitIn(target, 'remote', 'update', '--prune');
      await bench.gitIn(target, 'for-each-ref');
    },
  },
  {
    name: 'clone of one branch',
    run: async ({ clone, gitIn }) => {
      await gitIn(await clone('copy', '--single-branch', '--branch', 'side'), 'for-each-ref');
    },
  },
  {
    name: 'shallow clone, deepened, made whole',
    bothForms: true,
    // A local path is cloned by hard links and ignores depth.
    on: ['file', 'ssh', 'git', 'http'],
    run: async ({ clone, gitIn }) => {
      const target = await clone('copy', '--depth', '1');
      await gitIn(target, 'log', '--oneline');
      await gitIn(target, 'fetch', '--deepen', '1');
      await gitIn(target, 'log', '--oneline');
      await gitIn(target, 'fetch', '--unshallow');
      await gitIn(target, 'log', '--oneline', 'origin/main');
    },
  },
  {
    name: 'partial clone and what it fetches later',
    on: ['file', 'ssh', 'http'],
    run: async ({ server, localIn, clone, gitIn }) => {
      localIn(server, 'config', 'uploadpack.allowFilter', 'true');
      localIn(server, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
      const target = await clone('copy', '--filter=blob:none', '--no-checkout');
      await gitIn(target, 'rev-list', '--objects', '--all', '--missing=print');
      await gitIn(target, 'show', 'HEAD:file');
    },
    check: (bench) => assert.equal(downloads(bench).length, 1, 'blobs fetched lazily are no reason to move data'),
  },
  {
    name: 'clone of what is not there',
    bothForms: true,
    // Plain Git looks at a local path itself, and has other words for it.
    on: ['file', 'ssh', 'git', 'http'],
    run: async ({ url, outside, gitIn }) => void (await gitIn(outside, 'clone', `${url}-not`, 'copy')),
  },
  {
    name: 'fetch of a new commit',
    bothForms: true,
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('fetch');
      await bench.git('fetch');
    },
    check: (bench) => assert.equal(downloads(bench).length, 1),
  },
  {
    name: 'fetch with protocol version 0',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('-c', 'protocol.version=0', 'fetch', 'origin');
    },
    check: (bench) => assert.equal(downloads(bench).length, 1),
  },
  {
    name: 'fetch with protocol version 1',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('-c', 'protocol.version=1', 'fetch', 'origin');
    },
    check: (bench) => assert.equal(downloads(bench).length, 1),
  },
  {
    name: 'fetch of one experiment',
    run: async ({ git, experiments }) => {
      await git('fetch', 'origin', `${experiments.shared}:${experiments.shared}`);
    },
    check: (bench) => assert.deepEqual(downloads(bench)[0]?.wants[0]?.names, [bench.experiments.shared]),
  },
  {
    name: 'fetch of all experiments',
    run: async ({ git }) => void (await git('fetch', 'origin', 'refs/exps/*:refs/exps/*')),
  },
  {
    name: 'fetch that prunes',
    run: async ({ git, server, localIn }) => {
      localIn(server, 'update-ref', '-d', 'refs/heads/side');
      await git('fetch', '--prune', 'origin');
    },
  },
  {
    name: 'fetch of tags',
    run: async (bench) => {
      const next = advanceServer(bench);
      bench.localIn(bench.server, 'tag', '-am', 'two', 'v2', next);
      bench.localIn(bench.server, 'tag', 'light', next);
      await bench.git('fetch', 'origin');
    },
  },
  {
    name: 'fetch by object ID, without names',
    run: async (bench) => {
      bench.localIn(bench.server, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
      await bench.git('fetch', 'origin', advanceServer(bench, 'side'));
    },
  },
  {
    name: 'fetch by URL, into FETCH_HEAD',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('fetch', bench.url, 'main');
      await bench.git('rev-parse', 'FETCH_HEAD');
    },
  },
  {
    name: 'fetch of a ref that is not there',
    run: async ({ git }) => void (await git('fetch', 'origin', 'no-such-branch')),
  },
  {
    name: 'pull',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('pull', '--ff-only', 'origin', 'main');
      await bench.git('log', '--oneline');
    },
  },
  {
    name: 'ls-remote, inside and outside of a repository',
    bothForms: true,
    run: async ({ git, gitIn, outside, url }) => {
      await git('ls-remote', 'origin');
      await git('ls-remote', '--symref', 'origin', 'HEAD');
      await git('ls-remote', '--exit-code', 'origin', 'no-such-branch');
      await gitIn(outside, 'ls-remote', '--heads', url);
    },
    check: (bench) => assert.deepEqual(bench.notes(), []),
  },
  {
    name: 'push of a new branch',
    bothForms: true,
    run: async ({ git, commit }) => {
      commit('new');
      await git('push', 'origin', 'HEAD:refs/heads/topic');
    },
    check: (bench) => assert.deepEqual(uploads(bench), ['refs/heads/topic']),
  },
  {
    name: 'push that sets the upstream',
    run: async ({ git, local, commit }) => {
      local('checkout', '-qb', 'topic');
      commit('new');
      await git('push', '--set-upstream', 'origin', 'topic');
      await git('status', '--porcelain', '--branch');
    },
  },
  {
    name: 'push of experiments',
    run: async ({ git, experiments }) => {
      await git('push', '--porcelain', 'origin', 'main', `${experiments.local}:${experiments.local}`);
    },
    check: (bench) => assert.deepEqual(uploads(bench), [bench.experiments.local]),
  },
  {
    name: 'push of nothing new',
    run: async ({ git }) => {
      await git('push', 'origin', 'main');
      await git('push', '--porcelain', 'origin', 'main');
    },
    check: (bench) => assert.deepEqual(bench.notes(), []),
  },
  {
    name: 'push of a deletion',
    run: async ({ git }) => void (await git('push', 'origin', '--delete', 'side', 'v1')),
    check: (bench) => assert.deepEqual(bench.notes(), []),
  },
  {
    name: 'push of a deletion of what is not there',
    run: async ({ git }) => void (await git('push', 'origin', ':refs/heads/not-there')),
  },
  {
    name: 'push that is rejected as no fast-forward, then forced',
    run: async (bench) => {
      advanceServer(bench);
      bench.commit('mine');
      await bench.git('push', 'origin', 'main');
      await bench.git('push', '--porcelain', 'origin', 'main', 'HEAD:refs/heads/other');
      await bench.git('push', '--force', 'origin', 'main');
    },
    check: (bench) => assert.deepEqual(uploads(bench), ['refs/heads/other', 'refs/heads/main']),
  },
  {
    name: 'push with a lease, held and lost',
    run: async (bench) => {
      bench.local('commit', '-q', '--amend', '-m', 'changed');
      await bench.git('push', '--force-with-lease', 'origin', 'main');
      advanceServer(bench);
      bench.local('commit', '-q', '--amend', '-m', 'changed again');
      await bench.git('push', '--force-with-lease', 'origin', 'main');
      await bench.git('push', '--force-with-lease', '--force-if-includes', 'origin', 'main');
    },
  },
  {
    name: 'push of tags',
    run: async ({ git, local }) => {
      local('tag', 'light');
      local('tag', '-am', 'two', 'v2');
      await git('push', '--tags', 'origin');
    },
  },
  {
    name: 'push with --follow-tags',
    run: async ({ git, local, commit }) => {
      commit('tagged');
      local('tag', '-am', 'two', 'v2');
      await git('push', '--follow-tags', 'origin', 'main');
    },
  },
  {
    name: 'push of everything, mirrored',
    run: async ({ git }) => void (await git('push', '--mirror', 'origin')),
  },
  {
    name: 'push that prunes',
    run: async ({ git, local }) => {
      local('branch', '-D', 'side');
      await git('push', '--prune', 'origin', 'refs/heads/*:refs/heads/*');
    },
  },
  {
    name: 'push refused by pre-receive',
    run: async ({ git, commit, server }) => {
      writeHook(server, 'pre-receive', 'echo not today; exit 1');
      commit('new');
      await git('push', 'origin', 'main', 'HEAD:refs/heads/topic');
    },
  },
  {
    name: 'push of two refs, one refused by update',
    run: async ({ git, commit, server }) => {
      writeHook(server, 'update', 'case "$1" in *topic) echo "no $1" >&2; exit 1;; esac');
      writeHook(server, 'post-receive', 'cat');
      commit('new');
      await git('push', 'origin', 'main', 'HEAD:refs/heads/topic');
    },
  },
  {
    name: 'hooks of the Git remote see no repository but their own',
    on: ['path', 'file'],
    run: async ({ git, commit, server }) => {
      writeHook(server, 'post-receive', 'env | grep -E "^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|CONFIG)" | sort');
      commit('new');
      await git('-c', 'core.abbrev=9', 'push', 'origin', 'main');
    },
  },
  {
    name: 'push refused by pre-push',
    run: async ({ git, commit, client }) => {
      writeHook(join(client, '.git'), 'pre-push', 'cat >&2; exit 1');
      commit('new');
      await git('push', 'origin', 'main');
    },
    check: (bench) => assert.deepEqual(bench.notes(), []),
  },
  {
    name: 'atomic push, one refused by the Git remote',
    run: async ({ git, commit, server }) => {
      writeHook(server, 'update', 'case "$1" in *topic) exit 1;; esac');
      commit('new');
      await git('push', '--atomic', 'origin', 'main', 'HEAD:refs/heads/topic');
    },
  },
  {
    name: 'atomic push, one no fast-forward',
    // Over http Git 2.39 trips over its own words here ("bad line length character: erro"); we answer before it comes to that.
    on: ['path', 'file', 'ssh', 'git'],
    run: async (bench) => {
      advanceServer(bench, 'side');
      bench.commit('new');
      await bench.git('push', '--atomic', 'origin', 'main', 'main:side');
    },
  },
  {
    name: 'dry run of a push',
    run: async ({ git, commit }) => {
      commit('new');
      await git('push', '--dry-run', '--porcelain', 'origin', 'main', 'HEAD:refs/heads/topic', ':side');
      await git('push', '--dry-run', 'origin', 'main');
    },
    check: (bench) => {
      for (const note of bench.notes()) if (note.event === 'upload') assert.equal(note.dryRun, true);
    },
  },
  {
    name: 'quiet and talkative pushes',
    run: async ({ git, commit }) => {
      commit('new');
      await git('push', '--quiet', 'origin', 'main');
      commit('newer');
      await git('push', '--verbose', 'origin', 'main', 'side');
    },
  },
  {
    name: 'push options that the Git remote takes',
    run: async ({ git, commit, server, localIn }) => {
      commit('new');
      localIn(server, 'config', 'receive.advertisePushOptions', 'true');
      writeHook(server, 'pre-receive', 'echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1"');
      await git('push', '-o', 'foo', '-o', 'a "quoted" b', 'origin', 'main');
    },
  },
  {
    name: 'push into the branch that is checked out',
    run: async ({ git, commit, server, localIn }) => {
      localIn(server, 'config', 'core.bare', 'false');
      commit('new');
      await git('push', 'origin', 'main');
    },
  },
  {
    name: 'push from a shallow clone',
    on: ['file', 'ssh', 'http'],
    run: async ({ clone, localIn, gitIn }) => {
      const target = await clone('copy', '--depth', '1');
      localIn(target, 'commit', '-q', '--allow-empty', '-m', 'new');
      await gitIn(target, 'push', 'origin', 'main');
    },
  },
  {
    name: 'push and fetch in a bare repository',
    run: async (bench) => {
      const { client, gitIn, localIn } = bench;
      localIn(client, 'config', 'core.bare', 'true');
      advanceServer(bench);
      await gitIn(join(client, '.git'), 'fetch', 'origin');
      await gitIn(join(client, '.git'), 'push', 'origin', 'main:refs/heads/topic');
    },
  },
  {
    name: 'push and fetch in a linked worktree',
    run: async (bench) => {
      const { client, gitIn, local, localIn } = bench;
      local('worktree', 'add', '-q', '../linked', '-b', 'linked');
      const linked = join(client, '..', 'linked');
      localIn(linked, 'commit', '-q', '--allow-empty', '-m', 'there');
      advanceServer(bench);
      await gitIn(linked, 'push', 'origin', 'linked');
      await gitIn(linked, 'fetch', 'origin');
    },
  },
  {
    name: 'push and fetch in a subdirectory',
    run: async (bench) => {
      const sub = join(bench.client, 'sub', 'dir');
      bench.commit('new');
      await bench.gitIn(sub, 'push', 'origin', 'main');
      advanceServer(bench);
      await bench.gitIn(sub, 'fetch', 'origin');
    },
  },
  {
    name: 'server program of another name',
    // http has no program to name.
    on: ['path', 'file', 'ssh'],
    run: async ({ git }) => {
      await git('ls-remote', '--upload-pack=git upload-pack', 'origin', 'main');
      await git('push', '--receive-pack=no-such-program', 'origin', 'main:refs/heads/topic');
    },
  },
  {
    name: 'archive of a Git remote',
    on: ['path', 'file', 'ssh'],
    run: async ({ git, server, localIn }) => {
      localIn(server, 'config', 'uploadarchive.allowUnreachable', 'true');
      await git('archive', '--remote=origin', '--format=tar', '--output=out.tar', 'main');
    },
  },
  {
    name: 'repository with SHA-256',
    run: async (bench) => {
      const { server, localIn, outside, gitIn, clone } = bench;
      const scratch = join(outside, 'scratch');
      localIn(outside, 'init', '-q', '--object-format=sha256', scratch);
      localIn(scratch, 'commit', '-q', '--allow-empty', '-m', 'first');
      localIn(outside, 'clone', '-q', '--bare', scratch, `${server}.new`);
      mkdirSync(join(outside, 'old'));
      const { cpSync, rmSync } = await import('node:fs');
      rmSync(server, { recursive: true });
      cpSync(`${server}.new`, server, { recursive: true });
      rmSync(`${server}.new`, { recursive: true });
      const target = await clone('copy');
      localIn(target, 'commit', '-q', '--allow-empty', '-m', 'second');
      await gitIn(target, 'push', 'origin', 'main');
      await gitIn(target, 'fetch', 'origin');
    },
  },
  {
    name: 'credentials from a helper, right and wrong',
    on: ['http'],
    authenticate: true,
    run: async ({ git, commit }) => {
      const right = helperSaying(credentials.user, credentials.password);
      commit('new');
      await git('-c', right, 'push', 'origin', 'main');
      await git('-c', right, 'fetch', 'origin');
      await git('-c', helperSaying(credentials.user, 'wrong'), 'push', 'origin', 'main:refs/heads/topic');
      await git('-c', helperSaying(credentials.user, 'wrong'), 'fetch', 'origin');
      await git('fetch', 'origin');
    },
  },
  {
    // Plain Git ends with 128 here; for a helper that gives up in a push it ends with 1.
    name: 'push options that the Git remote does not take',
    oursOnly: true,
    run: async ({ git, commit }) => {
      commit('new');
      await git('push', '-o', 'foo', 'origin', 'main');
    },
    check: ({ commits }, { seen, serverRefs }) => {
      assert.notEqual(seen[0]?.code, 0);
      assert.match(seen[0]?.stderr.join('\n') ?? '', /the receiving end does not support push options/);
      assert.ok(serverRefs.includes(`${commits.at(-1)} refs/heads/main`));
    },
  },
  {
    name: 'upload of one ref fails: that ref stays, the others go',
    oursOnly: true,
    run: async ({ git, commit, script, experiments }) => {
      commit('new');
      script({ uploadErrors: { [experiments.local]: 'dvc: storage is down' } });
      await git('push', 'origin', 'main', `${experiments.local}:${experiments.local}`);
    },
    check: ({ experiments, local }, { seen, serverRefs }) => {
      assert.equal(seen[0]?.code, 1);
      const rejected = ` ! [remote rejected] ${experiments.local} -> ${experiments.local} (dvc: storage is down)`;
      assert.ok(seen[0]?.stderr.includes(rejected), seen[0]?.stderr.join('\n'));
      assert.ok(serverRefs.includes(`${local('rev-parse', 'main')} refs/heads/main`));
      assert.ok(!serverRefs.some((line) => line.endsWith(experiments.local)));
    },
  },
  {
    name: 'upload of one ref fails in an atomic push: none goes',
    oursOnly: true,
    run: async ({ git, commit, script, experiments }) => {
      commit('new');
      script({ uploadErrors: { [experiments.local]: 'dvc: storage is down' } });
      await git('push', '--atomic', 'origin', 'main', `${experiments.local}:${experiments.local}`);
    },
    check: ({ commits }, { seen, serverRefs }) => {
      assert.equal(seen[0]?.code, 1);
      assert.ok(serverRefs.includes(`${commits.at(-1)} refs/heads/main`));
      assert.match(seen[0]?.stderr.join('\n') ?? '', /main -> main \(atomic push failed\)/);
    },
  },
  {
    name: 'internal refs are not pushed and do not come in',
    oursOnly: true,
    run: async ({ git, local, server, localIn, commits }) => {
      localIn(server, 'update-ref', 'refs/exps/exec/EXEC_BRANCH', commits[0] ?? '');
      local('update-ref', 'refs/exps/exec/EXEC_HEAD', 'main');
      await git('push', 'origin', 'refs/exps/*:refs/exps/*');
      await git('fetch', 'origin', 'refs/exps/*:refs/exps/*');
      await git('push', 'origin', ':refs/exps/exec/EXEC_BRANCH');
    },
    check: ({ experiments }, { seen, serverRefs, clientRefs }) => {
      assert.deepEqual(
        seen.map(({ code }) => code),
        [1, 0, 0],
      );
      assert.ok(serverRefs.some((line) => line.endsWith(experiments.local)));
      assert.ok(!serverRefs.some((line) => line.includes('/exec/')));
      assert.ok(!clientRefs.some((line) => line.includes('EXEC_BRANCH')));
    },
  },
  {
    name: 'data that did not come keeps experiments from moving, in the next fetch too',
    oursOnly: true,
    run: async ({ git, script }) => {
      script({ download: 'broken' });
      await git('fetch', 'origin', 'refs/exps/*:refs/exps/*');
      await git('fetch', 'origin', 'refs/exps/*:refs/exps/*');
      script({});
      await git('fetch', 'origin', 'refs/exps/*:refs/exps/*');
      await git('fetch', 'origin', 'refs/exps/*:refs/exps/*');
    },
    check: (bench, { seen, clientRefs }) => {
      assert.deepEqual(
        seen.map(({ code }) => code !== 0),
        [true, true, false, false],
      );
      assert.ok(clientRefs.some((line) => line.endsWith(bench.experiments.shared)));
      assert.equal(downloads(bench).length, 3);
    },
  },
  {
    name: 'data that did not come with a clone leaves the clone',
    oursOnly: true,
    run: async ({ clone, script, gitIn }) => {
      script({ throws: 'the storage of the test is broken' });
      const target = await clone('copy', '--no-single-branch');
      script({});
      await gitIn(target, 'fetch', 'origin');
    },
    check: (bench, { seen }) => {
      assert.deepEqual(
        seen.map(({ code }) => code),
        [0, 0],
      );
      assert.equal(downloads(bench).length, 2, 'the next fetch tries again');
    },
  },
  {
    name: 'own push options: eaten, wrong ones refused before anything moves',
    oursOnly: true,
    run: async ({ git, commit }) => {
      commit('new');
      await git('push', '-o', 'dvcexp.no-such-thing', 'origin', 'main');
      await git('push', '-o', 'dvcexp.no-cache', 'origin', 'main');
    },
    check: (bench, { seen }) => {
      assert.deepEqual(
        seen.map(({ code }) => code),
        [1, 0],
      );
      assert.match(seen[0]?.stderr.join('\n') ?? '', /unknown push option 'dvcexp.no-such-thing'/);
      assert.deepEqual(bench.notes(), []);
    },
  },
];
