// http and https: what the nested helper of Git is configured by must reach it.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request as startRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { type Bench, credentials as right, type Scenario } from '../scenario.ts';
import { advanceServer, web } from './ground.ts';

/** A credential helper that knows one pair, and tells the log what Git asked of it. */
const helper = (user: string, password: string): string =>
  `credential.helper=!f() { echo "$1" >> "$TEST_LOG"; grep -v ^wwwauth >> "$TEST_LOG"; test "$1" = get && echo username=${user} && echo password=${password}; }; f`;

async function useAll(bench: Bench, ...options: readonly string[]): Promise<void> {
  advanceServer(bench);
  await bench.git(...options, 'fetch', 'origin');
  bench.commit(`after ${bench.local('rev-parse', 'main')}`);
  await bench.git(...options, 'push', 'origin', 'main:topic');
}

/** A forward proxy on loopback: whole URLs in requests, and tunnels for TLS. Tells what it was asked for. */
async function startProxy() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    const { method, headers } = request;
    const passed = startRequest(request.url ?? '', { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(passed);
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.headers['proxy-authorization'] ?? ''}`);
    const [host, port] = (request.url ?? '').split(':');
    const through = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(through).pipe(socket);
    });
    through.on('error', () => socket.destroy());
    socket.on('error', () => through.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { port, asked, stop };
}

const scenarios: readonly Scenario[] = [
  {
    name: 'credentials from a helper, right and wrong',
    bothForms: true,
    run: async ({ git, commit, demand }) => {
      demand({ credentials: right });
      commit('new');
      const knowing = helper(right.user, right.password);
      const mistaken = helper(right.user, 'wrong');
      await git('-c', knowing, 'push', 'origin', 'main');
      await git('-c', knowing, 'fetch', 'origin');
      await git('-c', mistaken, 'push', 'origin', 'main:refs/heads/topic');
      await git('-c', mistaken, 'fetch', 'origin');
    },
  },
  {
    name: 'credentials that nobody knows, and no terminal to ask on',
    run: async ({ git, demand, clone }) => {
      demand({ credentials: right });
      await git('fetch', 'origin');
      await git('push', 'origin', 'main');
      await git('ls-remote', 'origin');
      await clone('copy');
    },
  },
  {
    name: 'credentials from askpass',
    bothForms: true,
    run: async (bench) => {
      bench.demand({ credentials: right });
      const asking = 'echo "$1" >> "$TEST_LOG"; case "$1" in User*) echo ada;; *) echo right;; esac';
      bench.environment({ GIT_ASKPASS: bench.program('askpass', asking) });
      await useAll(bench);
      bench.environment({
        GIT_ASKPASS: undefined,
        SSH_ASKPASS: bench.program('other', 'echo "ssh $1" >> "$TEST_LOG"; echo x'),
      });
      await useAll(bench);
      await useAll(bench, '-c', `core.askPass=${bench.program('third', asking)}`);
    },
  },
  {
    name: 'credentials in a store, a cookie file and .netrc',
    run: async (bench) => {
      const { address, outside, demand, run } = bench;
      const { host, protocol } = new URL(address);
      demand({ credentials: right });
      const store = join(outside, 'store');
      writeFileSync(store, `${protocol}//${right.user}:${right.password}@${host}\n`, { mode: 0o600 });
      await useAll(bench, '-c', `credential.helper=store --file=${store}`);
      await run(outside, 'sh', '-c', `sed 's/:[0-9]*$//' '${store}'`);
      await useAll(bench, '-c', `credential.helper=store --file=${store}`, '-c', 'credential.useHttpPath=true');
      const home = join(outside, 'home');
      mkdirSync(home);
      writeFileSync(join(home, '.netrc'), `machine 127.0.0.1 login ${right.user} password ${right.password}\n`);
      bench.environment({ HOME: home });
      await useAll(bench);
    },
  },
  {
    name: 'user in the URL',
    bothForms: true,
    run: async (bench) => {
      bench.demand({ credentials: right });
      bench.local('remote', 'set-url', 'origin', bench.url.replace('://', `://${right.user}@`));
      const asking = 'echo "$1" >> "$TEST_LOG"; echo right';
      bench.environment({ GIT_ASKPASS: bench.program('askpass', asking) });
      await useAll(bench);
    },
    accepted: [
      {
        reason: 'Git takes user and password out of a URL that it prints, but not behind dvcexp::.',
        forms: ['prefix'],
        differences: ({ address, commits, server, localIn }) => {
          const shown = address.replace('://', `://${right.user}@`).replace(/run\d+\/origin.git$/, '<run>/origin');
          const lines = (url: string): readonly string[] => [
            `${localIn(server, 'rev-parse', 'main')}\t\tbranch 'main' of ${url}`,
            `${commits[1]}\tnot-for-merge\tbranch 'side' of ${url}`,
          ];
          return [
            { where: 'client: FETCH_HEAD', plain: lines('<url>/origin'), ours: lines(shown) },
            { where: 'fetch origin: stderr', plain: ['From <url>/origin'], ours: [`From ${shown}`] },
            { where: 'push origin main:topic: stderr', plain: ['To <url>/origin.git'], ours: [`To ${shown}.git`] },
          ];
        },
      },
    ],
  },
  {
    name: 'password in the URL',
    run: async (bench) => {
      bench.demand({ credentials: right });
      bench.local('remote', 'set-url', 'origin', bench.url.replace('://', `://${right.user}:${right.password}@`));
      await useAll(bench);
      for (const word of ['allow', 'warn', 'die', 'maybe']) {
        await useAll(bench, '-c', `transfer.credentialsInUrl=${word}`);
      }
      await bench.git('ls-remote', '--heads', bench.url.replace('://', `://${right.user}:wrong@`));
    },
  },
  {
    name: 'password in a URL that Git cannot read',
    // Only the other form lets Git see it, and is compared above.
    oursOnly: true,
    bothForms: true,
    run: async (bench) => {
      bench.demand({ credentials: right });
      const url = `dvcexp::${bench.address.replace('://', `://${right.user}:${right.password}@`)}`;
      await bench.git('fetch', url, 'main');
      await bench.git('-c', 'transfer.credentialsInUrl=die', 'fetch', url, 'main');
      await bench.git('-c', 'transfer.credentialsInUrl=warn', 'fetch', url, 'main');
    },
    check: (_bench, { seen }) => {
      assert.deepEqual(
        seen.map(({ code }) => code),
        [128, 128, 0],
      );
      const said = seen.slice(0, 2).flatMap(({ stderr }) => stderr);
      assert.ok(said.some((line) => line.startsWith('fatal: Git would print the password')));
      assert.ok(said.some((line) => line.endsWith('uses plaintext credentials')));
      assert.ok(!said.some((line) => line.includes(`:${right.password}@`)));
    },
  },
  {
    name: 'cookies',
    run: async (bench) => {
      bench.demand({ header: ['cookie', 'token=secret'] });
      const jar = join(bench.outside, 'cookies');
      writeFileSync(jar, '# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\ttoken\tsecret\n');
      await useAll(bench, '-c', `http.cookieFile=${jar}`, '-c', 'http.saveCookies=true');
      await bench.git('fetch', 'origin');
    },
  },
  {
    name: 'headers, agents and languages',
    run: async (bench) => {
      const base = bench.address.replace(/origin\.git$/, '');
      bench.demand({ header: ['x-team', 'blue'] });
      await useAll(bench, '-c', 'http.extraHeader=X-Team: blue');
      await useAll(bench, '-c', `http.${base}.extraHeader=X-Team: blue`);
      await useAll(bench, '-c', 'http.https://elsewhere.example/.extraHeader=X-Team: blue');
      bench.demand({ header: ['user-agent', 'mine/1'] });
      await useAll(bench, '-c', 'http.userAgent=mine/1');
      bench.environment({ LANGUAGE: 'de:en' });
      await bench.git('ls-remote', 'origin', 'main');
    },
  },
  {
    name: 'proxy',
    run: async (bench) => {
      const proxy = await startProxy();
      const { host } = new URL(bench.address);
      try {
        bench.local('config', 'http.proxy', `http://127.0.0.1:${proxy.port}`);
        await useAll(bench);
        bench.local('config', '--unset', 'http.proxy');
        bench.local('config', 'remote.origin.proxy', `http://ada:pass@127.0.0.1:${proxy.port}`);
        await useAll(bench);
        bench.local('config', '--unset', 'remote.origin.proxy');
        const variable = bench.transport === 'https' ? 'https_proxy' : 'http_proxy';
        bench.environment({ [variable]: `http://127.0.0.1:${proxy.port}` });
        await useAll(bench);
        bench.environment({ no_proxy: '127.0.0.1' });
        await useAll(bench);
        const told = proxy.asked.map((line) => line.replaceAll(host, '<host>').replace(/run\d+/, '<run>'));
        writeFileSync(bench.log, `${told.join('\n')}\n`);
      } finally {
        proxy.stop();
      }
    },
  },
  {
    name: 'certificate of the client, and an authority that is not known',
    on: ['https'],
    bothForms: true,
    run: async (bench) => {
      bench.demand({ certificate: true });
      const { cert, key } = bench.certificate;
      await useAll(bench, '-c', `http.sslCert=${cert}`, '-c', `http.sslKey=${key}`);
      await bench.git('fetch', 'origin');
      bench.environment({ GIT_SSL_CERT: cert, GIT_SSL_KEY: key });
      await useAll(bench);
      bench.environment({ GIT_SSL_CAINFO: cert });
      await bench.git('fetch', 'origin');
      await bench.git('push', 'origin', 'main');
      await bench.git('-c', 'http.sslVerify=false', 'fetch', 'origin');
    },
  },
  {
    name: 'requests in many pieces and in one',
    run: async (bench) => {
      writeFileSync(join(bench.client, 'file'), 'x\n'.repeat(100));
      const big = join(bench.client, 'big');
      writeFileSync(big, Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * index * 7919) % 251)));
      bench.local('add', 'big');
      bench.commit('with something big');
      await bench.git('-c', 'http.postBuffer=65536', 'push', 'origin', 'main');
      await bench.git('-c', 'http.postBuffer=1000000', 'push', 'origin', 'main:topic', '+main~1:topic2');
    },
  },
  {
    name: 'dumb server',
    run: async (bench) => {
      const { server, localIn, git, urlBeside, beside, outside } = bench;
      localIn(server, 'update-server-info');
      localIn(outside, 'clone', '-q', '--bare', server, beside('dumb.git'));
      localIn(beside('dumb.git'), 'config', 'http.uploadpack', 'false');
      localIn(beside('dumb.git'), 'config', 'http.receivepack', 'false');
      localIn(beside('dumb.git'), 'update-server-info');
      await git('ls-remote', urlBeside('dumb.git'));
      await git('push', urlBeside('dumb.git'), 'main:topic');
    },
  },
  {
    name: 'address that leads nowhere',
    run: async ({ git, local, url }) => {
      local('config', 'remote.origin.pushurl', url.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'));
      await git('push', 'origin', 'main');
      await git('ls-remote', url.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'));
      await git('ls-remote', url.replace(/origin\.git/, 'nothing.git'));
    },
  },
];

export const overWeb: readonly Scenario[] = scenarios.map((scenario) => ({ on: web, ...scenario }));
