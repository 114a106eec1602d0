// A test file in a network of its own: there 192.0.2.1 is an address of this machine that is not loopback, as an
// attacker's is, and nothing else can be reached.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';

export const strangersHost = '192.0.2.1';

const inside = 'DVCEXP_TEST_OWN_NETWORK';
const setUp = `ip link set lo up && ip addr add ${strangersHost}/32 dev lo`;
/** `unshare -n` needs root, `unshare -rn` user namespaces. */
const unshare = (): readonly string[] | undefined =>
  [['-n'], ['-rn']].find(
    (flags) => spawnSync('unshare', [...flags, 'sh', '-c', setUp], { stdio: 'ignore' }).status === 0,
  );

/** What runs a command in such a network; undefined: this machine has none to give. */
export function commandInOwnNetwork(
  command: readonly string[],
): { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv } | undefined {
  const flags = unshare();
  if (flags === undefined) return undefined;
  const env = { ...process.env, [inside]: 'yes', NODE_TEST_CONTEXT: undefined };
  return { args: [...flags, 'sh', '-c', `${setUp} && exec "$@"`, 'sh', ...command], env };
}

/** Runs the file once more in such a network, with the tests that `define` defines. */
export function inOwnNetwork(file: string, define: () => void): void {
  if (process.env[inside] === 'yes') {
    define();
    return;
  }
  test('in a network of its own', { timeout: 600_000 }, async () => {
    const found = commandInOwnNetwork([process.execPath, '--import', 'tsx', '--test', file]);
    assert.ok(found, 'these tests need unshare(1) with network namespaces, and ip(8)');
    const child = spawn('unshare', found.args, { env: found.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
    const code = await new Promise((resolve) => child.once('close', resolve));
    const passed = Number(/^# pass (\d+)$/m.exec(said)?.[1] ?? 0);
    assert.equal(code, 0, said);
    assert.ok(passed > 0, said);
  });
}
