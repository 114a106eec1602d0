/** Those of `known` that differ least from `word` by letters added, left out, changed or swapped; none when all are far. */
export function nearest(word: string, known: readonly string[]): readonly string[] {
  const far = Math.max(2, Math.floor(word.length / 3));
  let least = far + 1;
  let found: string[] = [];
  for (const each of known) {
    if (Math.abs(each.length - word.length) > far) continue;
    const distance = distanceOf(word.toLowerCase(), each.toLowerCase());
    if (distance > least || distance > far) continue;
    if (distance < least) found = [];
    least = distance;
    found.push(each);
  }
  return found;
}

/** Damerau's distance with adjacent swaps. */
function distanceOf(one: string, other: string): number {
  let before: number[] = [];
  let above = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row++) {
    const line = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      let least = Math.min(
        (above[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (swapped) least = Math.min(least, (before[column - 2] ?? 0) + 1);
      line.push(least);
    }
    before = above;
    above = line;
  }
  return above[other.length] ?? 0;
}
