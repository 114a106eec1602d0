import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { adaptiveLimit, fixedLimit, forEachConcurrent } from '../../src/transfer/concurrent.ts';

const operation = { signal: new AbortController().signal };

test('runs everything, never more than the limit at once', async () => {
  let alive = 0;
  let most = 0;
  const seen: number[] = [];
  await forEachConcurrent(
    Array.from({ length: 50 }, (_, index) => index),
    fixedLimit(7),
    async (item) => {
      alive += 1;
      most = Math.max(most, alive);
      await sleep(1);
      alive -= 1;
      seen.push(item);
    },
    operation,
  );
  assert.equal(most, 7);
  assert.equal(seen.length, 50);
});

test('the first error stops the others and is thrown when none is left behind', async () => {
  let alive = 0;
  let started = 0;
  await assert.rejects(
    forEachConcurrent(
      Array.from({ length: 100 }, (_, index) => index),
      fixedLimit(4),
      async (item, inner) => {
        started += 1;
        alive += 1;
        try {
          if (item === 5) throw new Error('five');
          await sleep(5, undefined, { signal: inner.signal });
        } finally {
          alive -= 1;
        }
      },
      operation,
    ),
    /five/,
  );
  assert.equal(alive, 0);
  assert.ok(started < 100);
});

test('an abort from outside ends the work', async () => {
  const controller = new AbortController();
  const work = forEachConcurrent(
    [1, 2, 3],
    fixedLimit(2),
    async (_item, inner) => {
      await sleep(10_000, undefined, { signal: inner.signal });
    },
    { signal: controller.signal },
  );
  controller.abort(new Error('stopped'));
  await assert.rejects(work, /stopped|aborted/);
});

test('nothing to do ends at once', async () => {
  await forEachConcurrent([], fixedLimit(2), async () => assert.fail('called'), operation);
});

test('the adaptive limit grows while that helps, and halves when the service complains', () => {
  let clock = 0;
  let complaints = 0;
  const limit = adaptiveLimit(
    4,
    64,
    () => complaints,
    () => clock,
  );
  const window = (count: number, elapsedMs: number): void => {
    clock += elapsedMs;
    for (let done = 0; done < count; done++) limit.finished();
  };
  window(4, 250);
  assert.equal(limit.current, 8);
  window(8, 250);
  assert.equal(limit.current, 16);
  window(16, 500);
  assert.equal(limit.current, 16);
  complaints = 1;
  window(16, 250);
  assert.equal(limit.current, 8);
});
