// Which Git, Node and helper are found, from here and from a desktop.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { desktopPath, isRecent, judgeDesktop } from '../../src/cli/doctor-programs.ts';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import { answering, companion, has, program, useQuickHelper } from './companion.ts';

let world: World;
let plain: string;
before(() => {
  world = openWorld();
  plain = world.env.PATH ?? '';
  useQuickHelper(world);
});
after(() => world.remove());

const withPath = (...folders: readonly string[]): Promise<Ran> =>
  companion(world, world.directory, ['doctor'], { env: { PATH: [...folders, plain].join(delimiter) } });

test('outside of a repository they are all that is looked at', async () => {
  const ran = await companion(world, world.directory, ['doctor']);
  assert.equal(ran.code, 0, ran.stdout);
  has(ran, 'ok', /^ok +git \d/);
  has(ran, 'ok', /^ok +node \d/);
  has(ran, 'ok', /git-remote-dvcexp \d+\.\d+\.\d+: .*quick/);
  has(ran, 'ok', /not inside a Git repository/);
});

test('several helpers, one of another version, a stranger, one that needs a Node that is not there', async () => {
  const old = program(world, 'old', 'git-remote-dvcexp', answering('git-remote-dvcexp version 0.0.7 (node 22.1.0)'));
  const several = await withPath(old, world.path('quick'));
  has(several, 'warn', /git-remote-dvcexp is 0\.0\.7 and git-dvcexp is/);
  assert.match(
    has(several, 'warn', /programs named git-remote-dvcexp are on PATH/),
    /old\/git-remote-dvcexp, .*quick\//,
  );
  has(
    await withPath(program(world, 'cat', 'git-remote-dvcexp', 'cat')),
    'error',
    /cat\/git-remote-dvcexp does not tell its version/,
  );
  const aged = program(world, 'aged', 'git-remote-dvcexp', answering('git-remote-dvcexp version 0.1.0 (node 18.19.0)'));
  has(await withPath(aged), 'error', /runs on node 18\.19\.0, which is too old/);
  has(
    await companion(world, world.directory, ['doctor'], { nodeVersion: '20.18.3' }),
    'error',
    /node 20\.18\.3 is too old/,
  );
  // A PATH with Git and the real helper, and no Node.
  const bare = world.path('bare');
  mkdirSync(bare);
  for (const name of ['git', 'env', 'sh'])
    symlinkSync(world.run(bare, 'sh', ['-c', `command -v ${name}`]).stdout.trim(), join(bare, name));
  symlinkSync(join(plain.split(delimiter)[0] ?? '', 'git-remote-dvcexp'), join(bare, 'git-remote-dvcexp'));
  const env = { PATH: bare };
  const nodeless = await companion(world, world.directory, ['doctor'], { env });
  has(nodeless, 'error', /bare\/git-remote-dvcexp does not run: it needs 'node', which is not on PATH/);
  rmSync(join(bare, 'git-remote-dvcexp'));
  has(
    await companion(world, world.directory, ['doctor'], { env }),
    'error',
    /Git does not find git-remote-dvcexp on PATH/,
  );
  rmSync(join(bare, 'git'));
  has(await companion(world, world.directory, ['doctor'], { env }), 'error', /cannot run 'git': not found/);
});

test('what a desktop finds, and how to help it', () => {
  const here = {
    desktop: '/usr/bin:/bin',
    file: '/n v/git-remote-dvcexp',
    node: '/n v/node',
    nodeThere: false,
    platform: 'linux',
  };
  const judge = (answer: Parameters<typeof judgeDesktop>[0], more = {}): [string, string] => {
    const { level, hints } = judgeDesktop(answer, { ...here, ...more });
    return [level, hints.at(-1) ?? ''];
  };
  const ours = { kind: 'ours', version: '1.0.0', node: '22.1.0' } as const;
  const linkHelper = "sudo ln -s '/n v/git-remote-dvcexp' /usr/local/bin/git-remote-dvcexp";
  const linkNode = "sudo ln -s '/n v/node' /usr/local/bin/node";
  assert.deepEqual(judge(ours), ['ok', '']);
  assert.deepEqual(judge({ kind: 'absent' }), ['warn', `or: ${linkHelper} && ${linkNode}`]);
  assert.deepEqual(judge({ kind: 'absent' }, { nodeThere: true }), ['warn', `or: ${linkHelper}`]);
  assert.deepEqual(judge({ kind: 'broken', reason: '' }), ['warn', `or: ${linkNode}`]);
  assert.deepEqual(judge({ ...ours, node: '18.0.0' }, { nodeThere: true }), ['warn', `or: ${linkNode}`]);
  assert.match(judge({ kind: 'absent' }, { platform: 'darwin' })[1], /launchctl/);
  assert.deepEqual(judge(undefined), ['warn', '']);
  assert.equal(desktopPath('win32'), undefined);
});

test('versions are compared by number', () => {
  for (const text of ['20.19.0', '20.20.2', '22.0.1', '100.1']) assert.ok(isRecent(text, '20.19'), text);
  for (const text of ['20.9.5', '18.99.0', '2.19', 'none']) assert.ok(!isRecent(text, '20.19'), text);
  assert.ok(isRecent('git version 2.39.5 (Apple Git-154)', '2.34'));
});
