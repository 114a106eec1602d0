// What is said on the wire: versions, options of the server, certificates, namespaces.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Scenario } from '../scenario.ts';
import { gaveUp } from './accepted.ts';
import { advanceServer, downloads, local, named, web } from './ground.ts';

/** A key to sign with, and a Git remote that asks for certificates and tells what it made of them. */
function prepareSigning({ outside, local: prepare, localIn, server, serverHook, run }: Bench) {
  const key = join(outside, 'key');
  const signers = join(outside, 'signers');
  prepare('config', 'gpg.format', 'ssh');
  prepare('config', 'user.signingKey', key);
  localIn(server, 'config', 'receive.certNonceSeed', 'seed');
  localIn(server, 'config', 'receive.certNonceSlop', '60');
  localIn(server, 'config', 'gpg.ssh.allowedSignersFile', signers);
  serverHook(
    'pre-receive',
    // Over http a nonce may be some seconds old.
    'echo "$GIT_PUSH_CERT_STATUS $GIT_PUSH_CERT_SIGNER $GIT_PUSH_CERT_NONCE_STATUS" | sed s/SLOP/OK/; git cat-file blob $GIT_PUSH_CERT | sed -n "/^pushee/p; /refs/p; /^push-option/p"',
  );
  return async () => {
    await run(outside, 'sh', '-c', `ssh-keygen -q -t ed25519 -N '' -C ada -f '${key}'`);
    await run(outside, 'sh', '-c', `echo "ada@example.com $(cat '${key}.pub')" > '${signers}'`);
  };
}

export const protocol: readonly Scenario[] = [
  ...['0', '1', '2'].map(
    (version): Scenario => ({
      name: `everything with protocol version ${version}`,
      run: async (bench) => {
        bench.local('config', 'protocol.version', version);
        await bench.clone('copy', '-c', `protocol.version=${version}`, '--depth=1');
        await bench.git('ls-remote', 'origin', 'refs/heads/*');
        advanceServer(bench);
        await bench.git('fetch', 'origin');
        await bench.git('fetch', '--depth=1', 'origin', 'side');
        bench.commit('new');
        await bench.git('push', 'origin', 'HEAD:refs/heads/topic');
      },
      check: (bench) => assert.ok(downloads(bench).length >= 2),
    }),
  ),
  {
    name: 'options of the server',
    run: async (bench) => {
      advanceServer(bench);
      await bench.git('ls-remote', '-o', 'one', '-o', 'two', 'origin', 'main');
      await bench.git('fetch', '-o', 'one', 'origin');
      await bench.clone('copy', '--server-option=one');
      await bench.git('-c', 'protocol.version=0', 'fetch', '-o', 'one', 'origin');
    },
    racing: /the remote end hung up unexpectedly/,
  },
  {
    name: 'server that speaks of less than it could',
    run: async (bench) => {
      const { server, localIn, git } = bench;
      localIn(server, 'config', 'uploadpack.advertiseRefInWant', 'true');
      localIn(server, 'config', 'lsrefs.unborn', 'ignore');
      advanceServer(bench);
      await git('fetch', 'origin', 'main');
      localIn(server, 'config', 'protocol.version', '0');
      localIn(server, 'config', 'repack.usedeltabaseoffset', 'false');
      advanceServer(bench);
      await git('fetch', 'origin', 'main');
    },
  },
  {
    name: 'signed push',
    run: async (bench) => {
      await prepareSigning(bench)();
      bench.commit('new');
      await bench.git('push', '--signed', 'origin', 'main', `${bench.experiments.local}:${bench.experiments.local}`);
      bench.commit('newer');
      await bench.git('-c', 'push.gpgSign=if-asked', 'push', 'origin', 'main');
      // Certificates hold a time, and are objects that no ref leads to.
      bench.localIn(bench.server, 'prune');
    },
    unordered: true,
  },
  {
    name: 'signed push to a Git remote that asks for no certificate',
    run: async (bench) => {
      await prepareSigning(bench)();
      bench.localIn(bench.server, 'config', '--unset', 'receive.certNonceSeed');
      bench.serverHook('pre-receive', 'exit 0');
      bench.commit('new');
      await bench.git('push', '--signed=if-asked', 'origin', 'main');
      bench.commit('newer');
      await bench.git('push', '--signed', 'origin', 'main');
    },
    accepted: [gaveUp('push --signed origin main')],
    unordered: true,
  },
  {
    name: 'signed push without a key',
    run: async (bench) => {
      prepareSigning(bench);
      bench.commit('new');
      await bench.git('push', '--signed', 'origin', 'main');
    },
    accepted: [gaveUp('push --signed origin main')],
    unordered: true,
  },
  {
    name: 'namespace by the name of the server program',
    on: named,
    run: async (bench) => {
      const { local: prepare, git, clone } = bench;
      prepare('config', 'remote.origin.uploadpack', 'git --namespace=one upload-pack');
      prepare('config', 'remote.origin.receivepack', 'git --namespace=one receive-pack');
      bench.commit('new');
      await git('push', 'origin', 'main');
      await git('ls-remote', 'origin');
      await git('fetch', '--prune', 'origin');
      await clone('copy', '-u', 'git --namespace=one upload-pack');
    },
  },
  {
    name: 'namespace in the environment',
    on: [...local, ...web],
    run: async (bench) => {
      const { git, environment, demand, clone } = bench;
      environment({ GIT_NAMESPACE: 'one/two' });
      demand({ environment: { GIT_NAMESPACE: 'one/two' } });
      bench.commit('new');
      await git('push', 'origin', 'main');
      await git('ls-remote', 'origin');
      await git('fetch', '--prune', 'origin');
      await clone('copy');
    },
  },
  {
    name: 'Git remote with objects borrowed from another repository',
    run: async (bench) => {
      const { server, localIn, outside, beside, git, client } = bench;
      const pool = beside('pool.git');
      localIn(outside, 'clone', '-q', '--bare', server, pool);
      bench.commit('known in the pool');
      localIn(client, 'push', '-q', pool, 'main:refs/heads/pooled');
      mkdirSync(join(server, 'objects', 'info'), { recursive: true });
      writeFileSync(join(server, 'objects', 'info', 'alternates'), `${join(pool, 'objects')}\n`);
      await git('push', 'origin', 'main', `${bench.experiments.local}:${bench.experiments.local}`);
      advanceServer(bench);
      await git('fetch', 'origin');
    },
  },
];
