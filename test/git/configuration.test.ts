import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfiguration, readConfiguration } from '../../src/git/configuration.ts';

test('section and name in any case, the subsection as it is; the last value counts', () => {
  const configuration = parseConfiguration(
    'core.a\n1\0core.a\n2\0url.HTTPS://X.y/.insteadof\nx:\0remote.Or.igin.vcs\ndvcexp\0',
  );
  assert.equal(configuration.get('CORE.A'), '2');
  assert.deepEqual(configuration.all('core.a'), ['1', '2']);
  assert.equal(configuration.get('remote.Or.igin.VCS'), 'dvcexp');
  assert.equal(configuration.get('remote.or.igin.vcs'), undefined);
  assert.deepEqual(configuration.rewrites('insteadOf'), [{ base: 'HTTPS://X.y/', prefix: 'x:' }]);
  assert.deepEqual(configuration.rewrites('pushInsteadOf'), []);
});

test('values keep their line breaks', () => {
  assert.equal(parseConfiguration('a.b\nx\ny\0').get('a.b'), 'x\ny');
});

test('booleans are read as Git reads them', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-config-'));
  try {
    const file = join(directory, 'config');
    const values = [
      '',
      ' =',
      ' = yes',
      ' = On',
      ' = TRUE',
      ' = no',
      ' = off',
      ' = 0',
      ' = 1',
      ' = 00',
      ' = 2k',
      ' = -1',
    ];
    writeFileSync(file, `[t]\n${values.map((value, index) => `v${index}${value}\n`).join('')}`);
    const git = (...args: string[]): string =>
      execFileSync('git', ['config', '--file', file, ...args], { encoding: 'utf8' });
    const configuration = parseConfiguration(git('--list', '-z'));
    for (const index of values.keys()) {
      assert.equal(String(configuration.bool(`t.v${index}`)), git('--bool', `t.v${index}`).trim(), `value ${index}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  assert.equal(parseConfiguration('').bool('a.b'), undefined);
  assert.throws(() => parseConfiguration('a.b\nmaybe\0').bool('a.b'), { code: 'config' });
});

test('options of the command line are part of it, and a broken file is an error', async () => {
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'Dvcexp.Jobs',
    GIT_CONFIG_VALUE_0: '3',
  };
  assert.equal((await readConfiguration({ env, cwd: tmpdir() })).get('dvcexp.jobs'), '3');
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-config-'));
  try {
    writeFileSync(join(directory, '.gitconfig'), '[broken\n');
    await assert.rejects(readConfiguration({ env: { ...env, HOME: directory }, cwd: tmpdir() }), { code: 'io' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
