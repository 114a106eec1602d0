import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPace } from '../../../src/storage/gdrive/pace.ts';
import { operation } from '../../conformance/storage.ts';

const { signal } = operation;

test('nobody waits until the service complains; then starts are spread, and come closer again', async () => {
  let nowMs = 1000;
  const pace = openPace(() => nowMs);
  const waits = async (count: number): Promise<number> => {
    const began = Date.now();
    await Promise.all(Array.from({ length: count }, () => pace.turn(signal)));
    return Date.now() - began;
  };
  assert.ok((await waits(100)) < 90);
  pace.complained();
  // What was under way at the same moment complains as well, and counts once.
  for (let at = 0; at < 20; at++) pace.complained();
  assert.ok((await waits(3)) >= 190);
  nowMs += 60_000;
  pace.complained();
  nowMs += 60_000;
  assert.ok((await waits(2)) >= 190);
  for (let at = 0; at < 200; at++) pace.succeeded();
  nowMs += 60_000;
  assert.ok((await waits(100)) < 90);
});

test('a turn that is waited for can be given up', async () => {
  const pace = openPace();
  pace.complained();
  await pace.turn(signal);
  const stop = new AbortController();
  const waiting = pace.turn(stop.signal);
  stop.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  await assert.rejects(pace.turn(AbortSignal.abort()), { name: 'AbortError' });
});
