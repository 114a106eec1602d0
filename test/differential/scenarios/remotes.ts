// How a Git remote gets its address.
import type { Accepted, Bench, Scenario } from '../scenario.ts';
import { advanceServer } from './ground.ts';

/** A bare copy of the Git remote, beside it. */
function copyServer({ outside, server, beside, localIn, watch }: Bench, name: string): void {
  localIn(outside, 'clone', '-q', '--bare', server, beside(name));
  watch(name, beside(name));
}

const notRewritten = 'Git rewrites no URL behind dvcexp::, so it shows the one that was given; we rewrite it then.';

/** The lines in which Git tells a URL, for each command. */
const unrewritten = (...told: readonly (readonly [command: string, line: string])[]): Accepted => ({
  reason: notRewritten,
  forms: ['prefix'],
  differences: () =>
    told.map(([command, line]) => ({
      where: `${command}: stderr`,
      plain: [line],
      ours: [line.replace(/<url>\/\w+/, 'short:origin')],
    })),
});

export const remotes: readonly Scenario[] = [
  {
    name: 'several URLs to push to',
    bothForms: true,
    run: async (bench) => {
      copyServer(bench, 'second.git');
      bench.local('remote', 'set-url', '--add', '--push', 'origin', bench.url);
      bench.local('remote', 'set-url', '--add', '--push', 'origin', bench.urlBeside('second.git'));
      bench.commit('new');
      await bench.git('push', 'origin', 'main', `${bench.experiments.local}:${bench.experiments.local}`);
      await bench.git('remote', '-v');
      advanceServer(bench);
      await bench.git('fetch', 'origin');
    },
  },
  {
    name: 'a URL of its own for pushing',
    bothForms: true,
    run: async (bench) => {
      copyServer(bench, 'pushed.git');
      bench.local('config', 'remote.origin.pushurl', bench.urlBeside('pushed.git'));
      bench.commit('new');
      await bench.git('push', 'origin', 'main');
      advanceServer(bench);
      await bench.git('fetch', 'origin');
    },
  },
  {
    name: 'two URLs, the first of them to fetch from',
    run: async (bench) => {
      copyServer(bench, 'second.git');
      bench.local('remote', 'set-url', '--add', 'origin', bench.urlBeside('second.git'));
      bench.commit('new');
      await bench.git('push', 'origin', 'main');
      await bench.git('fetch', 'origin');
      await bench.git('push', 'origin', 'main:topic', ':side');
    },
  },
  {
    name: 'a URL that is rewritten',
    bothForms: true,
    run: async (bench) => {
      const { form, address, git, local, outside, gitIn } = bench;
      const base = address.replace(/origin\.git$/, '');
      const short = form === 'prefix' ? 'dvcexp::short:' : 'short:';
      local('config', `url.${base}.insteadOf`, 'short:');
      local('config', '--add', `url.${base}nowhere/.insteadOf`, 'sho');
      local('remote', 'set-url', 'origin', `${short}origin.git`);
      bench.commit('new');
      await git('push', 'origin', 'main');
      advanceServer(bench);
      await git('fetch', 'origin');
      await git('fetch', `${short}origin.git`, 'side');
      await gitIn(outside, '-c', `url.${base}.insteadOf=short:`, 'ls-remote', `${short}origin.git`, 'main');
    },
    accepted: [
      unrewritten(
        ['fetch origin', 'From <url>/origin'],
        ['fetch short:origin.git side', 'From <url>/origin'],
        ['push origin main', 'To <url>/origin.git'],
      ),
      {
        reason: notRewritten,
        forms: ['prefix'],
        differences: ({ commits }) => [
          {
            where: 'client: FETCH_HEAD',
            plain: [`${commits[1]}\t\tbranch 'side' of <url>/origin`],
            ours: [`${commits[1]}\t\tbranch 'side' of short:origin`],
          },
        ],
      },
    ],
  },
  {
    name: 'a URL that is rewritten for pushing',
    bothForms: true,
    run: async (bench) => {
      const { form, address, git, local } = bench;
      copyServer(bench, 'pushed.git');
      const base = address.replace(/origin\.git$/, '');
      const prefix = form === 'prefix' ? 'dvcexp::' : '';
      local('config', `url.${base}.insteadOf`, 'short:');
      local('config', `url.${base}pushed.pushInsteadOf`, 'short:origin');
      local('remote', 'set-url', 'origin', `${prefix}short:origin.git`);
      bench.commit('new');
      await git('push', 'origin', 'main');
      advanceServer(bench);
      await git('fetch', 'origin');
      local('config', 'remote.origin.pushurl', `${prefix}short:origin.git`);
      await git('push', 'origin', 'main:topic');
    },
    accepted: [
      unrewritten(
        ['fetch origin', 'From <url>/origin'],
        ['push origin main', 'To <url>/pushed.git'],
        ['push origin main:topic', 'To <url>/origin.git'],
      ),
      {
        reason: notRewritten,
        forms: ['prefix'],
        differences: ({ commits, server, localIn }) => {
          const lines = (url: string): readonly string[] => [
            `${localIn(server, 'rev-parse', 'main')}\t\tbranch 'main' of ${url}`,
            `${commits[1]}\tnot-for-merge\tbranch 'side' of ${url}`,
          ];
          return [{ where: 'client: FETCH_HEAD', plain: lines('<url>/origin'), ours: lines('short:origin') }];
        },
      },
    ],
  },
  {
    name: 'a path with two colons, which Git takes for the end of a name',
    on: ['path'],
    run: async (bench) => {
      copyServer(bench, 'two::colons.git');
      bench.local('remote', 'set-url', 'origin', bench.urlBeside('two::colons.git'));
      bench.commit('new');
      await bench.git('push', 'origin', 'main');
      await bench.git('fetch', 'origin');
      await bench.git('ls-remote', 'origin');
    },
  },
  {
    name: 'a remote that other configuration speaks of',
    run: async (bench) => {
      const { git, local, commit } = bench;
      copyServer(bench, 'mine.git');
      bench.remote('mine', 'mine.git');
      local('config', 'remote.pushDefault', 'mine');
      commit('new');
      await git('push');
      local('config', 'branch.main.pushRemote', 'origin');
      await git('push', '--porcelain');
      local('config', 'remote.origin.skipFetchAll', 'true');
      await git('fetch', '--all');
      local('config', 'remote.origin.tagOpt', '--no-tags');
      local('config', 'fetch.prune', 'true');
      advanceServer(bench);
      await git('fetch');
    },
  },
  {
    name: 'a remote that is not configured',
    run: async ({ git }) => {
      await git('fetch', 'nobody');
      await git('push', 'nobody', 'main');
    },
  },
];
