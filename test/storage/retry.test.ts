import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HelperError } from '../../src/model/error.ts';
import type { Retry, RetryPolicy, Storage } from '../../src/storage/remote.ts';
import { BusyError, retrying, withRetries } from '../../src/storage/retry.ts';
import { contentOf, failsWith, listAll, operation, readAll } from '../conformance/storage.ts';

const down = (): HelperError => new HelperError('unavailable', 'it is down', { hints: ['wait'] });

/** One object, 'abc' in three chunks; `fail` is asked before every step and throws to spoil it. */
function flaky(fail: (step: string) => void): { storage: Storage; steps: string[] } {
  const steps: string[] = [];
  const step = (name: string): void => {
    steps.push(name);
    fail(name);
  };
  const storage: Storage = {
    displayUrl: 'flaky',
    concurrency: 1,
    canList: true,
    async stat(key) {
      step('stat');
      return { key, size: 3 };
    },
    async *list() {
      for (const key of ['1', '2', '3']) {
        step(`list ${key}`);
        yield { key, size: 1 };
      }
    },
    async *read(_, { start = 0 }) {
      for (const letter of 'abc'.slice(start)) {
        step(`read ${letter}`);
        yield Buffer.from(letter);
      }
    },
    async write(_, content) {
      for await (const chunk of content.open()) step(`write ${Buffer.from(chunk)}`);
    },
    async close() {
      step('close');
    },
  };
  return { storage, steps };
}

/** Throws `error` for the first `times` of `step`. */
function failing(step: string, times: number, error: () => Error = down): (name: string) => void {
  let left = times;
  return (name) => {
    if (name === step && left-- > 0) throw error();
  };
}

const quick: Partial<RetryPolicy> = { shortestMs: 0, firstMs: 1, longestMs: 2 };

test('every verb is tried again, writing with rewound content', async () => {
  for (const [step, verb] of [
    ['stat', (to: Storage) => to.stat('k', operation)],
    ['list 3', (to: Storage) => listAll(to, '')],
    ['read a', (to: Storage) => readAll(to, 'k')],
    ['write b', (to: Storage) => to.write('k', contentOf('ab', 1), operation)],
  ] as const) {
    const { storage, steps } = flaky(failing(step, 4));
    await verb(withRetries(storage, quick));
    assert.equal(steps.filter((each) => each === step).length, 5, step);
  }
});

test('it gives up after five tries, and says so', async () => {
  const { storage, steps } = flaky(failing('stat', 99));
  await assert.rejects(
    withRetries(storage, quick).stat('k', operation),
    failsWith('unavailable', /it is down \(tried 5 times\)\nwait/),
  );
  assert.equal(steps.length, 5);
});

test('two layers of retry do not multiply', async () => {
  const { storage, steps } = flaky(failing('stat', 99));
  const inner = withRetries(storage, quick);
  await assert.rejects(retrying(quick)('outer', operation.signal, () => inner.stat('k', operation)));
  assert.equal(steps.length, 5);
});

test('what cannot pass is not tried again', async () => {
  for (const code of ['auth', 'config', 'missing', 'corrupt', 'io', 'full', 'unsupported', 'interrupted'] as const) {
    const { storage, steps } = flaky(failing('stat', 1, () => new HelperError(code, 'no')));
    await assert.rejects(withRetries(storage, quick).stat('k', operation), failsWith(code));
    assert.equal(steps.length, 1, code);
  }
  const { storage, steps } = flaky(failing('stat', 1, () => new TypeError('a mistake of ours')));
  await assert.rejects(withRetries(storage, quick).stat('k', operation), TypeError);
  assert.equal(steps.length, 1);
});

test('a read that has handed out bytes goes on behind them', async () => {
  const { storage, steps } = flaky(failing('read b', 1));
  assert.equal(String(await readAll(withRetries(storage, quick), 'k')), 'abc');
  assert.deepEqual(steps, ['read a', 'read b', 'read b', 'read c']);
  steps.length = 0;
  assert.equal(String(await readAll(withRetries(storage, quick), 'k', { ...operation, start: 1 })), 'bc');
  assert.deepEqual(steps, ['read b', 'read c']);
});

test('a read that breaks often is patient as long as something comes, and ends', async () => {
  const endless: Storage = {
    ...flaky(() => {}).storage,
    async *read(_, { start = 0 }) {
      yield Buffer.alloc(1);
      if (start < 50) throw down();
    },
  };
  assert.equal((await readAll(withRetries(endless, quick), 'k')).length, 51);
  let tries = 0;
  const hopeless: Storage = {
    ...endless,
    async *read() {
      tries += 1;
      yield Buffer.alloc(1);
      throw down();
    },
  };
  await assert.rejects(readAll(withRetries(hopeless, quick), 'k'), failsWith('unavailable', /tried 5 times/));
  assert.equal(tries, 104);
  const dead = flaky(failing('read b', 99));
  await assert.rejects(readAll(withRetries(dead.storage, quick), 'k'), failsWith('unavailable', /tried 5 times/));
  assert.deepEqual(dead.steps, ['read a', ...Array(5).fill('read b')]);
});

test('a reader who leaves is no failure', async () => {
  const { storage, steps } = flaky(() => {});
  for await (const _ of withRetries(storage, quick).read('k', operation)) break;
  assert.deepEqual(steps, ['read a']);
});

test('waits grow, have a floor and a ceiling, and heed the service within reason', async () => {
  const retries: Retry[] = [];
  const policy = {
    shortestMs: 2,
    firstMs: 4,
    longestMs: 8,
    longestWishMs: 30,
    onRetry: (each: Retry) => retries.push(each),
  };
  const wishes = [undefined, 20, 10_000, undefined];
  const error = (): Error => new BusyError('slow down', { retryAfterMs: wishes.shift() });
  await withRetries(flaky(failing('stat', 4, error)).storage, policy).stat('k', operation);
  assert.equal(retries.length, 4);
  assert.ok(retries.every((each) => each.throttled));
  const waits = retries.map((each) => each.delayMs);
  assert.ok((waits[0] ?? 0) >= 2 && (waits[0] ?? 9) <= 4, String(waits));
  assert.equal(waits[1], 20);
  assert.equal(waits[2], 30);
  assert.ok((waits[3] ?? 0) >= 2 && (waits[3] ?? 99) <= 8, String(waits));
});

test('an abort ends the wait with its own reason', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const { storage, steps } = flaky(failing('stat', 99));
  const patient = withRetries(storage, { firstMs: 60_000, longestMs: 60_000, shortestMs: 60_000 });
  setTimeout(() => stop.abort(reason), 20);
  await assert.rejects(patient.stat('k', { signal: stop.signal }), (error) => error === reason);
  assert.equal(steps.length, 1);
});
