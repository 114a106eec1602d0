import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Bench, Scenario } from '../scenario.ts';
import { advanceServer, downloads, emptyServer, notPath } from './ground.ts';

/** A server that lets clients ask for less than all. */
function allowFilter({ server, localIn }: Bench): void {
  localIn(server, 'config', 'uploadpack.allowFilter', 'true');
  localIn(server, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
}

export const clone: readonly Scenario[] = [
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
    run: async (bench) => {
      emptyServer(bench);
      const target = await bench.clone('copy');
      bench.localIn(target, 'commit', '-q', '--allow-empty', '-m', 'first');
      await bench.gitIn(target, 'push', 'origin', 'main');
      await bench.gitIn(target, 'status', '--porcelain', '--branch');
    },
  },
  {
    name: 'clone of a Git remote whose HEAD is unborn',
    run: async ({ server, localIn, clone, gitIn }) => {
      localIn(server, 'symbolic-ref', 'HEAD', 'refs/heads/not-yet');
      await gitIn(await clone('copy'), 'status', '--porcelain', '--branch');
    },
  },
  {
    name: 'clone of a Git remote whose HEAD is detached',
    run: async ({ server, localIn, clone, commits, gitIn }) => {
      localIn(server, 'update-ref', '--no-deref', 'HEAD', commits[0] ?? '');
      await gitIn(await clone('copy'), 'status', '--porcelain', '--branch');
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
    name: 'clone of one branch, of a tag, under another name and without tags',
    run: async ({ clone, gitIn }) => {
      await gitIn(await clone('branch', '--single-branch', '--branch', 'side'), 'fetch');
      await clone('tag', '--branch', 'v1');
      await clone('named', '--no-tags', '--no-checkout');
      await clone('no-such-branch', '--branch', 'not-there');
    },
  },
  {
    name: 'clone under another remote name',
    run: async ({ clone, gitIn }) => void (await gitIn(await clone('copy', '--origin', 'up'), 'fetch', 'up')),
  },
  {
    name: 'shallow clone, deepened, made whole',
    bothForms: true,
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
    name: 'shallow clone by date, and without what a ref has',
    run: async ({ clone, gitIn }) => {
      const target = await clone('since', '--shallow-since=1699200000');
      await gitIn(target, 'fetch', '--shallow-since=1699100000');
      const other = await clone('excluding', '--shallow-exclude=v1');
      await gitIn(other, 'fetch', '--depth', '1');
      await clone('too-late', '--shallow-since=1800000000');
    },
  },
  {
    name: 'partial clone without blobs, and what it fetches later',
    bothForms: true,
    run: async (bench) => {
      allowFilter(bench);
      const target = await bench.clone('copy', '--filter=blob:none', '--no-checkout');
      await bench.gitIn(target, 'rev-list', '--objects', '--all', '--missing=print');
      await bench.gitIn(target, 'show', 'HEAD:file');
      await bench.gitIn(target, 'checkout', 'v1');
      advanceServer(bench);
      await bench.gitIn(target, 'fetch');
    },
    check: (bench) => assert.equal(downloads(bench).length, 2, 'blobs fetched lazily are no reason to move data'),
  },
  {
    name: 'partial clone without trees, checked out',
    run: async (bench) => {
      allowFilter(bench);
      const target = await bench.clone('copy', '--filter=tree:0');
      await bench.gitIn(target, 'log', '--stat', '--oneline');
      await bench.gitIn(target, 'fetch', '--refetch', '--filter=blob:none');
    },
  },
  {
    name: 'partial clone of a Git remote that filters nothing',
    run: async ({ clone }) => void (await clone('copy', '--filter=blob:none')),
  },
  {
    name: 'clone with objects borrowed from another repository',
    run: async ({ clone, client, gitIn }) => {
      const target = await clone('borrowing', '--reference', client);
      await gitIn(target, 'fsck', '--connectivity-only');
      const own = await clone('dissociated', '--reference', client, '--dissociate');
      await gitIn(own, 'fsck', '--connectivity-only');
      await clone('hoping', '--reference-if-able', join(client, 'not-there'));
    },
  },
  {
    name: 'clone that begins with a bundle',
    run: async ({ clone, outside, local, gitIn }) => {
      const bundle = join(outside, 'start.bundle');
      local('bundle', 'create', '-q', bundle, 'side', 'v1');
      const target = await clone('copy', `--bundle-uri=${bundle}`);
      await gitIn(target, 'for-each-ref');
    },
  },
  {
    name: 'clone of a path, whose objects Git copies itself',
    on: ['path'],
    run: async ({ clone }) => void (await clone('copy', '--local')),
    accepted: [
      {
        forms: ['prefix'],
        reason: 'Behind dvcexp:: Git does not see that the URL is a path, so it asks for the objects it needs.',
        differences: ({ server, localIn, experiments }) => {
          const oid = localIn(server, 'rev-parse', experiments.shared);
          const size = localIn(server, 'cat-file', '-s', oid);
          return [
            { where: 'clone --local: stderr', plain: ['done.'], ours: ['warning: --local is ignored'] },
            { where: 'copy: objects', plain: [`${oid} commit ${size}`], ours: [] },
          ];
        },
      },
    ],
    check: (bench) => assert.equal(downloads(bench).length, 1),
  },
  {
    name: 'clone of what is not there',
    bothForms: true,
    // Plain Git looks at a local path itself, and has other words for it.
    on: notPath,
    run: async ({ url, outside, gitIn }) => void (await gitIn(outside, 'clone', `${url}-not`, 'copy')),
  },
];
