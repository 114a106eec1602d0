import { createHash, randomBytes } from 'node:crypto';
import type { Key } from '../model/object.ts';

/** A random share of objects, the same again for the same seed, whatever order they come in. */
export interface Sample {
  /** More than 0 and at most 1. */
  readonly share: number;
  /** Eight hex digits, or what the user gave. */
  readonly seed: string;
  has(key: Key): boolean;
}

/** @param seed undefined: a new one */
export function openSample(share: number, seed: string = randomBytes(4).toString('hex')): Sample {
  return {
    share,
    seed,
    has(key) {
      if (share >= 1) return true;
      return createHash('md5').update(`${seed} ${key}`).digest().readUInt32BE() / 2 ** 32 < share;
    },
  };
}
