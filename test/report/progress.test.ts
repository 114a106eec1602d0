import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countOf, formatBytes, openMeter, progressStyle } from '../../src/report/progress.ts';

test('amounts are printed as Git prints them', () => {
  assert.equal(formatBytes(0), '0 bytes');
  assert.equal(formatBytes(1), '1 byte');
  assert.equal(formatBytes(1023), '1023 bytes');
  assert.equal(formatBytes(1024), '1.00 KiB');
  assert.equal(formatBytes(12_897_485), '12.30 MiB');
  assert.equal(formatBytes(3 * 1024 ** 3), '3.00 GiB');
  assert.equal(formatBytes(5000 * 1024 ** 3), '5000.00 GiB');
  assert.equal(countOf(1, 'object'), '1 object');
  assert.equal(countOf(2, 'object'), '2 objects');
});

test('a meter waits, redraws at most ten times a second and ends its line', () => {
  let clock = 0;
  let out = '';
  const meter = openMeter(
    'Uploading DVC data',
    { objects: 4, bytes: undefined },
    { style: 'meter', write: (text) => (out += text), now: () => clock },
  );
  meter.object();
  assert.equal(out, '');
  clock = 1000;
  meter.bytes(2048);
  meter.object();
  meter.object();
  assert.equal(out, 'Uploading DVC data:  25% (1/4), 2.00 KiB | 2.00 KiB/s   \r');
  clock = 2000;
  meter.object();
  meter.finish(true);
  assert.match(out, /100% \(4\/4\), 2\.00 KiB \| 1\.00 KiB\/s, done\. {3}\n$/);
});

test('a meter that was not asked for draws nothing', () => {
  let clock = 0;
  const meter = openMeter(
    'x',
    { objects: 1, bytes: undefined },
    { style: 'none', write: () => assert.fail('drawn'), now: () => clock },
  );
  clock = 5000;
  meter.object();
  meter.finish(true);
});

test('the percentage is of the bytes where their total is known, and 100 only at the end', () => {
  let clock = 0;
  let out = '';
  const options = { style: 'meter' as const, write: (text: string) => (out += text), now: () => clock };
  const meter = openMeter('Uploading DVC data', { objects: 1, bytes: 1000 }, options);
  clock = 1000;
  meter.bytes(250);
  assert.match(out, /: {2}25% \(0\/1\), 250 bytes/);
  clock = 2000;
  meter.bytes(900);
  assert.match(out, / {2}99% \(0\/1\)/);
});

test('what is written while a meter runs begins a line of its own, and the meter goes on below', () => {
  let clock = 0;
  let out = '';
  const write = (text: string): string => (out += text);
  const meter = openMeter('x', { objects: 3, bytes: undefined }, { style: 'meter', write, now: () => clock });
  meter.makeWay();
  assert.equal(out, '');
  clock = 1000;
  meter.object();
  meter.makeWay();
  write('error: one is damaged\n');
  clock = 2000;
  meter.object();
  meter.finish(false);
  const [first, message, last] = out.split('\n');
  assert.match(first ?? '', /\(1\/3\).*\r$/);
  assert.equal(message, 'error: one is damaged');
  assert.match(last ?? '', /\(2\/3\).*\r.*\(2\/3\)/);
});

test('where Git asks for no progress a line comes now and then, ever more rarely, each whole', () => {
  let clock = 0;
  const lines: { at: number; text: string }[] = [];
  const write = (text: string): void => void lines.push({ at: clock / 1000, text });
  const meter = openMeter(
    'Uploading DVC data',
    { objects: 1000, bytes: undefined },
    { style: 'lines', write, now: () => clock },
  );
  for (; clock <= 300_000; clock += 500) meter.object();
  meter.makeWay();
  meter.finish(true);
  assert.deepEqual(
    lines.map(({ at }) => at),
    [2, 6, 14, 30, 62, 122, 182, 242],
  );
  assert.equal(lines[0]?.text, 'Uploading DVC data:   0% (5/1000), 0 bytes | 0 bytes/s\n');
  for (const { text } of lines) assert.match(text, /^[^\r\n]+\n$/);
});

test('the meter is for those who ask, lines for those who do not, and nothing for -q and for VS Code', () => {
  assert.equal(progressStyle(true, 1, {}), 'meter');
  assert.equal(progressStyle(true, 2, { VSCODE_GIT_COMMAND: 'clone' }), 'meter');
  assert.equal(progressStyle(false, 1, {}), 'lines');
  assert.equal(progressStyle(false, 0, {}), 'none');
  assert.equal(progressStyle(true, 0, {}), 'none');
  assert.equal(progressStyle(false, 1, { VSCODE_GIT_COMMAND: 'fetch' }), 'none');
});
