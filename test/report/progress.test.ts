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
  const meter = openMeter(
    'Uploading DVC data',
    { objects: 4, bytes: undefined },
    { enabled: true, write: (text) => (out += text), now: () => clock },
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
    { enabled: false, write: () => assert.fail('drawn'), now: () => clock },
  );
  clock = 5000;
  meter.object();
  meter.finish(true);
});

test('the percentage is of the bytes where their total is known, and 100 only at the end', () => {
  let clock = 0;
  let out = '';
  const options = { enabled: true, write: (text: string) => (out += text), now: () => clock };
  const meter = openMeter('Uploading DVC data', { objects: 1, bytes: 1000 }, options);
  clock = 1000;
  meter.bytes(250);
  assert.match(out, /: {2}25% \(0\/1\), 250 bytes/);
  clock = 2000;
  meter.bytes(900);
  assert.match(out, / {2}99% \(0\/1\)/);
});
