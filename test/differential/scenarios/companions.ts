// Other programs that have hooks or filters in the same repository.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Accepted, Bench, Scenario } from '../scenario.ts';
import { advanceServer, local } from './ground.ts';

/** What dvc installs (`dvc install`), and a dvc that tells how it is called. */
function installDvc(bench: Bench): void {
  bench.program(
    'dvc',
    'echo "dvc $*" >> "$TEST_LOG"; cat >> "$TEST_LOG"; test ! -e "$(git rev-parse --git-dir)/refuse"',
  );
  bench.clientHook('pre-push', 'exec dvc git-hook pre-push "$@"');
  bench.clientHook('post-checkout', 'exec dvc git-hook post-checkout "$@" </dev/null');
}

/** A file kept by git-lfs, committed and not pushed. */
function installLfs({ client, local: prepare }: Bench): void {
  prepare('lfs', 'install', '--local');
  prepare('lfs', 'track', '*.bin');
  writeFileSync(join(client, 'large.bin'), 'large\n'.repeat(1000));
  prepare('add', '.gitattributes', 'large.bin');
  prepare('commit', '-qm', 'with a large file');
  // Locks are of a server, and LFS asks for them at addresses of its own.
  prepare('config', 'lfs.locksverify', 'false');
}

const hiddenFromLfs: Accepted = {
  reason: 'git-lfs takes its own server from the URL, and cannot read one that begins with dvcexp::.',
  forms: ['prefix'],
  differences: () => [
    { where: 'lfs push origin main: exit code', plain: ['0'], ours: ['2'] },
    {
      where: 'lfs push origin main: stderr',
      plain: [],
      ours: ['batch request: missing protocol: "<url>/origin.git/info/lfs"'],
    },
    { where: 'server: files', plain: ['lfs'], ours: [] },
  ],
};

export const companions: readonly Scenario[] = [
  {
    name: "hooks of DVC's own",
    bothForms: true,
    run: async (bench) => {
      installDvc(bench);
      bench.commit('new');
      await bench.git('push', 'origin', 'main', 'main:topic');
      await bench.run(bench.client, 'touch', '.git/refuse');
      bench.commit('newer');
      await bench.git('push', 'origin', 'main');
      advanceServer(bench, 'side');
      await bench.git('fetch', 'origin');
      await bench.git('checkout', '-q', 'side');
    },
  },
  {
    name: 'git-lfs beside the Git remote',
    on: local,
    run: async (bench) => {
      const { git, client, server, run, clone, gitIn, local: prepare } = bench;
      installLfs(bench);
      prepare('config', 'lfs.url', `file://${server}`);
      await git('push', 'origin', 'main');
      await run(server, 'sh', '-c', 'find lfs -type f | sort');
      bench.commit('newer');
      await git('push', 'origin', 'main:topic');
      const target = await clone('copy', '-c', `lfs.url=file://${server}`);
      await gitIn(target, 'lfs', 'ls-files');
      await run(client, 'sh', '-c', 'cmp large.bin ../copy/large.bin');
    },
    unordered: true,
  },
  {
    name: 'git-lfs that finds its server by itself',
    on: local,
    run: async (bench) => {
      installLfs(bench);
      await bench.git('lfs', 'push', 'origin', 'main');
    },
    accepted: [hiddenFromLfs],
    unordered: true,
  },
];
