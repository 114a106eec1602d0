import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { Output } from './outputs.ts';

/** A word by which somebody means outputs, or something in them. */
export interface Target {
  /** As it was typed. */
  readonly word: string;
  /** From the top of the repository, '' for the top itself. */
  readonly path: string;
}

/** What of an output is meant: all of it, or what is at or below some paths in it. */
export interface Part {
  readonly whole: boolean;
  /** True for a file of the output that is meant. Whoever asks has it: its word has met something then. */
  includes(relpath: string): boolean;
}

/** Outputs as people mean them: by path, by a folder above it or a file in it, by metafile, or by stage. */
export interface Targets {
  /** undefined: the output is not meant. */
  of(output: Output): Part | undefined;
  /** Words that meant nothing so far, though some may still be files in an output that was chosen. */
  unmet(): readonly string[];
  /** Words that mean no output, nor anything in one. */
  strangers(): readonly string[];
}

/** All of an output. */
export const everything: Part = { whole: true, includes: () => true };

/** @param folder where the words were typed, from the top of the repository; '' for the top itself */
export function openTargets(targets: readonly Target[], folder: string): Targets {
  const met = new Set<Target>();
  const touched = new Set<Target>();
  const isStage = (word: string, { file, stage }: Output): boolean => {
    if (stage === undefined) return false;
    // Without the instance, as in `train@0`, all of them are meant.
    const names = [stage, stage.slice(0, Math.max(0, stage.lastIndexOf('@')))].filter((name) => name !== '');
    const short = posix.dirname(file) === (folder === '' ? '.' : folder);
    return names.some((name) => (short && word === name) || posix.join(folder, word) === `${file}:${name}`);
  };
  const means = ({ word, path }: Target, output: Output): boolean =>
    path === '' ||
    output.path === path ||
    output.path.startsWith(`${path}/`) ||
    output.file === path ||
    isStage(word, output);

  return {
    of(output) {
      if (targets.length === 0) return everything;
      const whole = targets.filter((target) => means(target, output));
      for (const target of whole) {
        met.add(target);
        touched.add(target);
      }
      if (whole.length > 0) return everything;
      const below = targets
        .filter(({ path }) => path.startsWith(`${output.path}/`))
        .map((target) => ({ target, relpath: target.path.slice(output.path.length + 1) }));
      if (below.length === 0) return undefined;
      for (const { target } of below) touched.add(target);
      return {
        whole: false,
        includes(file) {
          const by = below.filter(({ relpath }) => file === relpath || file.startsWith(`${relpath}/`));
          for (const { target } of by) met.add(target);
          return by.length > 0;
        },
      };
    },
    unmet: () => targets.flatMap((target) => (met.has(target) ? [] : [target.word])),
    strangers: () => targets.flatMap((target) => (touched.has(target) ? [] : [target.word])),
  };
}

/** Throws `usage` when some words mean nothing. */
export function refuseStrangers(words: readonly string[], where: string): void {
  const [word] = words;
  if (word === undefined) return;
  throw new HelperError('usage', `'${printable(word)}' is no output of ${where}, and no file in one`, {
    hints: ['outputs are what .dvc files and dvc.yaml name; a folder means all outputs in it'],
  });
}
