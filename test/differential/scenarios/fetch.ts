import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';
import { advanceServer, badCommit, downloads } from './ground.ts';

export const fetch: readonly Scenario[] = [
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
    name: 'fetch that prunes branches and tags',
    run: async (bench) => {
      const { git, server, localIn, local } = bench;
      localIn(server, 'update-ref', '-d', 'refs/heads/side');
      local('tag', 'only-here');
      await git('fetch', '--prune', 'origin');
      await git('fetch', '--prune', '--prune-tags', '--dry-run', 'origin');
      await git('fetch', '--prune', '--prune-tags', 'origin');
      await git('remote', 'prune', 'origin');
    },
  },
  {
    name: 'fetch of tags',
    run: async (bench) => {
      const next = advanceServer(bench);
      bench.localIn(bench.server, 'tag', '-am', 'two', 'v2', next);
      bench.localIn(bench.server, 'tag', 'light', next);
      bench.localIn(
        bench.server,
        'tag',
        '-am',
        'aside',
        'aside',
        bench.localIn(bench.server, 'commit-tree', '-m', 'aside', `${next}^{tree}`),
      );
      await bench.git('fetch', '--no-tags', 'origin', 'main');
      await bench.git('fetch', 'origin');
      await bench.git('fetch', '--tags', 'origin');
      bench.localIn(bench.server, 'tag', '-f', 'light', 'side');
      await bench.git('fetch', '--tags', 'origin');
      await bench.git('fetch', '--tags', '--force', 'origin');
    },
  },
  {
    name: 'fetch by object ID, allowed and not',
    run: async (bench) => {
      const next = advanceServer(bench, 'side');
      bench.localIn(bench.server, 'update-ref', 'refs/heads/side', `${next}^`);
      await bench.git('-c', 'protocol.version=0', 'fetch', 'origin', next);
      bench.localIn(bench.server, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
      await bench.git('fetch', 'origin', next);
      await bench.git('fetch', 'origin', '1234567890123456789012345678901234567890');
    },
    unordered: true,
  },
  {
    name: 'fetch by URL, into FETCH_HEAD',
    bothForms: true,
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('fetch', bench.url, 'main');
      await bench.git('fetch', '--append', 'origin', 'side');
      await bench.git('fetch', '--no-write-fetch-head', 'origin', 'main');
      await bench.git('rev-parse', 'FETCH_HEAD');
    },
  },
  {
    name: 'fetch of a ref that is not there',
    run: async ({ git }) => {
      await git('fetch', 'origin', 'no-such-branch');
      await git('fetch', 'origin', 'main', 'refs/heads/nor-this:refs/heads/here');
    },
  },
  {
    name: 'fetch with refspecs that leave something out',
    run: async (bench) => {
      advanceServer(bench);
      advanceServer(bench, 'side');
      await bench.git('fetch', 'origin', 'refs/heads/*:refs/got/*', '^refs/heads/side');
      bench.local('config', '--add', 'remote.origin.fetch', '^refs/heads/main');
      await bench.git('fetch', 'origin');
    },
  },
  {
    name: 'fetch into a branch, forced and not',
    run: async (bench) => {
      bench.localIn(bench.server, 'update-ref', 'refs/heads/side', bench.commits[2] ?? '');
      bench.local('checkout', '-q', '--detach');
      bench.local('branch', '-f', 'main', 'v1');
      await bench.git('fetch', 'origin', 'main:main');
      bench.localIn(bench.server, 'update-ref', 'refs/heads/main', bench.commits[0] ?? '');
      await bench.git('fetch', 'origin', 'main:main');
      await bench.git('fetch', '--atomic', 'origin', 'main:main', 'side:side');
      await bench.git('fetch', '--force', 'origin', 'main:main');
      bench.local('checkout', '-q', 'main');
      await bench.git('fetch', 'origin', 'side:main');
    },
  },
  {
    name: 'fetch that sets the upstream',
    run: async (bench) => {
      bench.local('checkout', '-qb', 'topic');
      await bench.git('fetch', '--set-upstream', 'origin', 'side');
    },
  },
  {
    name: 'dry, quiet and talkative fetches',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('fetch', '--dry-run');
      await bench.git('fetch', '--quiet');
      advanceServer(bench);
      await bench.git('fetch', '--verbose');
      await bench.git('fetch', '--progress');
    },
  },
  {
    name: 'pull by fast-forward, by merge and by rebase',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('pull', '--ff-only', 'origin', 'main');
      advanceServer(bench);
      bench.commit('mine');
      // The message of a merge names the URL.
      await bench.git('pull', '--no-rebase', '--no-commit');
      bench.local('commit', '-qm', 'merge');
      advanceServer(bench);
      bench.commit('mine again');
      await bench.git('pull', '--rebase');
      await bench.git('log', '--format=%H %s');
    },
  },
  {
    name: 'fetch that negotiates over chosen tips',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('fetch', '--negotiation-tip=side', 'origin', 'main');
      await bench.git('fetch', '--negotiate-only', '--negotiation-tip=main', 'origin');
      await bench.git('-c', 'protocol.version=0', 'fetch', '--negotiate-only', '--negotiation-tip=main', 'origin');
      advanceServer(bench);
      await bench.git('-c', 'fetch.negotiationAlgorithm=skipping', 'fetch');
      advanceServer(bench);
      await bench.git('-c', 'fetch.negotiationAlgorithm=noop', 'fetch');
    },
  },
  {
    name: 'fetch of objects that are not as they should be',
    run: async (bench) => {
      const { server, localIn, git } = bench;
      localIn(server, 'update-ref', 'refs/heads/bad', badCommit(bench, server, bench.commits[2] ?? ''));
      await git('-c', 'fetch.fsckObjects=true', 'fetch', 'origin', 'bad');
      await git('-c', 'transfer.fsckObjects=true', 'fetch', 'origin', 'bad');
      await git('fetch', 'origin', 'bad');
    },
    unordered: true,
  },
  {
    name: 'fetch from a Git remote that hides refs',
    run: async (bench) => {
      const { server, localIn, git } = bench;
      advanceServer(bench, 'side');
      localIn(server, 'config', 'uploadpack.hideRefs', 'refs/heads/side');
      localIn(server, 'config', '--add', 'transfer.hideRefs', 'refs/exps');
      await git('ls-remote', 'origin');
      await git('fetch', '--prune', 'origin');
      await git('push', 'origin', 'main:refs/exps/new');
    },
  },
  {
    name: 'fetch from several remotes and groups at once',
    run: async (bench) => {
      const { git, local, localIn, outside, beside, server, remote } = bench;
      localIn(outside, 'clone', '-q', '--bare', server, beside('other.git'));
      remote('other', 'other.git');
      local('config', 'remotes.both', 'origin other');
      advanceServer(bench);
      await git('fetch', '--all');
      await git('fetch', '--multiple', 'origin', 'other');
      advanceServer(bench);
      await git('fetch', '--jobs=2', '--multiple', 'origin', 'other');
      await git('fetch', 'both');
      advanceServer(bench);
      await git('remote', 'update', 'both');
      await git('remote', 'update', '--prune');
    },
    unordered: true,
  },
  {
    name: 'fetch with hooks of the clone around it',
    run: async (bench) => {
      bench.clientHook('reference-transaction', 'echo "transaction $1" >> "$TEST_LOG"; cat >> "$TEST_LOG"');
      bench.clientHook('post-merge', 'echo "post-merge $*" >> "$TEST_LOG"');
      advanceServer(bench);
      await bench.git('fetch', '--prune', 'origin', '+refs/heads/*:refs/remotes/origin/*');
      await bench.git('pull', '--ff-only');
    },
  },
];
