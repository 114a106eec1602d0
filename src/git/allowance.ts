import { HelperError } from '../model/error.ts';

/** What one kept piece costs in memory beyond its bytes, roughly: so that a million empty ones count too. */
export const bytesPerPiece = 100;

/**
 * An upper limit for what the other side of a conversation can make this program keep. Call it with the size of each
 * piece, in bytes; it throws `unsupported` with `message` when all of them together are more than `most` bytes.
 * Every limit stands in docs/protocol.md, "Bounds".
 */
export function openAllowance(most: number, message: string): (size: number) => void {
  let spent = 0;
  return (size) => {
    spent += size + bytesPerPiece;
    if (spent > most) throw new HelperError('unsupported', message);
  };
}
