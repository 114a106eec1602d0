// The program as Git starts it: what it loads, what it costs, what it writes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openWorld } from '../kit/world.ts';

const top = join(import.meta.dirname, '..', '..');
const world = openWorld({ GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', GITHUB_TOKEN: 'tok' });
after(() => world.remove());
const question = 'protocol=https\nhost=github.com\n\n';

test('through Git, as the last helper: keychains win', () => {
  const fill = (...helpers: string[]): string => {
    const options = helpers.flatMap((helper) => ['-c', `credential.helper=${helper}`]);
    return world.run(world.directory, 'git', [...options, 'credential', 'fill'], { input: question }).stdout;
  };
  assert.match(fill('dvcexp'), /^username=x-access-token\npassword=tok$/m);
  const keychain = '!f() { echo username=ada; echo password=kept; }; f';
  assert.match(fill(keychain, 'dvcexp'), /^username=ada\npassword=kept$/m);
});

test('operations that keep something keep nothing, and without one it says how it is used', () => {
  for (const [args, code, stdout] of [
    [['get'], 0, 'username=x-access-token\npassword=tok\n'],
    [['store'], 0, ''],
    [['erase'], 0, ''],
    [['whatever'], 0, ''],
    [[], 129, ''],
  ] as const) {
    const ran = world.run(world.directory, 'git-credential-dvcexp', args, { input: question });
    assert.deepEqual([ran.code, ran.stdout], [code, stdout], args.join());
    assert.equal(ran.stderr === '', code === 0);
  }
});

test('a question without end is not read to its end', () => {
  const input = 'x=y\n'.repeat(8 * 1024 * 1024);
  const ran = world.run(world.directory, 'git-credential-dvcexp', ['get'], { input });
  assert.deepEqual([ran.code, ran.stdout], [0, '']);
});

test('it loads a handful of modules of its own, and no package', () => {
  const { outputs } = JSON.parse(readFileSync(join(top, '.cache', 'credential-helper.json'), 'utf8')) as {
    outputs: Record<
      string,
      { entryPoint?: string; inputs: object; imports: { path: string; kind: string }[]; bytes: number }
    >;
  };
  const [entry] = Object.values(outputs).filter(({ entryPoint }) => entryPoint === 'src/main/credential-helper.ts');
  assert.ok(entry);
  const statically = entry.imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path);
  const chunks = statically.filter((path) => !path.startsWith('node:'));
  const allowed = ['node:fs', 'node:net', 'node:os', 'node:path', 'node:url'];
  assert.deepEqual(
    [...new Set(statically.filter((path) => path.startsWith('node:')))].filter((m) => !allowed.includes(m)),
    [],
  );
  const loaded = [entry, ...chunks.map((path) => outputs[path])];
  assert.ok(loaded.every((each) => !Object.keys(each?.inputs ?? {}).some((input) => input.includes('node_modules'))));
  assert.ok(loaded.reduce((sum, each) => sum + (each?.bytes ?? 0), 0) < 50_000);
});

test('it takes at most 25 ms of processor time more than a Node that does nothing', { timeout: 60_000 }, () => {
  // The shell's own account of its children: user and system time, in its second line.
  const cpuMs = (command: string): number => {
    const script = `printf '${question.replaceAll('\n', '\\n')}' | ${command} >/dev/null; times`;
    const { stdout } = spawnSync('sh', ['-c', script], { env: world.env, encoding: 'utf8' });
    const [, children = ''] = stdout.trim().split('\n');
    const times = [...children.matchAll(/(\d+)m([\d.]+)s/g)];
    return times.reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1000, 0);
  };
  const least = (command: string): number => Math.min(...Array.from({ length: 7 }, () => cpuMs(command)));
  const bare = least(`'${process.execPath}' -e 0`);
  const ours = least(`'${process.execPath}' '${join(top, 'dist', 'credential-helper.js')}' get`);
  assert.ok(ours - bare <= 25, `${ours} ms, and ${bare} ms for nothing`);
});
