// What is behind us and is neither a path nor a server: bundles, other helpers, and what is forbidden.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Bench, Scenario } from '../scenario.ts';
import { advanceServer, downloads, uploads } from './ground.ts';

/** The address of the Git remote is another one from now on, in this form. */
function readdress({ form, local }: Bench, address: string): string {
  const url = form === 'prefix' ? `dvcexp::${address}` : address;
  local('remote', 'set-url', 'origin', url);
  return url;
}

/** As git-remote-ext without its language: connects to a path. */
const connecting = `
while read -r line; do case "$line" in
  capabilities) echo connect; echo;;
  connect*) echo; exec git \${line#connect git-} "$2";;
esac; done`;

/** Moves objects by itself: `fetch` and `push` as in gitremote-helpers(7). */
const moving = `
while read -r line; do case "$line" in
  capabilities) printf 'fetch\\npush\\noption\\n\\n';;
  option*) echo unsupported;;
  list*) git ls-remote "$2" | sed 's/\\t/ /'; echo;;
  fetch*) while test -n "$line"; do read -r line; done
    git --git-dir="$2" pack-objects --all --stdout -q </dev/null | git unpack-objects -q; echo;;
  push*) while test -n "$line"; do
      spec=\${line#push }; dst=\${spec#*:}
      if git push -q "$2" "$spec" 2>/dev/null; then echo "ok $dst"; else echo "error $dst went wrong"; fi
      read -r line; done; echo;;
  '') exit 0;;
esac; done`;

/** A repository of another kind that is read by `import` and written by `export`. */
const importing = `
while read -r line; do case "$line" in
  capabilities) printf 'import\\nexport\\nrefspec refs/heads/*:refs/foreign/heads/*\\n\\n';;
  list*) git --git-dir="$2" for-each-ref --format='? %(refname)' refs/heads; echo '@refs/heads/main HEAD'; echo;;
  import*) refs=; while test -n "$line"; do refs="$refs \${line#import }"; read -r line; done
    echo 'feature done'
    git --git-dir="$2" fast-export --refspec 'refs/heads/*:refs/foreign/heads/*' $refs | grep -v '^done$'
    echo done;;
  export) git --git-dir="$2" fast-import --quiet --force; echo 'ok refs/heads/topic'; echo;;
  '') exit 0;;
esac; done`;

async function useAll(bench: Bench): Promise<void> {
  advanceServer(bench);
  await bench.git('ls-remote', 'origin');
  await bench.git('fetch', 'origin');
  bench.commit('new');
  await bench.git('push', 'origin', 'main:refs/heads/topic');
  await bench.git('push', 'origin', ':refs/heads/side');
}

/** Git asks no one else when a URL names its helper, not even when `remote.<name>.vcs` is set. */
function sawUpload(bench: Bench): void {
  if (bench.form === 'prefix') assert.deepEqual(uploads(bench), ['refs/heads/topic']);
}

export const foreign: readonly Scenario[] = [
  {
    name: 'bundle in the place of a Git remote',
    on: ['path'],
    run: async (bench) => {
      const { outside, server, localIn, git, gitIn, local } = bench;
      const bundle = join(outside, 'all.bundle');
      advanceServer(bench);
      localIn(server, 'bundle', 'create', '-q', bundle, '--all', 'HEAD');
      const url = readdress(bench, bundle);
      await git('ls-remote', 'origin');
      await gitIn(outside, 'ls-remote', '--heads', url);
      await git('fetch', 'origin');
      await git('fetch', '--progress', url, 'refs/exps/*:refs/exps/*');
      await git('fetch', 'origin', 'no-such-branch');
      local('config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*');
      await git('fetch', '--prune', 'origin');
    },
    check: (bench) => assert.ok(downloads(bench).some(({ wants }) => wants.length > 0)),
  },
  {
    name: 'clone of a bundle, and push to one',
    on: ['path'],
    run: async (bench) => {
      const { outside, server, localIn, git, gitIn, form } = bench;
      const bundle = join(outside, 'all.bundle');
      localIn(server, 'bundle', 'create', '-q', bundle, '--all', 'HEAD');
      const url = readdress(bench, bundle);
      const target = join(outside, 'copy');
      bench.watch('copy', target);
      const vcs = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'remote.origin.vcs', GIT_CONFIG_VALUE_0: 'dvcexp' };
      if (form === 'vcs') bench.environment(vcs);
      await gitIn(outside, 'clone', url, 'copy');
      await gitIn(target, 'fetch');
      await git('push', 'origin', 'main:topic');
    },
    accepted: [
      {
        reason: 'Git says of a push to a bundle only that it failed; we say why.',
        differences: () => [
          { where: 'push origin main:topic: exit code', plain: ['1'], ours: ['128'] },
          {
            where: 'push origin main:topic: stderr',
            plain: ["error: failed to push some refs to '<here>/outside/all.bundle'"],
            ours: ['fatal: a bundle takes no push; git bundle create makes a new one'],
          },
        ],
      },
    ],
  },
  {
    name: 'bundle that needs what is not here, and one that is damaged',
    on: ['path'],
    run: async (bench) => {
      const { outside, server, localIn, git, run } = bench;
      const next = advanceServer(bench);
      advanceServer(bench);
      const thin = join(outside, 'thin.bundle');
      localIn(server, 'bundle', 'create', '-q', thin, 'main', `^${next}`);
      readdress(bench, thin);
      await git('ls-remote', 'origin');
      await git('fetch', 'origin');
      await run(
        outside,
        'sh',
        '-c',
        `git -C '${server}' bundle create -q cut --all; head -c 700 '${server}/cut' > cut; rm '${server}/cut'`,
      );
      readdress(bench, join(outside, 'cut'));
      await git('fetch', 'origin');
      await run(outside, 'sh', '-c', `printf '# v2 git bundle\\nnonsense\\n' > nonsense; echo nothing > nothing`);
      readdress(bench, join(outside, 'nonsense'));
      await git('fetch', 'origin');
      readdress(bench, join(outside, 'nothing'));
      await git('fetch', 'origin');
    },
    accepted: [
      {
        reason: 'When a helper gives up in a fetch, Git ends with 128; without one, and a bundle, with 1.',
        differences: () =>
          ['fetch origin', 'fetch origin #2'].map((command) => ({
            where: `${command}: exit code`,
            plain: ['1'],
            ours: ['128'],
          })),
      },
      {
        reason: 'Git takes a bundle with a damaged header for no bundle; we say that it is damaged.',
        differences: () => [
          {
            where: 'fetch origin #3: stderr',
            plain: [
              'Please make sure you have the correct access rights',
              'and the repository exists.',
              'fatal: Could not read from remote repository.',
              'fatal: invalid gitfile format: <here>/outside/nonsense',
            ],
            ours: ['error: unrecognized header: nonsense (8)'],
          },
        ],
      },
    ],
    unordered: true,
  },
  {
    name: 'ext:: where it is allowed',
    on: ['path'],
    run: async (bench) => {
      bench.local('config', 'protocol.ext.allow', 'always');
      readdress(bench, `ext::git %s ${bench.server}`);
      await useAll(bench);
    },
    check: sawUpload,
  },
  {
    name: 'ext:: where it is not allowed',
    on: ['path'],
    run: async (bench) => {
      readdress(bench, `ext::git %s ${bench.server}`);
      await useAll(bench);
      bench.local('config', 'protocol.ext.allow', 'user');
      bench.local('config', 'protocol.dvcexp.allow', 'always');
      bench.environment({ GIT_PROTOCOL_FROM_USER: '0' });
      await bench.git('fetch', 'origin', 'main');
    },
    accepted: [
      {
        reason: 'Git empties FETCH_HEAD before it starts a helper, and so before we can refuse.',
        forms: ['prefix'],
        differences: () => [{ where: 'client: files', plain: [], ours: ['FETCH_HEAD'] }],
      },
    ],
  },
  ...Object.entries({ connecting, moving }).map(
    ([how, script]): Scenario => ({
      name: `another helper, ${how}`,
      on: ['path'],
      run: async (bench) => {
        bench.program(`git-remote-${how}`, script);
        readdress(bench, `${how}::${bench.server}`);
        await useAll(bench);
      },
      check: sawUpload,
    }),
  ),
  {
    name: 'another helper, importing and exporting',
    on: ['path'],
    run: async (bench) => {
      bench.program('git-remote-importing', importing);
      readdress(bench, `importing::${bench.server}`);
      advanceServer(bench);
      await bench.git('ls-remote', 'origin');
      await bench.git('fetch', 'origin');
      bench.commit('new');
      await bench.git('push', 'origin', 'main:refs/heads/topic');
    },
    accepted: [
      {
        reason:
          'Behind a helper that imports and exports nobody knows which commits move, and so no data does: we say so.',
        forms: ['prefix'],
        differences: () =>
          ['fetch origin', 'push origin main:refs/heads/topic'].map((command) => ({
            where: `${command}: stderr`,
            plain: [],
            ours: [
              'hint: see git help gitremote-helpers',
              'warning: this Git remote is reached by import and export, which carry no DVC data',
            ],
          })),
      },
    ],
    unordered: true,
  },
  {
    name: 'transports that are not allowed',
    bothForms: true,
    run: async (bench) => {
      const { git, transport, environment } = bench;
      const protocol = transport === 'path' ? 'file' : transport;
      advanceServer(bench);
      bench.commit('new');
      await git('-c', `protocol.${protocol}.allow=never`, 'fetch', 'origin');
      await git('-c', `protocol.${protocol}.allow=never`, 'push', 'origin', 'main:topic');
      await git('-c', `protocol.${protocol}.allow=sometimes`, 'fetch', 'origin');
      environment({ GIT_ALLOW_PROTOCOL: 'dvcexp:none' });
      await git('fetch', 'origin');
      environment({ GIT_ALLOW_PROTOCOL: `dvcexp:${protocol}` });
      await git('fetch', 'origin');
      environment({ GIT_ALLOW_PROTOCOL: undefined, GIT_PROTOCOL_FROM_USER: '0' });
      await git(
        '-c',
        'protocol.dvcexp.allow=always',
        '-c',
        `protocol.${protocol}.allow=user`,
        'ls-remote',
        'origin',
        'main',
      );
    },
  },
];
