// Kinds of repositories on this side, and places in them.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Scenario } from '../scenario.ts';
import { gaveUp } from './accepted.ts';
import { advanceServer, web } from './ground.ts';

/** The Git remote becomes a repository with SHA-256 of one commit. */
function remakeServer({ server, localIn, outside }: Bench): void {
  const scratch = join(outside, 'scratch');
  localIn(outside, 'init', '-q', '--object-format=sha256', scratch);
  localIn(scratch, 'commit', '-q', '--allow-empty', '-m', 'first');
  rmSync(server, { recursive: true });
  localIn(outside, 'clone', '-q', '--bare', scratch, server);
}

export const repositories: readonly Scenario[] = [
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
    bothForms: true,
    run: async (bench) => {
      const { client, gitIn, local, localIn } = bench;
      local('worktree', 'add', '-q', '../linked', '-b', 'linked');
      const linked = join(client, '..', 'linked');
      bench.watch('linked', linked);
      localIn(linked, 'commit', '-q', '--allow-empty', '-m', 'there');
      advanceServer(bench);
      await gitIn(linked, 'push', 'origin', 'linked');
      await gitIn(linked, 'fetch', 'origin');
      await gitIn(linked, 'fetch', 'origin', 'main:main');
    },
  },
  {
    name: 'push and fetch in a subdirectory, and from outside',
    run: async (bench) => {
      const { client, outside, gitIn } = bench;
      const sub = join(client, 'sub', 'dir');
      bench.commit('new');
      await gitIn(sub, 'push', 'origin', 'main');
      advanceServer(bench);
      await gitIn(sub, 'fetch', 'origin');
      await gitIn(outside, '-C', client, 'fetch', 'origin', 'side');
      const directory = join(client, '.git');
      await gitIn(outside, `--git-dir=${directory}`, `--work-tree=${client}`, 'push', 'origin', 'main:topic');
      bench.environment({ GIT_DIR: directory });
      await gitIn(outside, 'fetch', 'origin');
    },
  },
  {
    name: 'Git directory apart from the work tree',
    run: async ({ clone, outside, gitIn, commits }) => {
      const target = await clone('copy', '--separate-git-dir', join(outside, 'apart.git'));
      await gitIn(target, 'push', 'origin', `${commits[0]}:refs/heads/old`);
      await gitIn(target, 'fetch');
    },
  },
  {
    name: 'work tree with few files',
    run: async ({ clone, gitIn }) => {
      const target = await clone('copy', '--sparse');
      await gitIn(target, 'sparse-checkout', 'list');
      await gitIn(target, 'fetch');
    },
  },
  {
    name: 'repository with SHA-256',
    bothForms: true,
    run: async (bench) => {
      remakeServer(bench);
      const target = await bench.clone('copy');
      bench.localIn(target, 'commit', '-q', '--allow-empty', '-m', 'second');
      await bench.gitIn(target, 'push', 'origin', 'main');
      advanceServer(bench);
      await bench.gitIn(target, 'fetch', 'origin');
      await bench.gitIn(target, 'push', 'origin', ':refs/heads/none', 'main:topic');
    },
  },
  {
    name: 'repositories that name objects in different ways',
    run: async (bench) => {
      remakeServer(bench);
      await bench.git('ls-remote', 'origin');
      await bench.git('fetch', 'origin');
      await bench.git('push', 'origin', 'main');
    },
    accepted: [
      gaveUp('push origin main', [
        // And Git shows what it thought of the ref before it asked.
        ' ! [rejected]        main -> main (fetch first)',
        'To <url>/origin.git',
        "hint: (e.g., 'git pull ...') before pushing again.",
        "hint: See the 'Note about fast-forwards' in 'git push --help' for details.",
        'hint: Updates were rejected because the remote contains work that you do',
        'hint: not have locally. This is usually caused by another repository pushing',
        'hint: to the same ref. You may want to first integrate the remote changes',
      ]),
      {
        reason: 'Over http Git finds this out when it is connected, and the server wonders where it is gone.',
        on: web,
        differences: () => [
          { where: 'push origin main: stderr', plain: ['fatal: the remote end hung up unexpectedly'], ours: [] },
        ],
      },
    ],
    unordered: true,
  },
  {
    name: 'shallow Git remote',
    run: async ({ server, localIn, commits, clone, git }) => {
      writeFileSync(join(server, 'shallow'), `${commits[1]}\n`);
      localIn(server, 'fsck');
      await clone('copy');
      await git('fetch', 'origin');
      await git('push', 'origin', 'main:topic');
    },
  },
  {
    name: 'repository with names outside of ASCII',
    run: async (bench) => {
      const { git, local, server, localIn } = bench;
      local('branch', 'größe/ünï');
      await git('push', 'origin', 'größe/ünï', 'HEAD:refs/heads/日本');
      localIn(server, 'update-ref', 'refs/heads/später', 'main');
      await git('fetch', 'origin');
      await git('push', 'origin', ':größe/ünï');
    },
  },
  {
    name: 'many refs at once',
    run: async (bench) => {
      const { server, localIn, git, commits, local, client, run } = bench;
      const refs = Array.from({ length: 300 }, (_, index) => `create refs/heads/many/${index} ${commits[index % 3]}`);
      writeFileSync(join(bench.outside, 'refs'), `${refs.join('\n')}\n`);
      await run(server, 'sh', '-c', `git update-ref --stdin < '${bench.outside}/refs'`);
      // ssh makes our stderr one that does not block, and then Git loses lines when there are many.
      await git('fetch', '--quiet', 'origin');
      await run(client, 'sh', '-c', `sed s/many/mine/ '${bench.outside}/refs' | git update-ref --stdin`);
      local('pack-refs', '--all');
      await git('push', '--quiet', 'origin', 'refs/heads/mine/*:refs/heads/mine/*');
      localIn(server, 'pack-refs', '--all');
      await git('push', '--quiet', '--prune', 'origin', 'refs/heads/none/*:refs/heads/mine/*');
    },
  },
  {
    name: 'maintenance in front and prefetch behind',
    run: async (bench) => {
      const { git, local } = bench;
      advanceServer(bench);
      await git('-c', 'gc.auto=1', 'fetch', '--auto-maintenance', 'origin');
      advanceServer(bench);
      await git('maintenance', 'run', '--task=prefetch');
      await git('for-each-ref', 'refs/prefetch');
      local('gc', '-q');
      advanceServer(bench);
      await git('-c', 'fetch.unpackLimit=1', '-c', 'fetch.writeCommitGraph=true', 'fetch', 'origin');
      bench.localIn(bench.server, 'config', 'receive.autogc', 'true');
      bench.localIn(bench.server, 'config', 'gc.auto', '1');
      bench.commit('new');
      await git('push', '--force', 'origin', 'main');
    },
    unordered: true,
  },
];
