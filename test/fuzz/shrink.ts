import type { Pieces } from './mutate.ts';

/** So many parts of one piece are left out one by one. */
const mostSlices = 200;

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
    // A long one in slices, and again as long as it gets shorter; single bytes when there are few.
    for (let before = Number.POSITIVE_INFINITY; left > 0; ) {
      const whole = kept[index] ?? Buffer.alloc(0);
      if (whole.length >= before) break;
      before = whole.length;
      const size = Math.ceil(whole.length / mostSlices);
      const slices = Array.from({ length: Math.ceil(whole.length / Math.max(1, size)) }, (_, at) =>
        whole.subarray(at * size, (at + 1) * size),
      );
      const rest = await reduce(slices, (some) =>
        trying(kept.map((piece, at) => (at === index ? Buffer.concat(some) : piece))),
      );
      kept = kept.map((piece, at) => (at === index ? Buffer.concat(rest) : piece));
    }
  }
  return kept;
}
