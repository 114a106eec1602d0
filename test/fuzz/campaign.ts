import assert from 'node:assert/strict';
import { type Dice, openDice } from './dice.ts';
import { mutate, type Pieces } from './mutate.ts';
import { shrink } from './shrink.ts';

/** One way to misbehave towards the program. */
export interface Campaign {
  readonly name: string;
  /** What an honest side would say; a case is one of these, changed. */
  readonly honest: readonly Pieces[];
  /** Pieces to put in. */
  readonly dictionary: Pieces;
  /**
   * Plays one message; answers what is wrong with how the program took it, undefined when nothing is. All else it rolls
   * for itself (how bytes are cut, when the other side ends) comes from `dice`, in the same order every time.
   */
  judge(pieces: Pieces, honest: number, dice: Dice): Promise<string | undefined>;
}

export interface Round {
  readonly seed: number;
  readonly from: number;
  readonly cases: number;
}

const patienceMs = 20_000;
/** Far above what a conversation needs, far below what an endless one would take. */
const mostMemory = 1_500 * 1024 * 1024;

/** DVCEXP_FUZZ_SEED, or any; it is printed when a case fails. */
export function chooseSeed(): number {
  const given = process.env.DVCEXP_FUZZ_SEED;
  return given === undefined || given === '' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

/** `usual`, or its share of DVCEXP_FUZZ_CASES, of which 1,000 is usual. */
export function chooseCases(usual: number): number {
  const given = process.env.DVCEXP_FUZZ_CASES;
  return given === undefined || given === '' ? usual : Math.max(1, Math.round((Number(given) * usual) / 1_000));
}

async function judged(campaign: Campaign, pieces: Pieces, honest: number, seed: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no end after ${patienceMs / 1_000} s`), patienceMs);
  });
  try {
    const complaint = await Promise.race([campaign.judge(pieces, honest, openDice(seed)), late]);
    const memory = process.memoryUsage.rss();
    return complaint ?? (memory > mostMemory ? `took ${memory} bytes of memory` : undefined);
  } catch (error) {
    return `threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

const shown = (pieces: Pieces): string =>
  pieces
    .map((piece) => JSON.stringify(piece.toString('latin1')))
    .map((text) => (text.length > 600 ? `${text.slice(0, 300)}…${text.slice(-200)} (${text.length} characters)` : text))
    .join(',\n  ');

/** Runs the cases; the first that fails is made as short as it will get, and told. Honest messages go first. */
export async function run(campaign: Campaign, { seed, from, cases }: Round): Promise<void> {
  for (let number = from; number < from + cases; number += 1) {
    const own = Math.imul(seed + 1, 0x9e3779b1) ^ number;
    const dice = openDice(own);
    const unchanged = number < campaign.honest.length;
    const honest = unchanged ? number : dice.below(campaign.honest.length);
    const base = campaign.honest[honest] ?? [];
    const pieces = unchanged ? base : mutate(base, campaign.dictionary, dice);
    const complaint = await judged(campaign, pieces, honest, own);
    if (complaint === undefined) continue;
    const hangs = complaint.startsWith('no end');
    const still = async (less: Pieces): Promise<boolean> => (await judged(campaign, less, honest, own)) !== undefined;
    const shortest = await shrink(pieces, still, hangs ? 5 : 600);
    assert.fail(
      `${campaign.name}: ${complaint}\nDVCEXP_FUZZ_SEED=${seed}, case ${number}, from message ${honest}; the shortest found:\n  ${shown(shortest)}`,
    );
  }
}
