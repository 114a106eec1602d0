import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';
import { downloads } from './ground.ts';

export const data: readonly Scenario[] = [
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
