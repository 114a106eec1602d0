import type { Dice } from './dice.ts';

/** A message in the pieces that its protocol knows: lines, or packets. */
export type Pieces = readonly Buffer[];

const troublesome = [
  '\0',
  '\r',
  '\n',
  '\n\n',
  ' ',
  '"',
  '\\',
  '\xff\xfe',
  '0000',
  '0001',
  '0002',
  '0003',
  '0004',
  'ffff',
  ':',
  '+',
].map((text) => Buffer.from(text, 'latin1'));

type Mutation = (pieces: Buffer[], dice: Dice, dictionary: Pieces) => void;

function change(pieces: Buffer[], dice: Dice, edit: (piece: Buffer, at: number) => Buffer): void {
  if (pieces.length === 0) return;
  const index = dice.below(pieces.length);
  const piece = pieces[index] ?? Buffer.alloc(0);
  pieces[index] = edit(piece, dice.below(piece.length + 1));
}

function splice(piece: Buffer, from: number, to: number, ...between: Buffer[]): Buffer {
  return Buffer.concat([piece.subarray(0, from), ...between, piece.subarray(to)]);
}

/** The whole message ends in mid-piece, as when its sender dies. */
function cutAll(pieces: Buffer[], dice: Dice): void {
  const index = dice.below(pieces.length + 1);
  const last = pieces[index];
  pieces.length = Math.min(index, pieces.length);
  if (last !== undefined) pieces.push(last.subarray(0, dice.below(last.length + 1)));
}

const mutations: readonly Mutation[] = [
  (pieces, dice) => void pieces.splice(dice.below(pieces.length), 1),
  (pieces, dice) => void pieces.splice(dice.below(pieces.length), dice.below(4)),
  (pieces, dice) => pieces.length > 0 && void pieces.splice(dice.below(pieces.length + 1), 0, dice.pick(pieces)),
  (pieces, dice, dictionary) => void pieces.splice(dice.below(pieces.length + 1), 0, dice.pick(dictionary)),
  (pieces, dice, dictionary) => void pieces.splice(dice.below(pieces.length), 1, dice.pick(dictionary)),
  (pieces, dice) => {
    const [one] = pieces.splice(dice.below(pieces.length), 1);
    if (one !== undefined) pieces.splice(dice.below(pieces.length + 1), 0, one);
  },
  (pieces, dice) => change(pieces, dice, (piece, at) => splice(piece, at, at + 1, Buffer.from([dice.below(256)]))),
  (pieces, dice) => change(pieces, dice, (piece, at) => splice(piece, at, at, dice.pick(troublesome))),
  (pieces, dice) => change(pieces, dice, (piece, at) => splice(piece, at, at + dice.below(8))),
  (pieces, dice) => change(pieces, dice, (piece, at) => piece.subarray(0, at)),
  (pieces, dice) => change(pieces, dice, (piece) => splice(piece, 0, 4, dice.pick(troublesome))),
  (pieces, dice) =>
    change(pieces, dice, (piece, at) => splice(piece, at, at, Buffer.alloc(1 + dice.below(3_000), 'a'))),
  (pieces, dice) => {
    // Longer than any buffer on the way, and sometimes than any line may be.
    if (dice.chance(0.1)) change(pieces, dice, (piece, at) => splice(piece, at, at, Buffer.alloc(1_100_000, 'b')));
  },
  (pieces, dice, dictionary) => {
    // The same again and again: what a reader that goes back and forth cannot bear.
    if (!dice.chance(0.1) || pieces.length === 0) return;
    const piece = dice.pick(dice.chance(0.5) ? dictionary : pieces);
    const times = 2 ** (1 + dice.below(16));
    if (piece.length * times > mostRepeated) return;
    pieces.splice(dice.below(pieces.length + 1), 0, Buffer.alloc(piece.length * times, piece));
  },
  cutAll,
];

/** Bytes. */
const mostRepeated = 4 * 1024 * 1024;

/** The pieces with one change to them, or a few; the dictionary holds pieces that mean something. */
export function mutate(pieces: Pieces, dictionary: Pieces, dice: Dice): Pieces {
  const changed = [...pieces];
  do dice.pick(mutations)(changed, dice, dictionary);
  while (dice.chance(0.5));
  return changed;
}
