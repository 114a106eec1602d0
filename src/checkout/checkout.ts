import { setImmediate } from 'node:timers/promises';
import type { Operation } from '../model/operation.ts';
import { openFiles } from './files.ts';
import { openFolders } from './folders.ts';
import { openIgnored } from './ignored.ts';
import { openMemory } from './memory.ts';
import { openPlacer, type Placer } from './place.ts';
import type { CheckoutPlan, PlannedOutput } from './plan.ts';
import type { Change, CheckoutOptions, CheckoutResult } from './terms.ts';
import { removeUnneeded } from './unneeded.ts';

/** Files until signals are looked at. */
const breath = 64;

/**
 * Puts outputs into the work tree. A file is replaced or removed only when its bytes are in the cache, or with `force`; each
 * appears whole. What is missing leaves in place what stands there. Throws `io` when the disk is full or may not be written.
 */
export async function checkOut(
  plan: CheckoutPlan,
  options: CheckoutOptions,
  operation: Operation,
): Promise<CheckoutResult> {
  const folders = openFolders(options.top);
  const memory = openMemory(options.gitDirectory);
  const files = openFiles({ folders, memory, ignored: openIgnored(folders), ...options });
  const placers = new Map<string, Placer>();
  const placerOf = ({ cache, linkTypes }: PlannedOutput): Placer => {
    const name = `${cache.directory}\0${linkTypes}`;
    const placer = placers.get(name) ?? openPlacer(cache, linkTypes);
    placers.set(name, placer);
    return placer;
  };
  const changes: Change[] = [];
  try {
    if (options.unneeded) {
      changes.push(...(await removeUnneeded(options.caches, { folders, memory, ...options }, operation)));
    }
    let count = 0;
    for (const output of plan.outputs) {
      const start = files.begin(output);
      if (start === undefined) continue;
      if (await files.clear(output, operation)) {
        const placer = placerOf(output);
        for (const file of output.files.values()) {
          count += 1;
          if (count % breath === 0) {
            await setImmediate();
            operation.signal.throwIfAborted();
          }
          await files.put(file, output, placer, operation);
          options.onFile();
        }
      }
      const change = start.finish();
      if (change !== undefined) changes.push(change);
    }
  } finally {
    memory.save();
  }
  const { kept, missing, refused } = files.troubles();
  return {
    changes: changes.sort((one, other) => (one.path < other.path ? -1 : 1)),
    kept,
    missing: [...plan.missing, ...missing],
    refused: [...plan.refused, ...refused],
  };
}
