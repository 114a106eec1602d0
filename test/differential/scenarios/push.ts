import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';
import { gaveUp } from './accepted.ts';
import { advanceServer, emptyServer, uploads } from './ground.ts';

export const push: readonly Scenario[] = [
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
      await git('push');
      await git('push', '--set-upstream', 'origin', 'topic');
      await git('status', '--porcelain', '--branch');
      commit('newer');
      await git('-c', 'push.default=current', 'push');
      await git('-c', 'push.default=matching', 'push', '--dry-run');
      await git('-c', 'push.default=nothing', 'push');
      local('checkout', '-qb', 'second');
      await git('-c', 'push.autoSetupRemote=true', 'push');
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
    name: 'push into an empty Git remote',
    run: async (bench) => {
      emptyServer(bench);
      await bench.git('push', '--porcelain', '--all', 'origin');
      await bench.git('push', 'origin', ':');
    },
  },
  {
    name: 'push by object ID, of a tree, and with a refspec that leaves something out',
    run: async ({ git, commits, local }) => {
      await git('push', 'origin', `${commits[1]}:refs/heads/old`, 'HEAD^{tree}:refs/trees/one');
      local('branch', 'secret');
      await git('push', 'origin', 'refs/heads/*', '^refs/heads/secret');
      await git('push', 'origin', 'HEAD:not-there');
      await git('push', 'origin', 'no-such-thing');
      await git('push', 'origin', '@');
    },
  },
  {
    name: 'push of tags',
    run: async ({ git, local }) => {
      local('tag', 'light');
      local('tag', '-am', 'two', 'v2');
      await git('push', '--tags', 'origin');
      local('tag', '-f', 'light', 'HEAD^');
      await git('push', '--tags', 'origin');
      await git('push', '--force', 'origin', 'light');
      await git('push', 'origin', 'tag', 'v2');
    },
  },
  {
    name: 'push with --follow-tags',
    run: async ({ git, local, commit }) => {
      commit('tagged');
      local('tag', '-am', 'two', 'v2');
      local('tag', '-am', 'elsewhere', 'v3', 'v1');
      await git('push', '--follow-tags', 'origin', 'main');
    },
  },
  {
    name: 'push of everything, mirrored',
    run: async ({ git, local }) => {
      local('branch', 'topic');
      local('branch', '-D', 'side');
      await git('push', '--mirror', '--porcelain', 'origin');
      local('config', 'remote.origin.mirror', 'true');
      local('branch', '-D', 'topic');
      await git('push');
    },
  },
  {
    name: 'push of all branches, and pruned',
    run: async ({ git, local }) => {
      local('branch', 'topic');
      await git('push', '--all', 'origin');
      local('branch', '-D', 'side');
      await git('push', '--prune', '--dry-run', 'origin', 'refs/heads/*:refs/heads/*');
      await git('push', '--prune', 'origin', 'refs/heads/*:refs/heads/*');
    },
  },
  {
    name: 'push with remote.origin.push',
    run: async ({ git, local, commit }) => {
      commit('new');
      local('config', '--add', 'remote.origin.push', 'refs/heads/main:refs/heads/published');
      local('config', '--add', 'remote.origin.push', '+refs/heads/side:refs/heads/side');
      await git('push');
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
      commit('newest');
      await git('push', '--progress', 'origin', 'main');
      await git('push', '--quiet', '--porcelain', 'origin', 'main');
    },
    unordered: true,
  },
  {
    name: 'push options that the Git remote takes',
    bothForms: true,
    run: async ({ git, commit, server, localIn, serverHook }) => {
      commit('new');
      localIn(server, 'config', 'receive.advertisePushOptions', 'true');
      serverHook('pre-receive', 'echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1"');
      await git('push', '-o', 'foo', '-o', 'a "quoted" b', 'origin', 'main');
      commit('newer');
      await git('-c', 'push.pushOption=configured', 'push', 'origin', 'main');
    },
  },
  {
    name: 'push options that the Git remote does not take',
    run: async ({ git, commit }) => {
      commit('new');
      await git('push', '-o', 'foo', 'origin', 'main');
    },
    accepted: [gaveUp('push -o foo origin main')],
  },
  {
    name: 'push that negotiates first',
    run: async (bench) => {
      advanceServer(bench);
      bench.commit('mine');
      await bench.git('-c', 'push.negotiate=true', 'push', 'origin', 'main:refs/heads/topic');
    },
  },
  {
    name: 'push from a shallow clone',
    run: async ({ clone, localIn, gitIn, server }) => {
      const target = await clone('copy', '--depth', '1');
      localIn(target, 'commit', '-q', '--allow-empty', '-m', 'new');
      await gitIn(target, 'push', 'origin', 'main');
      localIn(target, 'checkout', '-q', '--orphan', 'aside');
      localIn(server, 'config', 'receive.shallowUpdate', 'true');
      await gitIn(target, 'push', 'origin', 'main:refs/heads/other');
    },
  },
];
