// The difference between two outcomes, and whether it is the one that was accepted.
import assert from 'node:assert/strict';
import type { Accepted, Bench, Difference, Form, Outcome } from './scenario.ts';

/** Lines that only one of the two has, in their order, by the longest common subsequence. */
function unequal(plain: readonly string[], ours: readonly string[]): readonly [readonly string[], readonly string[]] {
  const lengths = Array.from({ length: plain.length + 1 }, () => new Array<number>(ours.length + 1).fill(0));
  const at = (row: number, column: number): number => lengths[row]?.[column] ?? 0;
  for (let row = plain.length - 1; row >= 0; row -= 1) {
    for (let column = ours.length - 1; column >= 0; column -= 1) {
      const equal = plain[row] === ours[column];
      const length = equal ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
      lengths[row]?.splice(column, 1, length);
    }
  }
  const only: [string[], string[]] = [[], []];
  let row = 0;
  let column = 0;
  while (row < plain.length || column < ours.length) {
    if (row < plain.length && column < ours.length && plain[row] === ours[column]) {
      row += 1;
      column += 1;
    } else if (column >= ours.length || (row < plain.length && at(row + 1, column) >= at(row, column + 1))) {
      only[0].push(plain[row] ?? '');
      row += 1;
    } else {
      only[1].push(ours[column] ?? '');
      column += 1;
    }
  }
  return only;
}

export function differences(plain: Outcome, ours: Outcome): readonly Difference[] {
  const places = new Set([...plain.sections.keys(), ...ours.sections.keys()]);
  return [...places].flatMap((where) => {
    const [left, right] = [plain.sections.get(where) ?? [], ours.sections.get(where) ?? []];
    if (left.length === right.length && left.every((line, index) => line === right[index])) return [];
    const [onlyPlain, onlyOurs] = unequal(left, right);
    return [{ where, plain: onlyPlain, ours: onlyOurs }];
  });
}

/** What was accepted of a scenario in this run. */
export function acceptedOf(accepted: readonly Accepted[] | undefined, bench: Bench): readonly Difference[] {
  return (accepted ?? [])
    .filter(({ on }) => on === undefined || on.includes(bench.transport))
    .filter(({ forms }) => forms === undefined || forms.includes(bench.form))
    .flatMap(({ differences: expected }) => expected(bench));
}

/** Throws unless the two differ in exactly what was accepted. */
export function assertSame(
  { plain, ours }: { readonly plain: Outcome; readonly ours: Outcome },
  expected: readonly Difference[],
  form: Form,
): void {
  const sorted = (list: readonly Difference[]): readonly Difference[] =>
    [...list].sort((a, b) => (a.where < b.where ? -1 : 1));
  assert.deepEqual(sorted(differences(plain, ours)), sorted(expected), `form ${form}: other than with plain Git`);
}
