import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countOf, formatBytes, openMeter } from '../../src/report/progress.ts';

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
  const meter = openMeter('Uploading DVC data', 4, { enabled: true, write: (text) => (out += text), now: () => clock });
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
  const meter = openMeter('x', 1, { enabled: false, write: () => assert.fail('drawn'), now: () => clock });
  clock = 5000;
  meter.object();
  meter.finish(true);
});
