import type { Operation } from '../model/operation.ts';

/**
 * The same items; throws the signal's reason as soon as it is aborted, also while the source keeps us waiting. Stopping
 * early closes the source.
 */
export async function* interruptible<Item>(
  source: AsyncIterable<Item>,
  { signal }: Operation,
): AsyncGenerator<Item, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let reject: ((reason: unknown) => void) | undefined;
  const interrupt = (): void => reject?.(signal.reason);
  signal.addEventListener('abort', interrupt);
  let isWaiting = false;
  let isDone = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      isWaiting = true;
      // Not Promise.race with one long-lived promise: that would keep a reaction for every item of a long stream.
      const next = await new Promise<IteratorResult<Item>>((resolve, refuse) => {
        reject = refuse;
        iterator.next().then(resolve, refuse);
      });
      isWaiting = false;
      isDone = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', interrupt);
    if (!isDone) {
      const closed = Promise.resolve(iterator.return?.()).catch(() => undefined);
      // A source that is still busy with its item answers only after that, which may be never.
      if (!isWaiting) await closed;
    }
  }
}
