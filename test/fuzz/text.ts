import { HelperError } from '../../src/model/error.ts';
import type { Pieces } from './mutate.ts';

/** One piece for each word. */
export const words = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));

/** A text in its tokens: what `token` (with `g`) finds, and what stands between. */
export function tokens(text: string, token: RegExp): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (const match of text.matchAll(token)) {
    found.push(...words(text.slice(at, match.index), match[0]));
    at = match.index + match[0].length;
  }
  return [...found, ...words(text.slice(at))].filter((piece) => piece.length > 0);
}

export const textOf = (pieces: Pieces): string => Buffer.concat(pieces).toString();

/** What the work answers; the error where it said no in words for people. All else that it throws is a finding. */
export async function attempt<T>(work: () => T | Promise<T>): Promise<T | HelperError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HelperError) return error;
    throw error;
  }
}

/** C0 and DEL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
export const control: RegExp = /[\u0000-\u001f\u007f]/;
