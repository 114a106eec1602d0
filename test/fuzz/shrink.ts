import type { Pieces } from './mutate.ts';

type Fails = (pieces: Pieces) => Promise<boolean>;

/** Leaves out parts, halves first, as long as it still fails ("delta debugging"). */
async function reduce<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[]> {
  let kept = items;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (without.length < kept.length && (await fails(without))) kept = without;
      else at += size;
    }
  }
  return kept;
}

/** The shortest message found that still fails: without pieces first, then without bytes. Tries at most `tries` messages. */
export async function shrink(pieces: Pieces, fails: Fails, tries = 600): Promise<Pieces> {
  let left = tries;
  const trying: Fails = async (candidate) => {
    left -= 1;
    return left >= 0 && (await fails(candidate));
  };
  let kept = await reduce(pieces, trying);
  for (let index = 0; index < kept.length && left > 0; index += 1) {
    const bytes = await reduce([...(kept[index] ?? [])], (some) =>
      trying(kept.map((piece, at) => (at === index ? Buffer.from(some) : piece))),
    );
    kept = kept.map((piece, at) => (at === index ? Buffer.from(bytes) : piece));
  }
  return kept;
}
