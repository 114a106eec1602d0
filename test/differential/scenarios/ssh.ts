// The programs that carry a connection: ssh and its variants, and the proxy of git://.
import type { Bench, Scenario } from '../scenario.ts';
import { advanceServer } from './ground.ts';

/** Tells its arguments and goes on as the ssh of the test. */
const telling = 'echo "$(basename "$0") $*" >> "$TEST_LOG"; eval "exec $TEST_SSH \\"\\$@\\""';
/** Tells its arguments and runs the last one here, whatever the options before it are. */
const pretending = 'echo "$(basename "$0") $*" >> "$TEST_LOG"; for last; do :; done; exec sh -c "$last"';

async function useAll(bench: Bench): Promise<void> {
  advanceServer(bench);
  await bench.git('fetch', 'origin');
  bench.commit(`after ${bench.local('rev-parse', 'main')}`);
  await bench.git('push', 'origin', 'main:topic');
  await bench.git('-c', 'protocol.version=0', 'ls-remote', 'origin', 'main');
}

/** For programs that cannot be told one. */
function leavePortOut({ url, local }: Bench): void {
  local('remote', 'set-url', 'origin', url.replace(/:\d+\//, '/'));
}

const variant = (name: string, setting: (bench: Bench) => void): Scenario => ({
  name: `ssh by ${name}`,
  on: ['ssh'],
  run: async (bench) => {
    bench.environment({ GIT_SSH_COMMAND: undefined });
    setting(bench);
    await useAll(bench);
  },
});

const ownWords = 'What the system says of a program or a host is in words of our own.';

export const ssh: readonly Scenario[] = [
  variant('GIT_SSH_COMMAND, with words of its own', ({ environment, program }) =>
    environment({ GIT_SSH_COMMAND: `'${program('my ssh', telling)}' -C` }),
  ),
  variant('core.sshCommand', ({ local, program }) => local('config', 'core.sshCommand', program('my-ssh', telling))),
  variant('core.sshCommand, and GIT_SSH that counts for less', ({ environment, local, program }) => {
    local('config', 'core.sshCommand', program('stronger', telling));
    environment({ GIT_SSH: program('weaker', 'exit 1') });
  }),
  variant('GIT_SSH', ({ environment, program }) => environment({ GIT_SSH: program('ssh', pretending) })),
  variant('GIT_SSH that has to be asked what it is', ({ environment, program }) =>
    environment({ GIT_SSH: program('unknown', telling) }),
  ),
  variant('GIT_SSH that fails when it is asked what it is', (bench) => {
    bench.environment({ GIT_SSH: bench.program('odd', `test "$1" = -G && exit 1; ${pretending}`) });
    leavePortOut(bench);
  }),
  variant('ssh.variant = simple, without a port', (bench) => {
    bench.environment({ GIT_SSH: bench.program('something', pretending) });
    bench.local('config', 'ssh.variant', 'simple');
    leavePortOut(bench);
  }),
  ...['plink', 'tortoiseplink'].map((name) =>
    variant(name, ({ environment, program }) => environment({ GIT_SSH: program(name, pretending) })),
  ),
  ...['putty', 'plink', 'simple', 'ssh'].map((name) =>
    variant(`ssh.variant = ${name}`, ({ environment, local, program }) => {
      environment({ GIT_SSH: program('something', pretending) });
      local('config', 'ssh.variant', name);
    }),
  ),
  variant('GIT_SSH_VARIANT, which counts for more', ({ environment, local, program }) => {
    environment({ GIT_SSH: program('something', pretending), GIT_SSH_VARIANT: 'plink' });
    local('config', 'ssh.variant', 'simple');
  }),
  {
    name: 'ssh by an address as of scp',
    on: ['ssh'],
    bothForms: true,
    run: async (bench) => {
      const { form, address, environment, program, local } = bench;
      environment({ GIT_SSH: program('something', pretending), GIT_SSH_COMMAND: undefined });
      environment({ GIT_SSH_VARIANT: 'ssh' });
      const [, host = '', port = '', path = ''] = /^ssh:\/\/([^:]*):(\d+)(.*)$/.exec(address) ?? [];
      const prefix = form === 'prefix' ? 'dvcexp::' : '';
      for (const url of [`${host}:${path}`, `[${host}:${port}]:${path}`, `ada@${host}:${path}`, `[::1]:${path}`]) {
        local('remote', 'set-url', 'origin', `${prefix}${url}`);
        await bench.git('ls-remote', 'origin', 'main');
      }
      await bench.git('fetch', '-4', 'origin');
      await bench.git('push', '-6', 'origin', 'main:topic');
    },
  },
  {
    name: 'ssh that does not get through',
    on: ['ssh'],
    run: async ({ git, environment, program }) => {
      environment({ GIT_SSH_COMMAND: program('ssh', 'echo "no way" >&2; exit 255') });
      await git('fetch', 'origin');
      await git('push', 'origin', 'main');
      await git('ls-remote', 'origin');
      environment({ GIT_SSH_COMMAND: '/no/such/ssh' });
      await git('ls-remote', 'origin');
    },
    accepted: [
      {
        reason: ownWords,
        differences: () => [
          {
            where: 'ls-remote origin #2: stderr',
            plain: ['fatal: cannot run /no/such/ssh: No such file or directory', 'fatal: unable to fork'],
            ours: [
              'Please make sure you have the correct access rights',
              'and the repository exists.',
              'fatal: Could not read from remote repository.',
              "fatal: cannot run '/no/such/ssh': not found",
            ],
          },
        ],
      },
    ],
    unordered: true,
  },
  {
    name: 'git:// through a proxy command',
    on: ['git'],
    run: async (bench) => {
      const connect =
        "const s=require('net').connect(process.argv[2],process.argv[1]);process.stdin.pipe(s);s.pipe(process.stdout)";
      const path = bench.program(
        'proxy',
        `echo "proxy $*" >> "$TEST_LOG"; exec '${process.execPath}' -e "${connect}" "$@"`,
      );
      bench.local('config', '--add', 'core.gitProxy', 'none for example.org');
      bench.local('config', '--add', 'core.gitProxy', path);
      await useAll(bench);
      bench.environment({ GIT_PROXY_COMMAND: '/no/such/program' });
      await bench.git('ls-remote', 'origin');
    },
    accepted: [
      {
        reason: ownWords,
        differences: () => [
          {
            where: 'ls-remote origin: stderr',
            plain: [
              'fatal: cannot run /no/such/program: No such file or directory',
              'fatal: cannot start proxy /no/such/program',
            ],
            ours: [
              "fatal: cannot run '/no/such/program': not found",
              'fatal: Could not read from remote repository.',
              'Please make sure you have the correct access rights',
              'and the repository exists.',
            ],
          },
        ],
      },
    ],
  },
  {
    name: 'git:// that does not get through',
    on: ['git'],
    run: async ({ git, local, form }) => {
      local('remote', 'set-url', 'origin', `${form === 'prefix' ? 'dvcexp::' : ''}git://127.0.0.1:1/x.git`);
      await git('push', 'origin', 'main');
      await git('fetch', 'origin');
    },
    accepted: [
      {
        reason: ownWords,
        differences: () =>
          ['push origin main', 'fetch origin'].map((command) => ({
            where: `${command}: stderr`,
            plain: ['127.0.0.1[0: 127.0.0.1]: errno=Connection refused', 'fatal: unable to connect to 127.0.0.1:'],
            ours: ['fatal: unable to connect to 127.0.0.1 (port 1): ECONNREFUSED'],
          })),
      },
    ],
    unordered: true,
  },
];
