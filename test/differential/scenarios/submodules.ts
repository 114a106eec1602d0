// Submodules keep the address they have in .gitmodules: plain Git fetches them, unless that begins with our prefix.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Scenario } from '../scenario.ts';
import { advanceServer, notPath } from './ground.ts';

/** Publishes a commit of main with a submodule `module`, whose address is relative to the Git remote's. */
function addSubmodule({ server, outside, beside, localIn, local, client, watch }: Bench): void {
  localIn(outside, 'clone', '-q', '--bare', server, beside('module.git'));
  watch('module.git', beside('module.git'));
  writeFileSync(join(client, '.gitmodules'), '[submodule "module"]\n\tpath = module\n\turl = ../module.git\n');
  local('add', '.gitmodules');
  local('update-index', '--add', '--cacheinfo', `160000,${localIn(server, 'rev-parse', 'main')},module`);
  local('commit', '-qm', 'with a submodule');
  local('push', '-q', server, 'main');
}

/** The address of a submodule of a `dvcexp::` remote begins with that too, and Git asks whether it is allowed. */
const allowed = {
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'protocol.dvcexp.allow',
  GIT_CONFIG_VALUE_0: 'always',
};

export const submodules: readonly Scenario[] = [
  {
    name: 'clone with submodules, and what they fetch later',
    bothForms: true,
    // Git clones a path as a submodule by copying its objects.
    on: notPath,
    run: async (bench) => {
      addSubmodule(bench);
      bench.environment(allowed);
      const target = await bench.clone('copy', '--recurse-submodules');
      bench.watch('module', join(target, 'module'));
      const moved = advanceServer({ ...bench, server: bench.beside('module.git') });
      bench.local('update-index', '--cacheinfo', `160000,${moved},module`);
      bench.local('commit', '-qm', 'submodule moved');
      bench.local('push', '-q', bench.server, 'main');
      await bench.gitIn(target, 'fetch', '--recurse-submodules');
      await bench.gitIn(target, 'pull', '--recurse-submodules');
      await bench.gitIn(target, 'submodule', 'status');
    },
    unordered: true,
  },
  {
    name: 'push that looks after submodules',
    bothForms: true,
    // Git clones a path as a submodule by copying its objects.
    on: notPath,
    run: async (bench) => {
      const { client, git, gitIn, local, localIn } = bench;
      addSubmodule(bench);
      bench.environment(allowed);
      await git('submodule', 'update', '--init');
      const module = join(client, 'module');
      bench.watch('module', module);
      localIn(module, 'checkout', '-q', 'main');
      localIn(module, 'commit', '-q', '--allow-empty', '-m', 'in the submodule');
      local('commit', '-qam', 'submodule moved');
      await git('push', '--recurse-submodules=check', 'origin', 'main');
      await git('push', '--recurse-submodules=on-demand', 'origin', 'main');
      localIn(module, 'commit', '-q', '--allow-empty', '-m', 'more');
      local('commit', '-qam', 'submodule moved again');
      await git('push', '--recurse-submodules=only', 'origin', 'main');
      await gitIn(module, 'status', '--porcelain', '--branch');
    },
    unordered: true,
  },
];
