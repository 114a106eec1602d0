import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openChannel } from '../../src/git/channel.ts';
import { parseConfiguration } from '../../src/git/configuration.ts';
import { parseInnerUrl } from '../../src/git/inner-url.ts';
import { quoteForShell, shellCommand } from '../../src/git/ssh-command.ts';
import { chooseProxy, daemonRequest } from '../../src/git/tcp-connection.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp ssh-'));
  // Every client is this script under another name: it notes how it was called. As `simple` it does not know -G.
  for (const name of ['ssh', 'plink', 'tortoiseplink.EXE', 'simple', 'odd-ssh']) {
    const path = join(directory, name);
    writeFileSync(
      path,
      `#!/bin/sh\ncase " $* " in *" -G "*) case "$0" in *simple) exit 1;; *) exit 0;; esac;; esac\n` +
        `{ echo "protocol=$GIT_PROTOCOL"; for word; do echo "$word"; done; } >"$CALLED"\nexit 7\n`,
    );
    chmodSync(path, 0o755);
  }
});
after(() => rmSync(directory, { recursive: true, force: true }));

interface Case {
  readonly url: string;
  readonly env?: Record<string, string>;
  readonly config?: readonly string[];
}

/** How the client is called: by Git for `ls-remote`, or by our channel. */
async function calledBy(who: 'git' | 'us', { url, env = {}, config = [] }: Case): Promise<string> {
  const called = join(directory, `called-${who}`);
  rmSync(called, { force: true });
  const all = {
    PATH: `${directory}:${process.env.PATH}`,
    HOME: directory,
    GIT_CONFIG_NOSYSTEM: '1',
    CALLED: called,
    ...env,
  };
  if (who === 'git') {
    spawnSync('git', [...config.flatMap((value) => ['-c', value]), 'ls-remote', url], { env: all, cwd: directory });
  } else {
    const configuration = parseConfiguration(config.map((value) => `${value.replace('=', '\n')}\0`).join(''));
    const inner = parseInnerUrl(url);
    assert.ok(inner.kind !== 'helper');
    const asked = { program: undefined, family: undefined, verbose: false };
    const request = { ...asked, url: inner, service: 'git-upload-pack' } as const;
    const context = { env: all, configuration, stderr: () => undefined };
    const channel = await openChannel(request, context, { signal: new AbortController().signal });
    channel.finish();
    assert.equal(await channel.ended, 7);
  }
  return readFileSync(called, 'utf8');
}

const cases = (): readonly Case[] => [
  { url: 'ssh://user@host:22/a b' },
  { url: "host:it's! /x" },
  { url: 'ssh://host/~user/x' },
  { url: 'host:x', config: ['protocol.version=0'] },
  { url: 'host:x', config: ['protocol.version=1'] },
  { url: 'ssh://h:22/x', env: { GIT_SSH: join(directory, 'plink') } },
  { url: 'ssh://h:22/x', env: { GIT_SSH: join(directory, 'tortoiseplink.EXE') } },
  { url: 'h:x', env: { GIT_SSH: join(directory, 'simple') } },
  { url: 'ssh://h:22/x', env: { GIT_SSH: join(directory, 'odd-ssh') } },
  { url: 'ssh://h:22/x', env: { GIT_SSH_COMMAND: `"${join(directory, 'plink')}" -x "a b"` } },
  { url: 'ssh://h:22/x', env: { GIT_SSH_COMMAND: `'${join(directory, 'ssh')}' -i key`, GIT_SSH: '/nonexistent' } },
  { url: 'ssh://h:22/x', config: [`core.sshcommand='${join(directory, 'odd-ssh')}' -i key`] },
  { url: 'ssh://h:22/x', env: { GIT_SSH: join(directory, 'simple'), GIT_SSH_VARIANT: 'ssh' } },
  { url: 'ssh://h:22/x', env: { GIT_SSH: join(directory, 'simple') }, config: ['ssh.variant=putty'] },
  { url: 'ssh://h:22/x', config: ['ssh.variant=tortoiseplink'] },
];

test('ssh is called word for word as Git calls it', { timeout: 60_000 }, async () => {
  for (const each of cases()) {
    assert.equal(await calledBy('us', each), await calledBy('git', each), JSON.stringify(each));
  }
});

test('a simple client takes no port', async () => {
  const each = { url: 'ssh://h:22/x', env: { GIT_SSH: join(directory, 'simple') } };
  await assert.rejects(calledBy('us', each), { code: 'config', message: /does not support setting port/ });
});

test('shell text goes through a shell, a plain word does not', () => {
  assert.deepEqual(shellCommand('ssh', ['a b']), { program: 'ssh', args: ['a b'] });
  assert.deepEqual(shellCommand('ssh -v', ['a']), { program: 'sh', args: ['-c', 'ssh -v "$@"', 'ssh -v', 'a'] });
  assert.equal(quoteForShell("it's!"), "'it'\\''s'\\!''");
});

test('a git:// proxy is chosen by domain, the first that fits', () => {
  const configuration = parseConfiguration(
    'core.gitproxy\nnone for local.net\0core.gitproxy\np1 for x.org\0core.gitproxy\np2\0',
  );
  assert.equal(chooseProxy('a.local.net', configuration, {}), undefined);
  assert.equal(chooseProxy('x.org', configuration, {}), 'p1');
  assert.equal(chooseProxy('notx.org', configuration, {}), 'p2');
  assert.equal(chooseProxy('x.org', configuration, { GIT_PROXY_COMMAND: 'mine' }), 'mine');
});

test('a daemon is told program, path, host and version', () => {
  const url = parseInnerUrl('git://h:1/~u/x');
  assert.ok(url.kind === 'git');
  assert.equal(daemonRequest(url, 'git-upload-pack', 2, {}), 'git-upload-pack ~u/x\0host=h:1\0\0version=2\0');
  assert.equal(
    daemonRequest(url, 'git-upload-pack', 0, { GIT_OVERRIDE_VIRTUAL_HOST: 'v' }),
    'git-upload-pack ~u/x\0host=v\0',
  );
});
