import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
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
  /** Processor time that one case may take; undefined: what `mostCpuMs` says. */
  readonly cpuMs?: number;
}

export interface Round {
  readonly seed: number;
  readonly from: number;
  readonly cases: number;
}

/** What the cases of a campaign have taken. */
export interface Effort {
  readonly cases: number;
  readonly wallMs: number;
  /** Processor time of the dearest case. */
  readonly longestMs: number;
}

const patienceMs = 20_000;
/** Far above any case of a conversation, far below what a reader takes that goes back and forth. */
const mostCpuMs = 10_000;
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

interface Judged {
  readonly complaint: string | undefined;
  readonly cpuMs: number;
}

async function judged(campaign: Campaign, pieces: Pieces, honest: number, seed: number): Promise<Judged> {
  let timer: NodeJS.Timeout | undefined;
  const before = process.cpuUsage();
  const spent = (): number => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  const bound = campaign.cpuMs ?? mostCpuMs;
  const found = (complaint: string | undefined): Judged => {
    const cpuMs = spent();
    return {
      complaint: complaint ?? (cpuMs > bound ? `took ${Math.round(cpuMs)} ms of processor time` : undefined),
      cpuMs,
    };
  };
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no end after ${patienceMs / 1_000} s`), patienceMs);
  });
  try {
    const complaint = await Promise.race([campaign.judge(pieces, honest, openDice(seed)), late]);
    const memory = process.memoryUsage.rss();
    return found(complaint ?? (memory > mostMemory ? `took ${memory} bytes of memory` : undefined));
  } catch (error) {
    return found(`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
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
export async function run(campaign: Campaign, { seed, from, cases }: Round): Promise<Effort> {
  const guard = openWatchdog();
  const began = performance.now();
  let longestMs = 0;
  try {
    for (let number = from; number < from + cases; number += 1) {
      const own = Math.imul(seed + 1, 0x9e3779b1) ^ number;
      const dice = openDice(own);
      const unchanged = number < campaign.honest.length;
      const honest = unchanged ? number : dice.below(campaign.honest.length);
      const base = campaign.honest[honest] ?? [];
      const pieces = unchanged ? base : mutate(base, campaign.dictionary, dice);
      guard.begin(`${campaign.name}: DVCEXP_FUZZ_SEED=${seed}, case ${number}, from message ${honest}`);
      const { complaint, cpuMs } = await judged(campaign, pieces, honest, own);
      longestMs = Math.max(longestMs, cpuMs);
      if (complaint === undefined) continue;
      const hangs = /^(?:no end|took)/.test(complaint);
      const still = async (less: Pieces): Promise<boolean> => {
        guard.begin(`${campaign.name}: while case ${number} of DVCEXP_FUZZ_SEED=${seed} is made shorter`);
        return (await judged(campaign, less, honest, own)).complaint !== undefined;
      };
      const shortest = await shrink(pieces, still, hangs ? 30 : 600);
      assert.fail(
        `${campaign.name}: ${complaint}\nDVCEXP_FUZZ_SEED=${seed}, case ${number}, from message ${honest}; the shortest found:\n  ${shown(shortest)}`,
      );
    }
  } finally {
    await guard.close();
  }
  return { cases, wallMs: performance.now() - began, longestMs };
}

interface Watchdog {
  /** A case begins, and is told by these words should it never end. */
  begin(words: string): void;
  close(): Promise<void>;
}

/** How long one case may keep this process from doing anything else. */
const deafMs = 60_000;

/**
 * Code that does not come back lets no timer fire, and node:test could only say that the file took too long. Whoever
 * watches from another thread can say which case it was, before it ends the process.
 */
function openWatchdog(): Watchdog {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
    const { writeSync } = require('node:fs');
    let words = '';
    let began = Date.now();
    parentPort.on('message', (text) => { words = text; began = Date.now(); });
    setInterval(() => {
      if (words === '' || Date.now() - began < workerData) return;
      writeSync(2, words + ' does not come back\\n');
      process.kill(process.pid, 'SIGKILL');
    }, 1000);`,
    { eval: true, workerData: deafMs },
  );
  worker.unref();
  return {
    begin: (words) => worker.postMessage(words),
    close: async () => void (await worker.terminate()),
  };
}
