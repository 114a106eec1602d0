import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';
import { advanceServer, named } from './ground.ts';

export const list: readonly Scenario[] = [
  {
    name: 'ls-remote, inside and outside of a repository',
    bothForms: true,
    run: async ({ git, gitIn, outside, url }) => {
      await git('ls-remote', 'origin');
      await git('ls-remote');
      await gitIn(outside, 'ls-remote', '--heads', url);
    },
    check: (bench) => assert.deepEqual(bench.notes(), []),
  },
  {
    name: 'ls-remote that picks, sorts and asks',
    run: async ({ git }) => {
      await git('ls-remote', '--symref', 'origin', 'HEAD');
      await git('ls-remote', '--exit-code', 'origin', 'no-such-branch');
      await git('ls-remote', '--exit-code', '--heads', 'origin', 'si*');
      await git('ls-remote', '--tags', '--refs', 'origin');
      await git('ls-remote', '--quiet', '--sort=-version:refname', 'origin', 'refs/exps/*', 'main');
      await git('ls-remote', '--get-url', 'origin');
      await git('-c', 'protocol.version=0', 'ls-remote', '--symref', 'origin');
    },
  },
  {
    name: 'remote show, set-head and prune',
    run: async (bench) => {
      const { git, server, localIn } = bench;
      advanceServer(bench);
      await git('remote', 'show', 'origin');
      localIn(server, 'update-ref', '-d', 'refs/heads/side');
      localIn(server, 'symbolic-ref', 'HEAD', 'refs/heads/other');
      localIn(server, 'update-ref', 'refs/heads/other', 'main');
      await git('remote', 'show', 'origin');
      await git('fetch');
      await git('remote', 'set-head', 'origin', '--auto');
      await git('remote', 'prune', '--dry-run', 'origin');
      await git('remote', 'prune', 'origin');
      await git('remote', '-v');
      await git('remote', 'rename', 'origin', 'up');
      await git('remote', 'update');
      await git('remote', 'remove', 'up');
    },
  },
  {
    name: 'remote added with a first fetch',
    run: async ({ git, form, url, environment }) => {
      const vcs = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'remote.second.vcs', GIT_CONFIG_VALUE_0: 'dvcexp' };
      if (form === 'vcs') environment(vcs);
      await git('remote', 'add', '--fetch', '--track', 'side', 'second', url);
    },
  },
  {
    name: 'server program of another name',
    // http has no program to name.
    on: named,
    run: async ({ git, commit, local, log, program }) => {
      commit('new');
      const upload = program('my-upload-pack', `echo upload >> '${log}'; exec git upload-pack "$@"`);
      const receive = program('my-receive-pack', `echo receive >> '${log}'; exec git receive-pack "$@"`);
      await git('ls-remote', '--upload-pack=git upload-pack', 'origin', 'main');
      await git('fetch', `--upload-pack=${upload}`, 'origin', 'side');
      await git('push', `--receive-pack=${receive}`, 'origin', 'main');
      local('config', 'remote.origin.uploadpack', upload);
      local('config', 'remote.origin.receivepack', receive);
      await git('fetch', 'origin');
      await git('push', 'origin', 'main:refs/heads/topic');
      await git('push', '--receive-pack=no-such-program', 'origin', 'main:refs/heads/other');
      await git('fetch', '--upload-pack=no-such-program', 'origin');
    },
    unordered: true,
  },
  {
    name: 'archive of a Git remote',
    run: async ({ git, client, server, localIn, run }) => {
      localIn(server, 'config', 'uploadarchive.allowUnreachable', 'true');
      await git('archive', '--remote=origin', '--format=tar', '--output=out.tar', 'main');
      await run(client, 'sh', '-c', 'test ! -s out.tar || tar tf out.tar');
      await git('archive', '--remote=origin', '--format=tar', 'no-such-tree');
      await git('archive', '--remote=origin', '--list');
    },
    unordered: true,
  },
];
