// Small texts, or big ones, that are made to fill the memory or to take for ever: in each parser that strangers feed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import type { Burst } from '../kit/bomb.ts';

const mostMs = 1_000;
/** Together. */
const mostMib = 200;
/** Nothing is wrong with these, or they are passed over as no listing: the parser only has to end. */
const taken = /prototype|that do not end|slashes|blanks|20,000 keys/;

/** What is printed until the process ends, or is ended. */
function setOff(): Promise<readonly Burst[]> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', 'test/kit/bomb.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      const bursts = said
        .split('\n')
        .slice(0, -1)
        .map((line): Burst => JSON.parse(line));
      if (code === 0) resolve(bursts);
      else reject(new Error(`the one after '${bursts.at(-1)?.name}' did not end`));
    });
  });
}

test('a bomb ends soon, in little memory and with words', async (context) => {
  const bursts = await setOff();
  assert.ok(bursts.length > 25, `${bursts.length} of them`);
  for (const { name, ms, mib, code, message } of bursts) {
    context.diagnostic(`${name}: ${ms} ms, ${mib} MiB more${message === '' ? '' : `: ${message}`}`);
    assert.ok(ms < mostMs, `${name}: ${ms} ms`);
    if (taken.test(name)) assert.equal(code, undefined, `${name}: ${message}`);
    else assert.ok(code === 'corrupt' || code === 'config', `${name}: ${code}: ${message}`);
  }
  const all = bursts.reduce((sum, { mib }) => sum + mib, 0);
  assert.ok(all < mostMib, `${all} MiB`);
});
