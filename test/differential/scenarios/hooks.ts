// Programs that Git starts on either side, and what they get to see.
import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Scenario } from '../scenario.ts';
import { gaveUp } from './accepted.ts';
import { advanceServer, local, uploads, web } from './ground.ts';

/** Notes a hook's arguments and what it is told, in the file that is compared. */
const noting = ({ log }: Bench, name: string): string =>
  `{ echo "${name} $*"; test "${name}" = update -o "${name}" = post-update || cat; } >> '${log}'`;

/** Answers the pkt-line conversation of githooks(5), "proc-receive": refs under refs/for are taken, `refs/for/no` is not. */
const procReceive = `
const fs = require('fs');
const read = (size) => { const b = Buffer.alloc(size); let at = 0; while (at < size) at += fs.readSync(0, b, at, size - at); return b; };
const packet = () => { const n = parseInt(read(4).toString(), 16); return n < 4 ? undefined : read(n - 4).toString().replace(/\\n$/, ''); };
const send = (text) => fs.writeSync(1, (text.length + 4).toString(16).padStart(4, '0') + text);
const flush = () => fs.writeSync(1, '0000');
const log = (text) => fs.appendFileSync(process.argv[2], text + '\\n');
while (packet() !== undefined);
send('version=1\\0push-options\\n'); flush();
const refs = [];
for (let line = packet(); line !== undefined; line = packet()) refs.push(line);
for (const line of refs) log('proc-receive ' + line);
for (const line of refs) {
  const ref = line.split(' ')[2];
  if (ref.endsWith('/no')) { send('ng ' + ref + ' not this one\\n'); continue; }
  send('ok ' + ref + '\\n');
  if (ref.endsWith('/review')) send('option refname refs/changes/1/head\\n');
}
flush();
`;

export const hooks: readonly Scenario[] = [
  {
    name: 'hooks of the Git remote, in their order and with what they are told',
    run: async (bench) => {
      for (const name of ['pre-receive', 'update', 'post-receive', 'post-update', 'reference-transaction']) {
        bench.serverHook(name, noting(bench, name));
      }
      bench.commit('new');
      await bench.git('push', 'origin', 'main', 'HEAD:refs/heads/topic', ':side');
    },
  },
  {
    name: 'hooks of the clone, in their order and with what they are told',
    bothForms: true,
    run: async (bench) => {
      for (const name of ['pre-push', 'reference-transaction']) bench.clientHook(name, noting(bench, name));
      bench.commit('new');
      const { experiments } = bench;
      await bench.git('push', 'origin', 'main', `${experiments.local}:${experiments.local}`, ':side');
      await bench.git('push', '--dry-run', 'origin', 'main:topic');
      await bench.git('push', bench.url, 'main:other');
    },
  },
  {
    name: 'hooks that say something',
    run: async ({ git, commit, serverHook }) => {
      serverHook('pre-receive', 'echo first; echo second >&2; printf "half a "; printf "line\\n"');
      serverHook('post-update', 'echo "done with $*"');
      commit('new');
      await git('push', 'origin', 'main');
      commit('newer');
      await git('push', '--quiet', 'origin', 'main');
    },
    unordered: true,
  },
  {
    name: 'hooks of the Git remote that fail afterwards',
    run: async ({ git, commit, serverHook }) => {
      serverHook('post-receive', 'echo failing; exit 3');
      serverHook('post-update', 'exit 4');
      commit('new');
      await git('push', 'origin', 'main');
    },
  },
  {
    name: 'a transaction that a hook of the Git remote stops',
    run: async ({ git, commit, serverHook }) => {
      serverHook('reference-transaction', 'test "$1" = prepared || exit 0; grep -q topic && exit 1; exit 0');
      commit('new');
      await git('push', 'origin', 'main', 'HEAD:refs/heads/topic');
      await git('push', '--atomic', 'origin', 'HEAD:refs/heads/third', 'HEAD:refs/heads/topic');
    },
    accepted: [
      gaveUp('push origin main HEAD:refs/heads/topic'),
      gaveUp('push --atomic origin HEAD:refs/heads/third HEAD:refs/heads/topic'),
      {
        reason: 'Over http Git says that there was nothing to do when the server breaks off; we say what is not known.',
        on: web,
        differences: () => [
          {
            where: 'push origin main HEAD:refs/heads/topic: stderr',
            plain: ['Everything up-to-date'],
            ours: [
              ' ! [remote failure]  HEAD -> topic (remote failed to report status)',
              ' ! [remote failure]  main -> main (remote failed to report status)',
              'To <url>/origin.git',
              "error: failed to push some refs to '<url>/origin.git'",
            ],
          },
          {
            where: 'push --atomic origin HEAD:refs/heads/third HEAD:refs/heads/topic: stderr',
            plain: ['Everything up-to-date'],
            ours: [
              ' ! [remote rejected] HEAD -> third (atomic push failed)',
              ' ! [remote rejected] HEAD -> topic (atomic push failed)',
              'To <url>/origin.git',
              "error: failed to push some refs to '<url>/origin.git'",
            ],
          },
        ],
      },
    ],
    unordered: true,
  },
  {
    name: 'a transaction that a hook of the clone stops',
    run: async (bench) => {
      bench.clientHook('reference-transaction', 'test "$1" = prepared && exit 1; exit 0');
      advanceServer(bench);
      await bench.git('fetch', 'origin');
    },
  },
  {
    name: 'pushed objects are in quarantine until they are accepted',
    run: async ({ git, commit, serverHook }) => {
      serverHook(
        'pre-receive',
        'echo "$GIT_QUARANTINE_PATH" | sed "s/.*objects/objects/; s/-[^-]*$//"; read old new ref; git cat-file -t $new; git update-ref refs/heads/aside $new; exit 1',
      );
      commit('new');
      await git('push', 'origin', 'main');
    },
    unordered: true,
  },
  {
    name: 'a hook of the Git remote that takes refs itself',
    run: async (bench) => {
      const { git, commit, server, localIn, serverHook, log } = bench;
      localIn(server, 'config', 'receive.procReceiveRefs', 'refs/for');
      const script = join(bench.outside, 'proc-receive.cjs');
      writeFileSync(script, procReceive);
      serverHook('proc-receive', `exec '${process.execPath}' '${script}' '${log}'`);
      commit('new');
      await git('push', 'origin', 'HEAD:refs/for/main', 'HEAD:refs/for/review', 'HEAD:refs/for/no', 'main');
      await git('push', '--porcelain', 'origin', 'HEAD:refs/for/review');
    },
    check: (bench) => assert.ok(uploads(bench).includes('refs/for/main')),
  },
  {
    name: 'hooks of the Git remote see no repository but their own',
    on: local,
    run: async ({ git, commit, serverHook }) => {
      serverHook('post-receive', 'env | grep -E "^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|CONFIG)" | sort');
      commit('new');
      await git('-c', 'core.abbrev=9', 'push', 'origin', 'main');
    },
  },
  {
    name: 'hooks in a directory of their own',
    run: async (bench) => {
      const { git, commit, local: prepare, client, outside } = bench;
      bench.clientHook('pre-push', noting(bench, 'pre-push'));
      cpSync(join(client, '.git', 'hooks'), join(outside, 'hooks'), { recursive: true });
      prepare('config', 'core.hooksPath', join(outside, 'hooks'));
      commit('new');
      await git('push', 'origin', 'main');
    },
  },
];
