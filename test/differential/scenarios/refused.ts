import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';
import { atomicFailure, direct, gaveUp } from './accepted.ts';
import { advanceServer, badCommit, uploads, web } from './ground.ts';

export const refused: readonly Scenario[] = [
  {
    name: 'push that is rejected as no fast-forward, then forced',
    run: async (bench) => {
      advanceServer(bench);
      bench.commit('mine');
      await bench.git('push', 'origin', 'main');
      await bench.git('push', '--porcelain', 'origin', 'main', 'HEAD:refs/heads/other');
      await bench.git('push', '--force', 'origin', 'main');
      bench.local('commit', '-q', '--amend', '-m', 'changed');
      await bench.git('push', 'origin', 'main');
      await bench.git('push', 'origin', '+main');
    },
    check: (bench) => assert.deepEqual(uploads(bench), ['refs/heads/other', 'refs/heads/main', 'refs/heads/main']),
  },
  {
    name: 'push with a lease, held and lost',
    bothForms: true,
    run: async (bench) => {
      const { git, local, commits, server, localIn } = bench;
      local('commit', '-q', '--amend', '-m', 'changed');
      await git('push', '--force-with-lease', 'origin', 'main');
      advanceServer(bench);
      local('commit', '-q', '--amend', '-m', 'changed again');
      await git('push', '--force-with-lease', 'origin', 'main');
      await git('push', `--force-with-lease=main:${commits[0]}`, 'origin', 'main');
      await git('push', `--force-with-lease=main:${localIn(server, 'rev-parse', 'main')}`, 'origin', 'main');
      await git('push', '--force-with-lease=new:', 'origin', 'main:new', 'side');
      await git('push', '--force-with-lease=new:', 'origin', 'main^:new');
    },
  },
  {
    name: 'deletion with a lease, held and lost',
    run: async ({ git, commits }) => {
      await git('push', `--force-with-lease=side:${commits[0]}`, 'origin', ':side');
      await git('push', `--force-with-lease=side:${commits[1]}`, 'origin', ':side', 'main');
      await git('push', '--force-with-lease', 'origin', ':v1');
    },
  },
  {
    name: 'push with a lease, if it includes what is there',
    run: async (bench) => {
      const { git, local } = bench;
      advanceServer(bench);
      local('commit', '-q', '--amend', '-m', 'changed');
      local('fetch', '-q', bench.server, 'main:refs/remotes/origin/main');
      await git('push', '--force-with-lease', '--force-if-includes', 'origin', 'main');
      local('reset', '-q', '--hard', 'origin/main');
      bench.commit('mine on top');
      await git('push', '--force-with-lease', '--force-if-includes', 'origin', 'main');
    },
  },
  {
    name: 'push refused by pre-receive',
    run: async ({ git, commit, serverHook }) => {
      serverHook('pre-receive', 'echo not today; exit 1');
      commit('new');
      await git('push', 'origin', 'main', 'HEAD:refs/heads/topic');
    },
  },
  {
    name: 'push of two refs, one refused by update',
    run: async ({ git, commit, serverHook }) => {
      serverHook('update', 'case "$1" in *topic) echo "no $1" >&2; exit 1;; esac');
      serverHook('post-receive', 'cat');
      commit('new');
      await git('push', 'origin', 'main', 'HEAD:refs/heads/topic');
      await git('push', '--porcelain', 'origin', 'main', 'HEAD:refs/heads/topic');
    },
  },
  {
    name: 'push refused by pre-push',
    run: async ({ git, commit, clientHook }) => {
      clientHook('pre-push', 'cat >&2; exit 1');
      commit('new');
      await git('push', 'origin', 'main');
      await git('push', '--no-verify', 'origin', 'main');
    },
    check: (bench) => assert.equal(uploads(bench).length, 1),
  },
  {
    name: 'atomic push, one refused by the Git remote',
    run: async ({ git, commit, serverHook }) => {
      serverHook('update', 'case "$1" in *topic) exit 1;; esac');
      commit('new');
      await git('push', '--atomic', 'origin', 'main', 'HEAD:refs/heads/topic');
    },
  },
  {
    name: 'atomic push, one no fast-forward that is known here',
    run: async ({ git, local, commit }) => {
      local('branch', '-f', 'side', 'v1');
      commit('new');
      await git('push', '--atomic', 'origin', 'main', 'side');
    },
    accepted: [atomicFailure('push --atomic origin main side', 'refs/heads/side', 2, [])],
  },
  {
    name: 'atomic push, one no fast-forward that is not known here',
    run: async (bench) => {
      advanceServer(bench, 'side');
      bench.commit('new');
      await bench.git('push', '--atomic', 'origin', 'main', 'main:side');
    },
    unordered: true,
    accepted: [
      atomicFailure('push --atomic origin main main:side', 'refs/heads/side', 5, ['main -> main']),
      {
        reason: 'Over http Git trips over its own words here; we answer before it comes to that.',
        on: web,
        differences: () => [
          {
            where: 'push --atomic origin main main:side: stderr',
            plain: [
              'error: atomic push failed for ref refs/heads/side. status: 5',
              'fatal: protocol error: bad line length character: erro',
            ],
            ours: [' ! [remote rejected] main -> main (atomic push failed)'],
          },
        ],
      },
    ],
  },
  {
    name: 'atomic push to a Git remote that is not so',
    run: async ({ git, commit, server, localIn }) => {
      localIn(server, 'config', 'receive.advertiseAtomic', 'false');
      commit('new');
      await git('push', '--atomic', 'origin', 'main', 'side');
    },
    accepted: [gaveUp('push --atomic origin main side')],
  },
  {
    name: 'push into the branch that is checked out',
    run: async ({ git, commit, server, localIn }) => {
      localIn(server, 'config', 'core.bare', 'false');
      commit('new');
      await git('push', 'origin', 'main');
      localIn(server, 'config', 'receive.denyCurrentBranch', 'warn');
      await git('push', 'origin', 'main');
    },
  },
  {
    name: 'push that updates the work tree over there',
    run: async ({ git, commit, server, localIn, run, outside }) => {
      await run(outside, 'cp', '-r', server, 'tree.git');
      localIn(server, 'config', 'core.bare', 'false');
      localIn(server, 'config', 'core.worktree', outside);
      localIn(server, 'config', 'receive.denyCurrentBranch', 'updateInstead');
      commit('new');
      await git('push', 'origin', 'main');
      await run(outside, 'ls');
    },
  },
  {
    name: 'push to a Git remote that denies deletions and rewriting',
    run: async ({ git, commit, local, server, localIn }) => {
      localIn(server, 'config', 'receive.denyDeletes', 'true');
      localIn(server, 'config', 'receive.denyNonFastForwards', 'true');
      commit('new');
      await git('push', 'origin', ':side', 'main');
      local('commit', '-q', '--amend', '-m', 'changed');
      await git('push', '--force', 'origin', 'main');
      await git('push', 'origin', ':HEAD');
    },
  },
  {
    name: 'push of a deletion of what is not there',
    run: async ({ git }) => {
      await git('push', 'origin', ':refs/heads/not-there');
      await git('push', 'origin', '--delete', 'not-there-either');
    },
  },
  {
    name: 'push of objects that are not as they should be',
    run: async (bench) => {
      const { git, client, server, localIn, local, commits } = bench;
      local('update-ref', 'refs/heads/bad', badCommit(bench, client, commits[2] ?? ''));
      localIn(server, 'config', 'receive.fsckObjects', 'true');
      await git('push', 'origin', 'bad');
    },
    unordered: true,
  },
  {
    name: 'push of more than the Git remote takes',
    // Over git:// the server may close before Git has sent all, and then Git has another word each time.
    on: ['path', 'file', 'ssh', ...web],
    run: async ({ git, commit, server, localIn }) => {
      localIn(server, 'config', 'receive.maxInputSize', '10');
      commit('new');
      await git('push', 'origin', 'main');
    },
    unordered: true,
  },
  {
    name: 'push whose objects are not all here',
    run: async ({ git, client, commit, local, run }) => {
      const next = commit('new');
      const tree = local('rev-parse', `${next}^{tree}`);
      await run(client, 'rm', '-f', `.git/objects/${tree.slice(0, 2)}/${tree.slice(2)}`);
      await git('push', 'origin', 'main:refs/heads/topic');
    },
    accepted: [
      {
        reason: 'git send-pack, which pushes for a helper, closes its output before it reports this.',
        on: direct,
        differences: () => [
          {
            where: 'push origin main:refs/heads/topic: stderr',
            plain: [' ! [remote rejected] main -> topic (unpacker error)', 'To <url>/origin.git'],
            ours: ['fatal: write error: Bad file descriptor'],
          },
        ],
      },
    ],
    unordered: true,
  },
];
